"""Letting somebody else answer in one's stead, and taking that back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from govflow.approval import ApprovalRequest, ApprovalRule, Binding, open_request
from govflow.approval.delegations import check_delegation, path, repeats
from govflow.approval.models import Delegation
from govflow.errors import NotEligible, RequestError
from govflow.identity import Principal
from govflow.ir.models import Tier
from govflow.services.decide_approvals import kept_reason, same_policy, show_request
from govflow.services.selectors_now import selectors_now
from govflow.services.workspace import Workspace

_NOBODY: Final = "*nobody"  # no name of a person
_NO_DIGEST: Final = "sha256:" + "0" * 64


def delegate(
    workspace: Workspace,
    person: Principal,
    to: str,
    *,
    until: datetime,
    now: datetime,
    new_id: str,
    request_id: str | None = None,
    rule: str | None = None,
    depth: int = 0,
    reason: str = "",
) -> Delegation:
    """Let somebody answer in ``person``'s stead: one request, those of one approval rule, or all of the tenant.

    It widens nothing. Whether it leads to a right is looked at when it is used: the rule must name ``person`` then, and
    must still let votes be handed on.

    Args:
        workspace: whose store, tenant and policy.
        person: who gives.
        to: name of who takes.
        until: when it is over, aware; no later than the rule's ``delegation.ttl_seconds`` from now.
        now: aware.
        new_id: unique.
        request_id: for this one request; None for more.
        rule: for the requests of this approval rule; with neither it is for all.
        depth: how often the taker may hand it on; the rule's ``delegation.depth`` is the most hands in all.
        reason: in the person's words, at most 2,000 characters.

    Raises:
        SelfApproval: the requester, or an owner of what started the run, gives or takes.
        NotEligible: the person has no right to give, or no rule lets anybody delegate.
        PolicyMismatch: the policy here is not the one that the run of the request was judged by.
        RequestError: to oneself, for too long, too deep, for something that is not there, or given already.
    """
    reason = kept_reason(reason)
    taker = workspace.principal(to)
    delegation = Delegation(
        delegation_id=new_id,
        tenant=workspace.settings.tenant,
        giver=person.name,
        taker=taker.name,
        request_id=request_id,
        rule=rule,
        depth=depth,
        reason=reason,
        created_at=now,
        expires_at=until,
    )
    asked = None if request_id is None else show_request(workspace, request_id).request
    if asked is not None:
        same_policy(workspace, asked)
    probes = [asked] if asked is not None else [_probe(workspace, one, now) for one in _rules(workspace, rule)]
    of = selectors_now(workspace)

    def check(others: Sequence[Delegation]) -> None:
        own = person.selectors()
        chains = {
            probe.rule: chain
            for probe in probes
            if (chain := path(others, person.name, probe, now, lambda name: own if name == person.name else of(name)))
            is not None
        }
        rules = list(chains) or [probe.rule for probe in probes]
        chain = min(chains.values(), key=len) if chains else None
        check_delegation(delegation, rules, request=asked, chain=chain)
        if same := next((one for one in others if repeats(delegation, one)), None):
            raise RequestError(
                f"{same.taker} answers in {same.giver}'s stead already, until {same.expires_at:%Y-%m-%d %H:%M} UTC.",
                mend=f"It is delegation {same.delegation_id}; give one for longer, or for more.",
                details={"delegation_id": same.delegation_id},
            )

    return workspace.store.delegations.give(delegation, str(person.assurance), check)


def list_delegations(
    workspace: Workspace, now: datetime, *, over: bool = False, person: str | None = None
) -> list[Delegation]:
    """Delegations of this tenant, the newest first: those in force, or with ``over`` all that there ever were."""
    return workspace.store.delegations.of(workspace.settings.tenant, None if over else now, person)


def revoke_delegation(workspace: Workspace, delegation_id: str, person: Principal, now: datetime) -> Delegation:
    """Take a delegation back, as who gave it or as who takes it. Votes that were cast through it stay.

    Raises:
        NotEligible: it is between others.
        RequestError: there is none of that id in this tenant, or it is over.
    """

    def admit(found: Delegation) -> None:
        if found.tenant != workspace.settings.tenant:
            raise RequestError(
                f"There is no delegation {delegation_id!r}.",
                mend="`govflow approvals delegations` shows those there are.",
                details={"delegation_id": delegation_id},
            )
        if person.name not in (found.giver, found.taker):
            raise NotEligible(
                "This delegation is between others.",
                mend=f"Ask {found.giver} or {found.taker}.",
                details={"delegation_id": delegation_id},
            )

    return workspace.store.delegations.revoke(delegation_id, person.name, str(person.assurance), now, admit)


def until_of(now: datetime, until: datetime | None, span: timedelta | None) -> datetime:
    """When it is over: at a moment, in UTC where it says of no zone, or after a time; one of them is given.

    Raises:
        RequestError: both, or neither.
    """
    if (until is None) == (span is None):
        raise RequestError("It ends at one moment.", mend="Give either --until or --for.")
    if until is not None:
        return until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    assert span is not None
    try:
        return now + span
    except OverflowError:
        raise RequestError("That ends beyond the calendar.", mend="Give a shorter time.") from None


def _rules(workspace: Workspace, name: str | None) -> list[ApprovalRule]:
    if name is None:
        return list(workspace.approvals.values())
    if name in workspace.approvals:
        return [workspace.approvals[name]]
    known = ", ".join(sorted(workspace.approvals)) or "none"
    raise RequestError(f"There is no approval rule {name!r}; there are: {known}.", mend="Name one that is there.")


def _probe(workspace: Workspace, rule: ApprovalRule, now: datetime) -> ApprovalRequest:
    """A request that nobody asked, to find out by what right somebody would answer one of this rule."""
    binding = Binding(
        tenant=workspace.settings.tenant,
        flow=_NOBODY,
        run_id=_NOBODY,
        step_id=_NOBODY,
        ir_hash=_NO_DIGEST,
        policy_digest=_NO_DIGEST,
        parameters_digest=_NO_DIGEST,
    )
    return open_request(
        request_id=_NOBODY,
        binding=binding,
        rule=rule,
        requester=_NOBODY,
        tier=Tier.MINIMAL,
        policy_rule="",
        reason="",
        summary={},
        now=now,
    )
