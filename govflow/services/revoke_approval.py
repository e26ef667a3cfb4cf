"""Taking a question, or an approval that was not used yet, back."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from govflow.approval import ApprovalRequest, RequestState
from govflow.approval.selectors import names
from govflow.approval.stages import asked_selectors
from govflow.errors import NotEligible
from govflow.identity import Principal
from govflow.services.answer_limit import limit_of_person
from govflow.services.decide_approvals import Question, kept_reason, same_policy, show_request
from govflow.services.workspace import Workspace

OPEN: Final = (RequestState.PENDING, RequestState.APPROVED)


def revoke(workspace: Workspace, request_id: str, person: Principal, reason: str, now: datetime) -> Question:
    """Withdraw a request: whoever waits for it is told, and its step does not run.

    The requester may, and everybody whom the approval rule names anywhere, also those who have voted. An approval can
    be taken back until the run has claimed it.

    Args:
        workspace: whose store and tenant.
        request_id: of an open request.
        person: who takes it back.
        reason: in the person's words, at most 2,000 characters.
        now: the moment of it.

    Raises:
        VoteRefused: not by this person, or there is nothing left to take back; that it was tried is on record.
        TooManyAttempts: of this person too many answers were wrong of late.
        RequestError: there is no such request, or the reason is too long.
    """
    reason = kept_reason(reason)
    show_request(workspace, request_id)

    def admit(request: ApprovalRequest) -> None:
        if person.name == request.requester:
            return
        same_policy(workspace, request, OPEN)
        named = asked_selectors(request.rule)
        if not names(named, person.name, person.selectors()):
            raise NotEligible(
                mend=f"{request.requester} may take it back, who asked, and whoever the approval rule names: "
                f"{', '.join(sorted(named))}.",
                details={"request_id": request_id, "principal": person.name},
            )

    request = workspace.store.revocations.revoke(
        request_id,
        person.name,
        str(person.assurance),
        reason,
        now,
        admit,
        limit=limit_of_person(workspace, person),
    )
    return Question(request, tuple(workspace.store.approvals.votes(request_id)))
