"""What one policy has that another has not, by the names of its rules: for the record of a change.

An outline is small enough for the log and enough to tell a change by: a fingerprint for each rule and section. So
whoever finds a new policy needs nothing of the old one but the record that it left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from govflow.ir.canonical import canonical_digest
from govflow.policy.document import PolicyDocument

_LETTERS: Final = 16  # of a fingerprint: it tells a change from none, the digest is what is relied on
_NO_OUTLINE: Final[Mapping[str, Any]] = {"rules": {}, "rollouts": {}, "sections": {}}


def outline(document: PolicyDocument) -> dict[str, Any]:
    """JSON values: ``rules`` and ``sections``, name to fingerprint, and ``rollouts``, name of a rule to its percent."""
    policy = document.policy
    rules = {rule.name: rule.model_dump(mode="json") for rule in policy.rules}
    sections: dict[str, Any] = {
        "policy": policy.model_dump(mode="json", include={"default_effect", "combining"}),
        "bands": policy.model_dump(mode="json", include={"bands"}),
        "exceptions": policy.model_dump(mode="json", include={"exceptions"}),
        "approvals": dict(document.approvals),
        "principals": dict(document.principals),
        "vocabulary": [list(document.actions), list(document.providers)],
        "tiers": list(document.tiers),
    }
    if document.layers:
        sections["policy"] = {name: outline(part)["sections"]["policy"] for name, part in document.layers.items()}
    return {
        "rules": {name: _fingerprint(rule) for name, rule in sorted(rules.items())},
        "rollouts": {rule.name: rule.rollout.percent for rule in policy.rules if rule.rollout is not None},
        "sections": {name: _fingerprint(section) for name, section in sections.items()},
    }


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any]:
    """What happened between two outlines, as JSON values.

    Args:
        before: None where there was no policy.
        after: of the policy that holds now.

    Returns:
        ``added``, ``removed`` and ``changed``: names of rules. ``rollout``: name to percent before and after, of rules
        whose share changed; None is no rollout, so all of it. ``sections``: what else changed.
    """
    old = before or _NO_OUTLINE
    were, are = old["rules"], after["rules"]
    shares = {
        name: [old["rollouts"].get(name), after["rollouts"].get(name)]
        for name in sorted({*old["rollouts"], *after["rollouts"]})
    }
    sections = [name for name, print_ in after["sections"].items() if old["sections"].get(name) != print_]
    return {
        "added": sorted(are.keys() - were.keys()),
        "removed": sorted(were.keys() - are.keys()),
        "changed": sorted(name for name in are.keys() & were.keys() if are[name] != were[name]),
        "rollout": {name: share for name, share in shares.items() if share[0] != share[1]},
        "sections": sections if before is not None else [],
    }


def _fingerprint(value: object) -> str:
    return canonical_digest(value).removeprefix("sha256:")[:_LETTERS]
