"""Taking a request back: by whoever asked, or by whoever may answer; also an approval that was not used yet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic import JsonValue

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.errors import RequestClosed, TooManyAttempts, VoteRefused
from govflow.store import attempts, requests, standing
from govflow.store.attempts import Limit
from govflow.store.ballots import refuse
from govflow.store.writer import Writer


class Revocations:
    """One conditional UPDATE each, in the transaction of its record."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def revoke(
        self,
        request_id: str,
        principal_name: str,
        assurance: str,
        reason: str,
        now: datetime,
        admit: Callable[[ApprovalRequest], None],
        *,
        limit: Limit | None = None,
    ) -> ApprovalRequest:
        """Take an open request back: pending, or approved and not exercised.

        Args:
            request_id: of the request.
            principal_name: who takes it back.
            assurance: how that person's identity was established, in words.
            reason: in that person's words.
            now: the moment that decides whether the request is still open.
            admit: looks at the request, and raises ``VoteRefused`` where this person may not take it back.
            limit: how many refusals are taken, and of whom.

        Raises:
            VoteRefused: not by this person, or there is nothing left to take back; that it was tried is on record.
            TooManyAttempts: it was not looked at.
            RequestError: there is no such request.
        """
        try:
            with self._writer.transaction() as transaction:
                connection = transaction.connection
                request = requests.read(connection, request_id)
                attempts.check(connection, request.binding.tenant, limit, now)
                admit(request)
                if request.state.value in requests.OPEN_STATES and request.expires_at <= now:
                    raise RequestClosed("The request has expired.", details={"request_id": request_id})
                why = f"{principal_name}: {reason}" if reason else f"by {principal_name}"
                if not requests.move(connection, request_id, RequestState.REVOKED, now, why):
                    raise RequestClosed(
                        f"The request is {request.state.value}; there is nothing to take back.",
                        details={"request_id": request_id, "state": request.state.value},
                    )
                standing.end(connection, request_id, now)
                said: dict[str, JsonValue] = {"was": request.state.value, "assurance": assurance}
                words: dict[str, JsonValue] = {"reason": reason} if reason else {}
                transaction.record(
                    requests.about(request, "approval.revoked", now, subject=principal_name, payload=said, values=words)
                )
                return request.model_copy(update={"state": RequestState.REVOKED})
        except TooManyAttempts:
            raise
        except VoteRefused as refusal:
            tried: dict[str, JsonValue] = {"code": refusal.code, "assurance": assurance, "act": "revoke"}
            refuse(self._writer, request_id, principal_name, now, tried, limit)
            raise
