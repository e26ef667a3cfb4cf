"""Approval rules at work: who may answer a request, and what an answer leads to.

Judging is pure: the request as the store last saw it, the votes so far, one more vote. The store makes the outcome
true with a conditional UPDATE, in the transaction that writes the vote and its audit record; if the row has moved on
meanwhile, it reads again and judges again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from govflow.approval.models import ApprovalRequest, ApprovalRule, RequestState, Vote, VoteDecision
from govflow.approval.people import person_key, same_person
from govflow.errors import AlreadyVoted, NotEligible, RequestClosed, RequestError, SelfApproval

EVERYONE: Final = "*"
_USER: Final = "user:"


@dataclass(frozen=True, slots=True)
class VoteOutcome:
    """What a vote leads to."""

    state: RequestState  # the request's next state; PENDING if more people must answer
    needed: int  # approvals still needed; 0 unless pending
    approved_by: tuple[str, ...]  # who said yes so far, in order, this vote included


def rule_from(name: str, raw: Mapping[str, Any]) -> ApprovalRule:
    """The approval rule that a policy document holds under ``approvals``.

    Raises:
        RequestError: a value cannot be used, for example ``ttl_seconds`` of 0 or less.
    """
    try:
        return ApprovalRule(name=name, **{**raw, "approvers": tuple(raw.get("approvers", (EVERYONE,)))})
    except (ValidationError, TypeError) as wrong:
        fields = {str(part["loc"][0]) for part in wrong.errors()} if isinstance(wrong, ValidationError) else set()
        raise RequestError(
            f"Approval rule {name!r} cannot be used: {', '.join(sorted(fields)) or 'approvers'}.",
            mend="Write 'required' of 1 or more, 'approvers' as a list, 'ttl_seconds' of 1 or more.",
            details={"rule": name, "fields": sorted(fields)},
        ) from None


def eligible(rule: ApprovalRule, request: ApprovalRequest, name: str, selectors: frozenset[str]) -> bool:
    """Whether this person may answer this request.

    Args:
        rule: who may decide. ``user:`` entries are compared with ``name``, others with ``selectors``.
        request: the requester of it never may, in whatever letter case the name comes.
        name: of the person.
        selectors: what the person is: ``role:admin``. A ``user:`` selector in it is not looked at, so that nobody is
            let in under a name that is not the one recorded with the vote.
    """
    if not name.strip() or same_person(name, request.requester):
        return False
    for approver in rule.approvers:
        if approver == EVERYONE:
            return True
        if approver.startswith(_USER):
            if approver.removeprefix(_USER) == name:
                return True
        elif approver in selectors:
            return True
    return False


def judge_vote(request: ApprovalRequest, votes: Sequence[Vote], vote: Vote, selectors: frozenset[str]) -> VoteOutcome:
    """What one more vote leads to; a vote that does not count raises.

    The checks, in this order, which is also the order in which people are told: the request is open, the voter is not
    the requester, the rule names the voter, the voter has not voted.

    Args:
        request: as the store last saw it.
        votes: all earlier votes; those for other requests are left out.
        vote: the new one. ``vote.at`` is now, and must be aware.
        selectors: of the voter, see :func:`eligible`.

    Raises:
        RequestClosed: it is not pending, or ``vote.at`` is not before ``expires_at``.
        SelfApproval: the voter is the requester. Denying counts as little as approving; a requester revokes instead.
        NotEligible: the rule does not name the voter.
        AlreadyVoted: the voter has voted, either way, under this or another spelling of the name.
        ValueError: the vote is for another request, or ``vote.at`` has no time zone.
    """
    if vote.request_id != request.request_id:
        raise ValueError(f"a vote for request {vote.request_id} was judged for {request.request_id}")
    if vote.at.tzinfo is None:
        raise ValueError("vote.at has no time zone")
    earlier = [other for other in votes if other.request_id == request.request_id]
    _check_open(request, earlier, vote)
    _check_voter(request, earlier, vote, selectors)
    if vote.decision is VoteDecision.DENY:
        return VoteOutcome(RequestState.DENIED, 0, _approvers(request, earlier))
    approved_by = _approvers(request, [*earlier, vote])
    needed = max(0, request.rule.required - len(approved_by))
    return VoteOutcome(RequestState.PENDING if needed else RequestState.APPROVED, needed, approved_by)


def _check_open(request: ApprovalRequest, earlier: Sequence[Vote], vote: Vote) -> None:
    state = request.state
    if state is RequestState.PENDING and any(other.decision is VoteDecision.DENY for other in earlier):
        state = RequestState.DENIED  # the state that was read lags behind the votes that were
    if state is RequestState.PENDING and vote.at >= request.expires_at:
        state = RequestState.EXPIRED
    if state is not RequestState.PENDING:
        raise RequestClosed(
            f"The request is {state.value}; votes no longer count.",
            details={"request_id": request.request_id, "state": state.value},
        )


def _whom_to_ask(request: ApprovalRequest) -> str:
    approvers = request.rule.approvers
    if "*" in approvers:
        return f"Ask anyone but {request.requester}, who asked for the run."
    return f"Ask one of: {', '.join(approvers)}; not {request.requester}, who asked for the run."


def _check_voter(request: ApprovalRequest, earlier: Sequence[Vote], vote: Vote, selectors: frozenset[str]) -> None:
    details = {"request_id": request.request_id, "principal": vote.principal}
    if same_person(vote.principal, request.requester):
        raise SelfApproval(mend=_whom_to_ask(request), details=details)
    if not eligible(request.rule, request, vote.principal, selectors):
        raise NotEligible(mend=_whom_to_ask(request), details=details)
    if any(same_person(other.principal, vote.principal) for other in earlier):
        raise AlreadyVoted(details=details)


def _approvers(request: ApprovalRequest, votes: Sequence[Vote]) -> tuple[str, ...]:
    """Distinct people who said yes, in order; never the requester, whatever the store holds."""
    people: dict[str, str] = {}
    for vote in votes:
        if vote.decision is VoteDecision.APPROVE and not same_person(vote.principal, request.requester):
            people.setdefault(person_key(vote.principal), vote.principal)
    return tuple(people.values())
