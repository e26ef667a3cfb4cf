"""Break glass: in an emergency one person, whom the rule names for it, lets a step run alone."""

from __future__ import annotations

from typing import Final

from govflow.approval.ballots import excluded
from govflow.approval.models import ApprovalRequest, RequestState, Vote, VoteDecision, VoteKind
from govflow.approval.people import person_key
from govflow.approval.rules import VoteOutcome, check_open
from govflow.approval.selectors import names
from govflow.approval.tally import Tally
from govflow.approval.wording import people_of
from govflow.errors import NotEligible, RequestError, SelfApproval

LEAST_REASON: Final = 10
"""Characters, blanks at the ends left out: who reviews it later has to have something to read."""


def judge_break_glass(request: ApprovalRequest, vote: Vote, selectors: frozenset[str]) -> VoteOutcome:
    """Approve a request alone; whoever may not raises. The vote is reviewed afterwards, by somebody else.

    Args:
        request: as the store last saw it.
        vote: of the kind ``break_glass``, a yes, by the voter's own right. ``vote.at`` is now, and must be aware.
        selectors: of the voter, see :func:`govflow.approval.selectors.names`.

    Raises:
        RequestClosed: it is not pending, or ``vote.at`` is not before ``expires_at``.
        SelfApproval: the voter is the requester, or an owner of what started the run.
        NotEligible: the rule has no break glass, or does not name the voter for it.
        RequestError: the reason has fewer than 10 characters.
        ValueError: the vote is for another request, of another kind, a no, cast by another's right, or without a zone.
    """
    if vote.kind is not VoteKind.BREAK_GLASS or vote.decision is not VoteDecision.APPROVE or vote.through:
        raise ValueError("break glass is a yes by one's own right, of its own kind")
    check_open(request, vote, Tally(request))
    details = {"request_id": request.request_id, "principal": vote.principal}
    rule, terms = request.rule, request.rule.break_glass
    if person_key(vote.principal) in excluded(request):
        raise SelfApproval(details=details)
    if terms is None:
        mend = f"Add 'break_glass' to approvals.{rule.name} for later runs; now ask the people whom the rule names."
        raise NotEligible(f"Approval rule {rule.name!r} has no break glass.", mend=mend, details=details)
    if not vote.principal.strip() or not names(terms.approvers, vote.principal, selectors):
        mend = f"Ask {people_of(terms.approvers)}."
        raise NotEligible(
            f"Approval rule {rule.name!r} does not name this person for break glass.", mend=mend, details=details
        )
    if len(vote.reason.strip()) < LEAST_REASON:
        raise RequestError(
            "Break glass needs a reason.", mend=f"Say in {LEAST_REASON} characters or more why it cannot wait."
        )
    return VoteOutcome(RequestState.APPROVED, 0, (vote.principal,))
