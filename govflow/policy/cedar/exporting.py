"""Our rules as Cedar policies: deny becomes ``forbid``, allow ``permit``, require_approval a ``forbid`` that says so.

So an engine that knows nothing of our annotations is never laxer: what it permits, the policy allows. Cedar has no
order among policies; the annotations ``@priority`` and ``@effect`` hold what it lacks, and
:class:`govflow.policy.cedar.CedarEngine` reads them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from govflow.errors import PolicyError
from govflow.policy.cedar import terms
from govflow.policy.cedar.conditions import Problem, Terms, Unsayable, pattern_of
from govflow.policy.cedar.library import Form, library, written
from govflow.policy.cedar.terms import like, some, two
from govflow.policy.document import PolicyDocument
from govflow.policy.globs import normal_glob
from govflow.policy.model import Effect
from govflow.policy.places import Path
from govflow.policy.places import written as place_written
from govflow.policy.rules import Combining, PolicyRule, PolicySet
from govflow.policy.selectors import EVERYONE

DEFAULT: Final = "default"
LAST_PRIORITY: Final = 2**31 - 1
_ANY: Final = {"op": "All"}
_SHOWN: Final = 20  # problems in a message; the details hold all


def export_cedar(document: PolicyDocument) -> str:
    """The rules as Cedar text.

    Rules that never decide (``off``, ``shadow``, ``advisory``) are left out, since in Cedar they would; comments name
    them.

    Raises:
        PolicyError: something cannot be said in Cedar; the message lists it all, ``details["problems"]`` too.
    """
    library()
    problems: list[Problem] = []
    policies = cedar_forms(document, problems)
    if problems:
        raise _refusal(document.where, problems)
    return f"{_head(document.policy)}\n{written(policies)}"


def cedar_forms(document: PolicyDocument, problems: list[Problem]) -> list[Form]:
    """The policies in Cedar's JSON format; what cannot be said is added to ``problems``."""
    policy = document.policy
    if policy.exceptions:
        mend = "Write them as conditions of their rules."
        problems.append((("policy", "exceptions"), "Cedar has no exceptions", mend))
    forms = [
        _rule(rule, ("policy", "rules", index), _band(rule, policy), Terms(document.schema, problems))
        for index, rule in enumerate(policy.rules)
        if rule.decides
    ]
    return forms + _default(policy, problems)


def _rule(rule: PolicyRule, here: Path, band: str | None, conditions: Terms) -> Form:
    problems = conditions.problems
    if rule.rollout is not None:
        problems.append(((*here, "rollout"), "Cedar has no share of requests", "Remove it, or write a condition."))
    principal, found = _subjects(rule.subjects)
    action, wild = _actions(rule.actions, (*here, "actions"), problems)
    found += wild + _resources(rule.resources, (*here, "resources"), problems)
    found += conditions.group(rule.conditions, (*here, "conditions"), rule.restricts)
    if rule.expires is not None:
        found.append(conditions.condition("run.time", "before", rule.expires, rule.restricts))
    return {
        "effect": "permit" if rule.effect is Effect.ALLOW else "forbid",
        "principal": principal,
        "action": action,
        "resource": _ANY,
        "conditions": [{"kind": "when", "body": term} for term in found],  # all of them must hold
        "annotations": _annotations(rule, band),
    }


def _annotations(rule: PolicyRule, band: str | None) -> dict[str, str]:
    said: dict[str, Any] = {"id": rule.name}
    if rule.effect is Effect.REQUIRE_APPROVAL:
        said["effect"] = str(rule.effect)
    said |= {"priority": str(rule.priority), "description": rule.description, "approval": rule.approval, "band": band}
    for name in ("obligations", "stride", "compliance"):
        listed = [str(item) for item in getattr(rule, name)]
        said[name] = json.dumps(listed, ensure_ascii=False) if listed else None
    return {name: text for name, text in said.items() if text}


def _band(rule: PolicyRule, policy: PolicySet) -> str | None:
    """The security band of a rule that denies or asks."""
    if not rule.restricts:
        return None
    return next((name for name, band in policy.bands.items() if band.security and band.holds(rule)), None)


def _default(policy: PolicySet, problems: list[Problem]) -> list[Form]:
    if policy.default_effect is Effect.DENY:
        return []
    allows = policy.default_effect is Effect.ALLOW
    if policy.combining is not Combining.FIRST_MATCH and not (allows and policy.combining is Combining.DENY_OVERRIDES):
        said = f"Cedar denies what nothing permits, and {policy.combining} has no last rule"
        problems.append((("policy", "default"), said, "Write 'default: deny' and rules for the rest."))
    annotations = {"id": DEFAULT, "priority": str(LAST_PRIORITY)}
    if not allows:
        annotations["effect"] = str(policy.default_effect)
    return [
        {
            "effect": "permit" if allows else "forbid",
            **dict.fromkeys(("principal", "action", "resource"), _ANY),
            "conditions": [],
            "annotations": annotations,
        }
    ]


def _subjects(subjects: Sequence[str]) -> tuple[Form, list[Form]]:
    if EVERYONE in subjects:
        return _ANY, []
    named = [selector.partition(":") for selector in subjects]
    entities = [(terms.ENTITY_OF_KIND[kind], name) for kind, _, name in named]
    if len(entities) == 1:
        kind, name = entities[0]
        return {"op": "in", "entity": {"type": kind, "id": name}}, []
    held = [two("in", {"Var": "principal"}, terms.entity(kind, name)) for kind, name in entities]
    return _ANY, [some(held)]


def _actions(globs: Sequence[str], here: Path, problems: list[Problem]) -> tuple[Form, list[Form]]:
    patterns = _patterns(globs, here, problems)
    if [None] in patterns:
        return _ANY, []
    if all(len(pattern) == 1 and pattern[0] is not None for pattern in patterns):
        return {"op": "in", "entities": [{"type": terms.ACTION, "id": pattern[0]} for pattern in patterns]}, []
    return _ANY, [some([like(terms.read("action"), pattern) for pattern in patterns])]


def _resources(globs: Sequence[str], here: Path, problems: list[Problem]) -> list[Form]:
    patterns = _patterns([normal_glob(glob) for glob in globs], here, problems)
    if [None] in patterns:
        return []
    return [some([like(terms.read("resource"), pattern) for pattern in patterns])]


def _patterns(globs: Sequence[str], here: Path, problems: list[Problem]) -> list[list[str | None]]:
    found = []
    for number, glob in enumerate(globs):
        try:
            found.append(pattern_of(glob))
        except Unsayable as problem:
            problems.append(((*here, number), *problem.args))
    return found


def _head(policy: PolicySet) -> str:
    silent = [rule.name for rule in policy.rules if not rule.decides]
    lines = [
        f"// {policy.name}: exported from a govflow policy, whose rules are combined by {policy.combining}.",
        '// A forbid with @effect("require_approval") asks people. Treat errors of evaluation as a deny.',
        *(f"// Left out, since it never decides: {name}." for name in silent),
    ]
    return "\n".join(" ".join(line.split()) for line in lines)


def _refusal(where: str, problems: Sequence[Problem]) -> PolicyError:
    told = [{"field": place_written(path), "problem": problem, "mend": mend} for path, problem, mend in problems]
    shown = [f"\n  {one['field']}: {one['problem']}" for one in told[:_SHOWN]]
    if len(told) > _SHOWN:
        shown.append(f"\n  and {len(told) - _SHOWN} more")
    return PolicyError(
        f"{where}: {len(told)} thing(s) cannot be said in Cedar:{''.join(shown)}",
        mend=told[0]["mend"],
        details={"file": where, "problems": told},
    )
