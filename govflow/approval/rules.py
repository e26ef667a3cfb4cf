"""Approval rules at work: who may answer a request, and what an answer leads to.

Judging is pure: the request as the store last saw it, the votes so far, one more vote. The store makes the outcome
true with a conditional UPDATE, in the transaction that writes the vote and its audit record; if the row has moved on
meanwhile, it reads again and judges again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from govflow.approval.ballots import Ballot, ballot_of, excluded, is_named
from govflow.approval.models import ApprovalRequest, ApprovalRule, RequestState, Vote
from govflow.approval.people import person_key
from govflow.approval.selectors import MACHINE
from govflow.approval.tally import Tally
from govflow.approval.wording import asked_now, whom_to_ask
from govflow.approval.written import rule_from
from govflow.errors import AlreadyVoted, NotAsked, NotEligible, RequestClosed, SelfApproval

__all__ = ["VoteOutcome", "check_open", "eligible", "judge_vote", "rule_from"]


@dataclass(frozen=True, slots=True)
class VoteOutcome:
    """What a vote leads to."""

    state: RequestState  # the request's next state; PENDING if more people must answer
    needed: int  # approvals still needed; 0 unless pending
    approved_by: tuple[str, ...]  # who said yes so far, in order, this vote included


def eligible(
    rule: ApprovalRule,
    request: ApprovalRequest,
    name: str,
    selectors: frozenset[str],
    *,
    now: datetime | None = None,
    votes: Sequence[Vote] = (),
) -> bool:
    """Whether this person may answer this request by their own right: say no at least, now or when their stage comes.

    Args:
        rule: who may decide, in whatever stage, or by a veto.
        request: the requester of it, and owners of what started its run, never may, in whatever letter case.
        name: of the person.
        selectors: what the person is, see :func:`govflow.approval.selectors.names`.
        now: decides about escalation; without it nobody is asked by escalation.
        votes: so far; whoever is spent by one of them may not answer again.
    """
    key = person_key(name)
    if not key or key in excluded(request):
        return False
    ballot = Ballot(name, name, selectors, selectors, frozenset({key}), hands=0, at=now)
    return is_named(rule, request, ballot) and key not in Tally(request, votes).spent


def judge_vote(request: ApprovalRequest, votes: Sequence[Vote], vote: Vote, selectors: frozenset[str]) -> VoteOutcome:
    """What one more vote leads to; a vote that does not count raises.

    The checks, in this order, which is also the order in which people are told: the request is open, the voter is not
    the requester or an owner, the rule names the voter, the voter has not voted, the voter's yes is asked for now.

    Args:
        request: as the store last saw it.
        votes: all earlier votes in the order in which they were cast; those for other requests are left out.
        vote: the new one. ``vote.at`` is now, and must be aware.
        selectors: of the voter, see :func:`eligible`.

    Raises:
        RequestClosed: it is not pending, or ``vote.at`` is not before ``expires_at``.
        SelfApproval: the voter, or who handed it on, is the requester or an owner. Denying counts as little as
            approving; a requester revokes instead.
        NotEligible: the rule does not name the voter, or not the one by whose right the voter votes; or the rule does
            not let votes be handed on as often as this one was.
        AlreadyVoted: one whom the vote spends has voted, either way, under this or another spelling of the name.
        NotAsked: a yes that would count for nothing now: a later stage's, or of a group that has enough.
        ValueError: the vote is for another request, or ``vote.at`` has no time zone.
    """
    tally = Tally(request, votes)
    check_open(request, vote, tally)
    ballot = ballot_of(vote, selectors)
    _check_voter(tally, vote, ballot)
    if not tally.count(ballot):
        machine = " '*' stands for people, and this is a machine account." if MACHINE in ballot.own else ""
        raise NotAsked(mend=asked_now(tally) + machine, details=_details(vote, request))
    approved_by = tuple(tally.approved_by)
    if tally.denied:
        return VoteOutcome(RequestState.DENIED, 0, approved_by)
    if tally.approved:
        return VoteOutcome(RequestState.APPROVED, 0, approved_by)
    return VoteOutcome(RequestState.PENDING, tally.needed, approved_by)


def check_open(request: ApprovalRequest, vote: Vote, tally: Tally) -> None:
    """Refuse a vote on a request that is not open any more, also where only the earlier votes show it.

    Raises:
        RequestClosed: it is not pending, or its time is over.
        ValueError: the vote is for another request, or ``vote.at`` has no time zone.
    """
    if vote.request_id != request.request_id:
        raise ValueError(f"a vote for request {vote.request_id} was judged for {request.request_id}")
    if vote.at.tzinfo is None:
        raise ValueError("vote.at has no time zone")
    state = request.state
    if state is RequestState.PENDING and tally.denied:
        state = RequestState.DENIED  # the state that was read lags behind the votes that were
    if state is RequestState.PENDING and tally.approved:
        state = RequestState.APPROVED
    if state is RequestState.PENDING and vote.at >= request.expires_at:
        state = RequestState.EXPIRED
    if state is not RequestState.PENDING:
        raise RequestClosed(
            f"The request is {state.value}; votes no longer count.",
            details={"request_id": request.request_id, "state": state.value},
        )


def _check_voter(tally: Tally, vote: Vote, ballot: Ballot) -> None:
    request, rule = tally.request, tally.rule
    details = _details(vote, request)
    if ballot.people & excluded(request):
        raise SelfApproval(mend=whom_to_ask(request), details=details)
    if "" in ballot.people or not is_named(rule, request, ballot):
        raise NotEligible(mend=whom_to_ask(request), details=details)
    if ballot.hands > (rule.delegation.depth if rule.delegation is not None else 0):
        raise NotEligible(
            f"Approval rule {rule.name!r} does not let a vote be handed on so often.",
            mend=whom_to_ask(request),
            details={**details, "through": list(vote.through)},
        )
    if ballot.people & tally.spent:
        raise AlreadyVoted(details=details)


def _details(vote: Vote, request: ApprovalRequest) -> dict[str, object]:
    return {"request_id": request.request_id, "principal": vote.principal}
