"""Approval rules that can never be met: refused before anybody waits for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from govflow.approval.effective import raised
from govflow.approval.models import ApprovalRule, Stage
from govflow.approval.people import person_key, same_person
from govflow.approval.selectors import USER
from govflow.approval.stages import approvers_of, stages_of
from govflow.policy.enough import Lack, Places, Waited, lack

_KINDS: Final = {"role:": "roles", "group:": "groups"}


def unsatisfiable(
    rule: ApprovalRule,
    known_principals: Mapping[str, Mapping[str, Any]],
    requester: str | None,
    owners: Iterable[str] = (),
    inactive: Iterable[str] = (),
) -> str | None:
    """Why the rule can never be met, in words; ``None`` if it can, or if nobody knows who has the roles it names.

    It is also taken as one that cannot be met where there are too many ways to meet it for that to be found out.

    Distinct people have to fill all places of all stages that are waited for. Thresholds that are still in the rule
    are taken at their highest; escalation is taken to have let everybody in.

    Args:
        rule: counted are the people whom it names and the known principals who hold a role, or are in a group, that it
            names. ``*`` lets in people whom nobody has listed, so a group with it can be filled.
        known_principals: name to ``{"roles": [...], "groups": [...]}``, as in a policy document. If nobody in it has
            any groups, groups come from elsewhere, and what names one cannot be judged; so with roles if it is empty.
        requester: who never counts; ``None`` when the rule is judged before there is a request.
        owners: of what started the run; they count as little.
        inactive: people who were deactivated: they answer nothing, however the rule names them.
    """
    whole = raised(rule, max((one.required for one in rule.thresholds), default=0))
    known = {name: _selectors(principal) for name, principal in known_principals.items()}
    judged = {USER}
    if known:
        judged.add("role:")
    if any(principal.get("groups") for principal in known_principals.values()):
        judged.add("group:")
    further = tuple(approver for one in whole.escalation for approver in one.approvers)
    stages = [_waited(stage, further) for stage in stages_of(whole) if not stage.optional]
    gone = [name for name in (requester, *owners) if name is not None]
    left = frozenset(person_key(name) for name in inactive)
    out = left | {person_key(name) for name in gone}
    found = lack(stages, known, out, lambda selector: selector.startswith(tuple(judged)), person_key)
    if found is None:
        return None
    without = lack(stages, known, left, lambda selector: selector.startswith(tuple(judged)), person_key)
    changed = without is None or without.found > found.found
    return _in_words(whole, found, _besides(requester, owners) if changed else "")


def _waited(stage: Stage, further: tuple[str, ...]) -> Waited:
    groups = tuple(Places((*group.approvers, *further), group.required) for group in stage.groups)
    return Waited(groups, any=stage.need == "any")


def _selectors(principal: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(f"{kind}{name}" for kind, field in _KINDS.items() for name in principal.get(field, ()))


def _besides(requester: str | None, owners: Iterable[str]) -> str:
    others = [name for name in owners if requester is None or not same_person(name, requester)]
    said = [f"the requester {requester}"] if requester is not None else []
    said += [f"the owner {name}" for name in others]
    return f" besides {' and '.join(said)}"


def _in_words(rule: ApprovalRule, found: Lack, besides: str) -> str:
    if found.unknown:
        return (
            f"Nobody can tell whether approval rule {rule.name!r} can be met{besides}: its stages with 'need: any' can "
            "be filled in too many ways."
        )
    named = ", ".join(approvers_of(rule)) or "nobody"
    if not rule.stages:
        return f"Approval rule {rule.name!r} needs {found.needed}, and names {found.found}{besides}: {named}."
    return (
        f"Approval rule {rule.name!r} needs {found.needed} different people in its stages, and those whom it names"
        f"{besides} can fill {found.found} of these places: {named}."
    )
