"""What runs ask the signer to sign. A request is answered once, by one signer, or nobody waits for it any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, select, update

from govflow.audit.record import Draft
from govflow.permits.models import Permit
from govflow.store.engine import Database
from govflow.store.tables import PERMIT_REQUEST as REQUEST
from govflow.store.times import micros, moment
from govflow.store.writer import Writer


@dataclass(frozen=True, slots=True)
class PermitRequest:
    """One request. ``document`` is the permit that is asked for, as JSON; empty once it was answered."""

    request_id: str
    tenant: str
    run_id: str
    document: str
    filed_at: datetime
    expires_at: datetime
    state: str  # pending, signed, refused
    jti: str | None = None
    code: str = ""  # of a refusal
    reason: str = ""  # of a refusal; its last line says what to do next, and may be empty


class PermitRequests:
    """Filing, finding and refusing. Signing one is :meth:`govflow.store.permits.Permits.issue`."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def file(self, request_id: str, permit: Permit, now: datetime, until: datetime) -> None:
        """Ask the signer. What this process spooled before is in the log before the request is.

        Args:
            request_id: fresh.
            permit: what is asked for.
            now: aware.
            until: nobody waits for an answer after that.
        """
        with self._writer.transaction() as transaction:
            transaction.connection.execute(
                insert(REQUEST).values(
                    request_id=request_id,
                    tenant=permit.tenant,
                    run_id=permit.run_id,
                    document=permit.model_dump_json(),
                    filed_at=micros(now),
                    expires_at=micros(until),
                    state="pending",
                    jti=None,
                    code="",
                    reason="",
                )
            )

    def get(self, request_id: str) -> PermitRequest | None:
        """The request as it stands."""
        with self._db.reading() as connection:
            row = connection.execute(select(REQUEST).where(REQUEST.c.request_id == request_id)).mappings().first()
        return None if row is None else _request_of(row)

    def pending(self, now: datetime, limit: int = 20) -> list[PermitRequest]:
        """Requests that somebody waits for, in the order in which their time is over."""
        waiting = (REQUEST.c.state == "pending", REQUEST.c.expires_at > micros(now))
        statement = select(REQUEST).where(*waiting).order_by(REQUEST.c.expires_at).limit(limit)
        with self._db.reading() as connection:
            rows = connection.execute(statement).mappings().all()
        return [_request_of(row) for row in rows]

    def refuse(self, request_id: str, code: str, reason: str, draft: Draft) -> bool:
        """Say no, in the transaction of the ``permit.refused`` record; False if it was answered before."""
        if draft.event != "permit.refused":
            raise ValueError("this is recorded as permit.refused")
        with self._writer.transaction() as transaction:
            if not answer(transaction.connection, request_id, "refused", None, code, reason):
                return False
            transaction.record(draft)
        return True


def answer(
    connection: Connection, request_id: str, state: str, jti: str | None, code: str = "", reason: str = ""
) -> bool:
    """The one conditional UPDATE that answers a request; whether it did. Inside the caller's transaction."""
    waiting = (REQUEST.c.request_id == request_id, REQUEST.c.state == "pending")
    said = {"state": state, "jti": jti, "code": code, "reason": reason, "document": ""}
    return connection.execute(update(REQUEST).where(*waiting).values(**said)).rowcount == 1


def _request_of(row: RowMapping) -> PermitRequest:
    return PermitRequest(**{**row, "filed_at": moment(row["filed_at"]), "expires_at": moment(row["expires_at"])})
