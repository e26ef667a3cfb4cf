"""Letting a step run alone, in an emergency; and the review by somebody else that follows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from govflow.approval import ApprovalRequest, Vote, VoteDecision, VoteOutcome, same_person
from govflow.approval.break_glass import judge_break_glass
from govflow.approval.models import VoteKind
from govflow.errors import AlreadyVoted, NotEligible, RequestError, SelfApproval
from govflow.identity import Principal
from govflow.services.answer_limit import limit_of_person
from govflow.services.decide_approvals import Question, kept_reason, need_named_machine, same_policy, show_request
from govflow.services.workspace import Workspace
from govflow.store.reviews import Review
from govflow.store.standing import is_standing

LEAST_FINDING: Final = 10  # characters: the next reader has to have something to read


def break_glass(workspace: Workspace, request_id: str, person: Principal, reason: str, now: datetime) -> Question:
    """Approve a request alone. The approval rule has to name the person for that, and somebody else reviews it.

    Args:
        workspace: whose store and tenant.
        request_id: of a pending request.
        person: who decides.
        reason: why it cannot wait, in 10 to 2,000 characters.
        now: the moment of it.

    Raises:
        VoteRefused: the rule does not name the person for it, or has no break glass; that it was tried is on record.
        TooManyAttempts: of this person too many answers were wrong of late.
        RequestError: there is no such request, or the reason is too short or too long.
    """
    reason = kept_reason(reason)
    show_request(workspace, request_id)

    def judge(request: ApprovalRequest, votes: Sequence[Vote], vote: Vote, selectors: frozenset[str], /) -> VoteOutcome:
        same_policy(workspace, request)
        need_named_machine(request.rule, person)
        if is_standing(request):
            raise NotEligible(
                "An emergency is one run: nobody lets several of them run alone.",
                mend="Break the glass for the run that cannot wait.",
                details={"request_id": request_id, "principal": vote.principal},
            )
        outcome = judge_break_glass(request, vote, selectors)
        if any(same_person(vote.principal, other.principal) for other in votes):
            raise AlreadyVoted(
                mend="A vote stands. Ask another person whom the rule names for break glass.",
                details={"request_id": request_id, "principal": vote.principal},
            )
        return outcome

    request = workspace.store.approvals.vote(
        request_id,
        person.name,
        person.selectors(),
        str(person.assurance),
        VoteDecision.APPROVE,
        reason,
        now,
        judge,
        kind=VoteKind.BREAK_GLASS,
        limit=limit_of_person(workspace, person),
    )
    return Question(request, tuple(workspace.store.approvals.votes(request_id)))


def list_reviews(workspace: Workspace, now: datetime, *, due: bool = False, reviewed: bool = False) -> list[Review]:
    """Emergencies of this tenant that wait for a review, the one that is due first before the others.

    Args:
        workspace: whose store and tenant.
        now: decides what is due.
        due: only those whose time is over.
        reviewed: also those that were reviewed.
    """
    by = now if due else None
    return workspace.store.reviews.list(workspace.settings.tenant, reviewed=reviewed, due_by=by)


def review(workspace: Workspace, request_id: str, person: Principal, finding: str, now: datetime) -> Review:
    """Say what came of looking at an emergency: as somebody who had no part in it.

    Anybody whom the policy or the store knows may, and everybody where nobody is known by name.

    Args:
        workspace: whose store and tenant.
        request_id: of a request for which somebody broke the glass.
        person: who looked.
        finding: in 10 to 2,000 characters.
        now: the moment of it.

    Raises:
        SelfApproval: the person broke the glass, asked for the run, or owns what started it.
        NotEligible: nobody knows the person.
        RequestError: there is nothing to review, it was reviewed, or the finding is too short or too long.
    """
    finding = kept_reason(finding)
    if len(finding.strip()) < LEAST_FINDING:
        raise RequestError("A review needs a finding.", mend=f"Say in {LEAST_FINDING} characters or more what you saw.")
    show_request(workspace, request_id)

    def admit(request: ApprovalRequest, found: Review) -> None:
        parts = (found.principal, request.requester, *request.owners)
        details = {"request_id": request_id, "principal": person.name}
        if any(same_person(person.name, name) for name in parts):
            raise SelfApproval(
                "Nobody reviews what they had a part in.",
                mend=f"Ask somebody else than {', '.join(dict.fromkeys(parts))}.",
                details=details,
            )
        known = {*workspace.principals, *(one.name for one in workspace.store.people.list(workspace.settings.tenant))}
        if known and person.name not in known:
            raise NotEligible("Nobody knows who this is.", mend="Ask somebody whom the policy names.", details=details)

    return workspace.store.reviews.review(request_id, person.name, str(person.assurance), finding, now, admit)
