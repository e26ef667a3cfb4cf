"""What people are at this moment: for those who let others answer in their stead, and for owners of tokens."""

from __future__ import annotations

from datetime import datetime

from govflow.approval.models import ApprovalRequest
from govflow.approval.selectors import EVERYONE
from govflow.approval.stages import asked_selectors
from govflow.errors import NotEligible, PrincipalInactive, RequestError
from govflow.identity.life_times import session_is_over
from govflow.services.workspace import Workspace
from govflow.store.delegations import SelectorsOf


def selectors_now(workspace: Workspace) -> SelectorsOf:
    """Roles and groups by name, of policy file and store together; nothing for somebody who was deactivated."""

    def of(name: str) -> frozenset[str]:
        try:
            return workspace.principal(name).selectors()
        except (PrincipalInactive, RequestError):
            return frozenset()

    return of


def lasting_selectors(workspace: Workspace, name: str, now: datetime, claimed: frozenset[str]) -> frozenset[str]:
    """What the owner of a token is: what the token can be worth, whoever presents it.

    A sign-in vouches for roles and groups as long as its session is open; the token of another system vouches for
    those of the request that carries it, and for nothing afterwards.

    Args:
        workspace: whose store and policy.
        name: of the owner.
        now: aware.
        claimed: what somebody is whom the store does not have: nobody keeps what such a name is.
    """
    tenant = workspace.settings.tenant
    if not any(one.name == name for one in workspace.store.people.spellings(tenant, name)):
        return claimed
    found = set(selectors_now(workspace)(name))
    if found:  # a deactivated person is nothing, whatever sessions say
        for session in workspace.store.sign_ins.of_principal(tenant, name, now):
            if not session_is_over(session.expires_at, session.seen_at, session.ended_at, now):
                found |= {f"role:{role}" for role in session.roles} | {f"group:{group}" for group in session.groups}
    return frozenset(found)


def need_not_lost(
    request: ApprovalRequest, name: str, before: frozenset[str], now: frozenset[str], lost: str, mend: str
) -> None:
    """Say of somebody whom a rule does not name that it would have, by what they were before.

    Args:
        request: that is answered.
        name: of the one who answers.
        before: selectors that do not count any more.
        now: those that do.
        lost: what became of what is missing, a sentence with the places ``{name}`` and ``{what}``.
        mend: what helps.

    Raises:
        NotEligible: the rule named the person by what is missing.
    """
    asked = asked_selectors(request.rule)
    missing = sorted((before - now) & asked)
    if missing and EVERYONE not in asked:
        raise NotEligible(
            lost.format(name=name, what=" and ".join(one.replace(":", " ", 1) for one in missing)),
            mend=mend,
            details={"request_id": request.request_id, "principal": name, "lost": missing},
        )
