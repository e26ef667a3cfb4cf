"""How far a request has come, and whom it asks now: for pages, lists, messages and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from govflow.approval.ballots import escalated
from govflow.approval.models import ApprovalRequest, RequestState, Vote, VoteDecision, VoteKind
from govflow.approval.tally import StageTally, Tally

StageState = Literal["done", "open", "later"]


@dataclass(frozen=True, slots=True)
class GroupProgress:
    """A group of a stage."""

    name: str
    approvers: tuple[str, ...]
    required: int
    given: tuple[str, ...]  # who said yes and counts here, first first
    needed: int  # how many more of it could make its stage content


@dataclass(frozen=True, slots=True)
class StageProgress:
    """A stage. An optional one is open until it is done, whatever the others are."""

    name: str
    state: StageState
    groups: tuple[GroupProgress, ...]
    need: Literal["all", "any"] = "all"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a request stands."""

    stages: tuple[StageProgress, ...]
    needed: int  # the fewest further people who could make it approved; 0 where it is not pending
    approved_by: tuple[str, ...]
    asks: frozenset[str]  # selectors of those whose yes would count now; empty where it is not pending
    denied_by: tuple[str, ...] = ()
    denials_needed: int = 1  # how many more people have to say no to end it
    escalated: tuple[str, ...] = ()  # further approvers who may answer by now

    @property
    def open(self) -> StageProgress | None:
        """The stage that is waited for."""
        return next((stage for stage in self.stages if stage.state == "open" and not stage.optional), None)


def progress(request: ApprovalRequest, votes: Sequence[Vote], now: datetime) -> Progress:
    """Where the request stands.

    Args:
        request: as the store last saw it.
        votes: all votes in the order in which they were cast; those for other requests are left out.
        now: aware; decides about escalation, and whether anybody is still asked.
    """
    tally = Tally(request, votes)
    pending = request.state is RequestState.PENDING and now < request.expires_at
    further = escalated(request.rule, request, now) if pending else ()
    alone = [
        vote.principal
        for vote in votes
        if vote.request_id == request.request_id
        and vote.kind is VoteKind.BREAK_GLASS
        and vote.decision is VoteDecision.APPROVE
    ]
    return Progress(
        stages=tuple(_stage(one, tally) for one in tally.stages),
        needed=tally.needed if request.state is RequestState.PENDING else 0,
        approved_by=(*tally.approved_by, *alone),
        asks=_asks(tally, further) if pending else frozenset(),
        denied_by=tuple(tally.denied_by),
        denials_needed=max(0, request.rule.deny_threshold - len(tally.denied_by)),
        escalated=further,
    )


def _stage(one: StageTally, tally: Tally) -> StageProgress:
    groups = tuple(
        GroupProgress(group.name, group.approvers, group.required, given, needed)
        for group, given, needed in zip(one.stage.groups, one.given(), one.missing_of(), strict=True)
    )
    waits = one is tally.open or one.stage.optional
    state: StageState = "done" if one.content else "open" if waits else "later"
    return StageProgress(one.stage.name, state, groups, one.stage.need, one.stage.optional)


def _asks(tally: Tally, further: tuple[str, ...]) -> frozenset[str]:
    """Whose yes would count: of the open stage where it would help, and of optional ones that are not done."""
    found: set[str] = set()
    for one in tally.stages:
        if one is tally.open or (one.stage.optional and not one.content):
            helping = [group for number, group in enumerate(one.stage.groups) if one.helps(frozenset({number}))]
            found.update(approver for group in helping for approver in group.approvers)
    return frozenset(found | set(further if tally.open is not None else ()))
