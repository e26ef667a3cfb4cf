"""What one person can do about one request: which buttons are worth showing. Whoever presses one is judged again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from govflow.approval import ApprovalRequest, RequestState, Vote, VoteDecision, judge_vote, same_person
from govflow.approval.delegations import path
from govflow.approval.models import VoteKind
from govflow.approval.selectors import names
from govflow.approval.stages import asked_selectors
from govflow.errors import AlreadyVoted, PolicyMismatch, RequestClosed, RequestError, VoteRefused
from govflow.identity import Principal
from govflow.services.decide_approvals import Question, same_policy, show_request
from govflow.services.selectors_now import selectors_now
from govflow.services.who_decides import Deciders
from govflow.services.workspace import Workspace
from govflow.store.reviews import Review


@dataclass(frozen=True, slots=True)
class OwnPart:
    """What somebody can do.

    Attributes:
        obstacle: why an answer would not count now; None if it would, or if nothing is asked any more.
        through: by whose right it would: from the one whose right it is to the one before the person; empty for the
            person's own.
        revoke: whether the person can take the request back.
        delegate: whether the person can let somebody else answer.
        alone: whether the person can let the step run in an emergency.
        review: the emergency that waits for a review by the person, if one does.
    """

    obstacle: VoteRefused | None
    through: tuple[str, ...]
    revoke: bool
    delegate: bool
    alone: bool
    review: Review | None


def own_part(workspace: Workspace, deciders: Deciders, person: Principal, now: datetime) -> OwnPart:
    """What ``person`` can do about the request of ``deciders``."""
    question = deciders.question
    request = question.request
    pending = request.state is RequestState.PENDING
    obstacle, through = _of_answer(workspace, question, person, now) if pending else (None, ())
    voted = any(same_person(vote.principal, person.name) for vote in question.votes)
    has_right = pending and obstacle is None
    return OwnPart(
        obstacle=obstacle,
        through=through,
        revoke=_may_revoke(request, person),
        delegate=has_right and request.rule.delegation is not None and request.rule.delegation.depth > len(through),
        alone=person.name in deciders.alone and not voted,
        review=_review(workspace, question, person),
    )


def too_late(workspace: Workspace, request_id: str, person: Principal, now: datetime) -> VoteRefused | None:
    """Why an answer has nothing left to decide, for somebody who answers a list that was made a while ago.

    Such an answer is no wrong one and is not counted among those: who has an old list can still answer what is left.

    Raises:
        RequestError: there is no such request.
    """
    obstacle, _ = _of_answer(workspace, show_request(workspace, request_id), person, now)
    return obstacle if isinstance(obstacle, RequestClosed | AlreadyVoted | PolicyMismatch) else None


def _of_answer(
    workspace: Workspace, question: Question, person: Principal, now: datetime
) -> tuple[VoteRefused | None, tuple[str, ...]]:
    """The very rules of a vote say it, with a yes that is cast nowhere."""
    request, own, now_of = question.request, person.selectors(), selectors_now(workspace)

    def of(name: str) -> frozenset[str]:
        return own if name == person.name else now_of(name)

    given = workspace.store.delegations.of(request.binding.tenant, now)
    through = path(given, person.name, request, now, of, votes=question.votes) or ()
    vote = Vote(
        request_id=request.request_id,
        principal=person.name,
        assurance=str(person.assurance),
        decision=VoteDecision.APPROVE,
        at=now,
        selectors=tuple(sorted(own)),
        through=through,
        through_selectors=tuple(sorted(of(through[0]))) if through else (),
    )
    try:
        same_policy(workspace, request)
        judge_vote(request, question.votes, vote, own)
    except VoteRefused as refusal:
        return refusal, through
    return None, through


def _may_revoke(request: ApprovalRequest, person: Principal) -> bool:
    if request.state not in (RequestState.PENDING, RequestState.APPROVED):
        return False
    named = asked_selectors(request.rule)
    return person.name == request.requester or names(named, person.name, person.selectors())


def _review(workspace: Workspace, question: Question, person: Principal) -> Review | None:
    request = question.request
    if not any(vote.kind is VoteKind.BREAK_GLASS for vote in question.votes):
        return None
    try:
        found = workspace.store.reviews.get(request.request_id)
    except RequestError:
        return None
    parts = (found.principal, request.requester, *request.owners)
    had_part = any(same_person(person.name, name) for name in parts)
    return None if had_part or found.reviewed_by is not None else found
