"""The exercise: the run claims an approved request, once.

Like a vote this is judged here and made true by one conditional UPDATE in the store (``state = approved`` to
``exercised``, row count 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from govflow.approval.models import ApprovalRequest, Binding, RequestState
from govflow.approval.requests import is_overdue, void_reason
from govflow.errors import ApprovalDenied, ApprovalExpired, ApprovalRevoked, GovflowError, RequestClosed

_REFUSALS: Final[Mapping[RequestState, tuple[type[GovflowError], str]]] = {
    RequestState.PENDING: (RequestClosed, "The request is not approved yet."),
    RequestState.EXERCISED: (RequestClosed, "The approval was used already; each is good for one execution."),
    RequestState.DENIED: (ApprovalDenied, ""),
    RequestState.EXPIRED: (ApprovalExpired, ""),
    RequestState.REVOKED: (ApprovalRevoked, ""),
    RequestState.VOIDED: (RequestClosed, "The request was voided: what was asked for has changed."),
}


def judge_exercise(request: ApprovalRequest, binding: Binding, now: datetime) -> None:
    """Check that this run may claim this request now.

    Args:
        request: as the store last saw it.
        binding: of the step that is about to run, made from what is in memory, not from the request.
        now: aware.

    Raises:
        ApprovalDenied: someone said no.
        ApprovalExpired: it was not claimed before ``expires_at``.
        ApprovalRevoked: it was withdrawn.
        RequestClosed: it is pending, used or voided, or it is for something else (``details["changed"]`` says what).
    """
    details = {"request_id": request.request_id, "state": request.state.value}
    if request.state is not RequestState.APPROVED:
        kind, message = _REFUSALS[request.state]
        raise kind(message, details=details)
    if is_overdue(request, now):
        raise ApprovalExpired("The approval was not used in time.", details=details)
    if (changed := void_reason(request.binding, binding)) is not None:
        raise RequestClosed(f"The approval is for something else: {changed}.", details={**details, "changed": changed})
