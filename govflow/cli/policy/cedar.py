"""``govflow policy export-cedar`` and ``import-cedar``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def export_policy(policy: Path, /, *, output: Path | None = None, format: Literal["text", "json"] = "text") -> int:
    """Write a policy as Cedar policies, for those who have Cedar and its analyser.

    An allow becomes a permit, a deny a forbid, and a require_approval a forbid with an annotation, so that an engine
    which knows nothing of govflow is never laxer. Needs the extra govflow[cedar].

    Exit code 0: written. 2: something cannot be said in Cedar (the error lists it all), or the policy cannot be used.

    Example:  govflow policy export-cedar policy.yaml --output policy.cedar

    Args:
        policy: a policy file.
        output: write to this file.
        format: text for Cedar text, json for an object that holds it.
    """
    from govflow.cli.output import deliver, json_text
    from govflow.cli.policy.chosen import document_of
    from govflow.policy.cedar import export_cedar

    document = document_of(policy)
    text = export_cedar(document)
    deliver(json_text({"policy_digest": document.digest, "cedar": text}) if format == "json" else text, output)
    return 0


def import_policy(
    cedar: Path,
    /,
    *,
    name: str = "imported",
    combining: Literal["first_match", "deny_overrides", "permit_overrides"] = "deny_overrides",
    sections: Path | None = None,
    output: Path | None = None,
    format: Literal["text", "json"] = "text",
) -> int:
    """Write Cedar policies as a policy file, of which nothing is dropped: what no rule can hold is refused.

    A clause that compares attributes with literals becomes a condition. Templates, groups of entities, sums,
    if-then-else and comparisons of two attributes are refused with the line of their policy. Needs govflow[cedar].

    Exit code 0: written. 2: the text cannot be used, or says something that a policy file cannot.

    Example:  govflow policy import-cedar policy.cedar --name acme --output policy.yaml

    Args:
        cedar: a file of Cedar policies.
        name: of the policy.
        combining: how the rules are combined. Cedar's own way is deny_overrides.
        sections: a policy file whose attributes, approvals, principals, actions, providers and tiers are taken over.
        output: write to this file.
        format: text for YAML, json for the same as JSON.
    """
    from govflow.cli.output import deliver, json_text
    from govflow.policy.cedar import import_cedar
    from govflow.policy.rules import Combining
    from govflow.services.policy_text import policy_sections, policy_yaml, read_foreign
    from govflow.services.read_policy import read_policy

    around = policy_sections(read_policy(sections)) if sections else {}
    taken = {key: held for key, held in around.items() if key not in {"version", "policy"}}
    document = import_cedar(read_foreign(cedar), str(cedar), name=name, combining=Combining(combining), sections=taken)
    deliver(json_text(policy_sections(document)) if format == "json" else policy_yaml(document), output)
    return 0
