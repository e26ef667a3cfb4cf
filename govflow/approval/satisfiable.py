"""Approval rules that can never be met: refused before anybody waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from govflow.approval.models import ApprovalRule
from govflow.approval.people import person_key

_USER: Final = "user:"
_ROLE: Final = "role:"


def unsatisfiable(
    rule: ApprovalRule, known_principals: Mapping[str, Mapping[str, Any]], requester: str | None
) -> str | None:
    """Why the rule can never be met, in words; ``None`` if it can, or if that cannot be judged.

    Args:
        rule: counted are the people whom it names and the known principals who hold a role that it names. ``*`` lets
            in people whom nobody has listed, so a rule with it can be met.
        known_principals: name to ``{"roles": [...]}``, as in a policy document. If there are none, roles come from
            elsewhere, and a rule that names one cannot be judged.
        requester: who never counts; ``None`` when the rule is judged before there is a request.
    """
    if "*" in rule.approvers:
        return None
    roles = {approver.removeprefix(_ROLE) for approver in rule.approvers if approver.startswith(_ROLE)}
    if roles and not known_principals:
        return None
    people = {person_key(name.removeprefix(_USER)) for name in rule.approvers if name.startswith(_USER)}
    people |= {person_key(name) for name, known in known_principals.items() if roles & set(_roles(known))}
    without = people - {person_key(requester)} if requester is not None else people
    if len(without) >= rule.required:
        return None
    besides = f" besides the requester {requester}" if requester is not None and len(without) < len(people) else ""
    return (
        f"Approval rule {rule.name!r} needs {rule.required}, and names {len(without)}{besides}: "
        f"{', '.join(rule.approvers) or 'nobody'}."
    )


def _roles(principal: Mapping[str, Any]) -> Sequence[str]:
    roles: Sequence[str] = principal.get("roles", ())
    return roles
