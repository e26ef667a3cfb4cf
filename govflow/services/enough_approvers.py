"""Whether enough people can ever answer: by the policy file alone, by the store, and before a request is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from govflow.approval.models import ApprovalRequest, ApprovalRule
from govflow.approval.satisfiable import unsatisfiable
from govflow.errors import Denied

if TYPE_CHECKING:
    from govflow.services.workspace import Workspace


def need_enough(workspace: Workspace, request: ApprovalRequest) -> None:
    """Refuse a request that nobody could ever approve, so that no run waits for it.

    Roles and groups are those of the policy file and of the store. Where an identity provider may bring further ones,
    only people whom the rule names by name are counted.

    Raises:
        Denied: the people are too few without the requester and the owners; ``details["cause"]`` is
            ``nobody-can-approve``.
        StoreError: the database cannot be used.
    """
    why = unsatisfiable(request.rule, _judged(workspace), request.requester, request.owners, _inactive(workspace))
    if why is not None:
        raise Denied(
            why,
            mend=f"Name more people under approvals.{request.rule.name} of {workspace.document.where}, "
            "or let somebody else start the run.",
            details={"cause": "nobody-can-approve", "approval_rule": request.rule.name},
        )


def lacking(workspace: Workspace) -> dict[str, str]:
    """The approval rules of the policy that nobody can meet, with why: whoever asks, by all people who are kept.

    Raises:
        StoreError: the database cannot be used.
    """
    known, inactive = _judged(workspace), _inactive(workspace)
    found = {name: unsatisfiable(rule, known, None, (), inactive) for name, rule in workspace.approvals.items()}
    return {name: why for name, why in found.items() if why is not None}


def lacking_in_file(workspace: Workspace, rule: ApprovalRule) -> str | None:
    """Why nobody whom the policy file knows can meet a rule, and what was not looked at; the database is not opened."""
    why = unsatisfiable(rule, workspace.known(), None)
    if why is None:
        return None
    return (
        f"{why} Known here are the people of {workspace.document.where} alone. Roles and groups of `govflow people` "
        "and of sign-ins were not looked at."
    )


def _judged(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Those whose roles and groups are all that anybody has; nobody where an identity provider may bring others."""
    settings = workspace.settings
    return {} if settings.oidc is not None or settings.jwt_issuers else _known(workspace)


def _inactive(workspace: Workspace) -> list[str]:
    everybody = workspace.store.people.list(workspace.settings.tenant, inactive=True)
    return [person.name for person in everybody if not person.active]


def _known(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """The principals of the policy file and the active ones of the store, with the roles and groups of both."""
    found: dict[str, dict[str, Any]] = {name: dict(known) for name, known in workspace.known().items()}
    for person in workspace.store.people.list(workspace.settings.tenant):
        before = found.get(person.name, {"roles": (), "groups": ()})
        found[person.name] = {
            "roles": (*before["roles"], *person.roles),
            "groups": (*before["groups"], *person.groups),
        }
    return found
