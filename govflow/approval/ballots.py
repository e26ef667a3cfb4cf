"""Votes as they are counted: by whose right, and who is spent by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from govflow.approval.models import ApprovalRequest, ApprovalRule, Vote, VoteDecision, VoteKind
from govflow.approval.people import person_key
from govflow.approval.selectors import MACHINE, names
from govflow.approval.stages import stages_of


@dataclass(frozen=True, slots=True)
class Ballot:
    """One vote, or one that somebody could cast."""

    voter: str
    name: str  # of the one by whose right it is cast: the voter, or the first of those who handed it on
    selectors: frozenset[str]  # of that one
    own: frozenset[str]  # of the voter
    people: frozenset[str]  # keys of all who are spent by it: the voter, and whoever handed it on
    hands: int  # how often it was handed on
    at: datetime | None  # None: escalation is not looked at
    approves: bool = True
    withdrawn: bool = False  # it was taken out since: it spends the voter and counts for nothing
    unkept: bool = False  # it stems from a time at which nobody kept what voters were

    @property
    def rights(self) -> frozenset[str]:
        """What rules look at: the selectors; where a machine account votes for a person, it stays a machine."""
        return self.selectors | (self.own & {MACHINE})


def ballot_of(vote: Vote, selectors: frozenset[str] | None = None) -> Ballot:
    """The ballot of a vote.

    Args:
        vote: as the store keeps it, or as it is about to be cast.
        selectors: of the voter; those that the vote holds if they are not given.
    """
    own = frozenset(vote.selectors) if selectors is None else selectors
    return Ballot(
        voter=vote.principal,
        name=vote.through[0] if vote.through else vote.principal,
        selectors=frozenset(vote.through_selectors) if vote.through else own,
        own=own,
        people=frozenset(person_key(name) for name in (vote.principal, *vote.through)),
        hands=len(vote.through),
        at=vote.at,
        approves=vote.decision is VoteDecision.APPROVE,
        withdrawn=vote.kind is VoteKind.WITHDRAWN,
        unkept=selectors is None and not own and not vote.through,
    )


def ordinary(request: ApprovalRequest, vote: Vote) -> bool:
    """Whether it is a vote on this request that was cast as one among others, not one that decides alone."""
    return vote.request_id == request.request_id and vote.kind is not VoteKind.BREAK_GLASS


def excluded(request: ApprovalRequest) -> frozenset[str]:
    """Keys of those who never count: the requester, and the owners of the schedule or bot that started the run."""
    return frozenset(person_key(name) for name in (request.requester, *request.owners))


def escalated(rule: ApprovalRule, request: ApprovalRequest, at: datetime | None) -> tuple[str, ...]:
    """Further approvers who may answer by then, because nobody has for so long."""
    if at is None:
        return ()
    due = [one for one in rule.escalation if at >= request.created_at + timedelta(seconds=one.after_seconds)]
    return tuple(approver for one in due for approver in one.approvers)


def is_named(rule: ApprovalRule, request: ApprovalRequest, ballot: Ballot) -> bool:
    """Whether the rule names the one by whose right the ballot is cast: in any stage, for a veto, or by escalation."""
    groups = [group.approvers for stage in stages_of(rule) for group in stage.groups]
    later = escalated(rule, request, ballot.at)
    lists = (rule.veto, later, *groups)
    return any(names(approvers, ballot.name, ballot.rights) for approvers in lists)


def vetoes(rule: ApprovalRule, ballot: Ballot) -> bool:
    """Whether a no of this ballot ends the request; a veto is not lost where it is cast by another's right."""
    return names(rule.veto, ballot.name, ballot.rights) or names(rule.veto, ballot.voter, ballot.own)
