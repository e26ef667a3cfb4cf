"""Legal holds: while one is in force, values of the records that it is for are not erased.

There is no table of them: what the log says was placed, and not released, is in force. So nobody lifts one unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from govflow.audit.body import parse_body
from govflow.audit.record import Draft
from govflow.errors import RequestError
from govflow.store.engine import Database
from govflow.store.tables import AUDIT_RECORD as RECORD
from govflow.store.values import Erasable
from govflow.store.writer import Writer

PLACED, RELEASED = "hold.placed", "hold.released"


@dataclass(frozen=True, slots=True)
class Hold:
    """One that is in force. With neither run nor subject it is for the whole log of the tenant."""

    hold_id: str
    placed_by: str
    placed_at: datetime
    reason: str
    run_id: str | None = None
    subject: str | None = None
    seq: int | None = None  # of the record that placed it, where that was read

    def covers(self, record: Erasable) -> bool:
        """Whether values of that record are kept by it."""
        return self.run_id in (None, record.run_id) and self.subject in (None, record.subject)


class LegalHolds:
    """The holds of one database."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def place(self, draft: Draft) -> None:
        """Put a ``hold.placed`` record in the log, on the disk when this returns."""
        if draft.event != PLACED:
            raise ValueError("a hold is recorded as hold.placed")
        with self._writer.transaction() as transaction:
            transaction.record(draft)

    def release(self, hold_id: str, draft: Draft) -> None:
        """Put a ``hold.released`` record in the log.

        Raises:
            RequestError: no such hold is in force.
        """
        if draft.event != RELEASED:
            raise ValueError("a release is recorded as hold.released")
        with self._writer.transaction() as transaction:
            if hold_id not in {hold.hold_id for hold in in_force(transaction.connection, draft.tenant)}:
                raise RequestError(
                    f"No legal hold {hold_id!r} is in force.", mend="`govflow audit holds` shows those that are."
                )
            transaction.record(draft)

    def in_force(self, tenant: str) -> list[Hold]:
        """Those of a tenant, the oldest first."""
        with self._db.reading() as connection:
            return in_force(connection, tenant)


def in_force(connection: Connection, tenant: str) -> list[Hold]:
    """The holds of a tenant as the log has them, over a connection that is open.

    Raises:
        ValueError: a record of one cannot be read; then nobody knows what is held.
    """
    of_holds = (RECORD.c.tenant == tenant, RECORD.c.event.in_((PLACED, RELEASED)))
    found: dict[str, Hold] = {}
    for row in connection.execute(select(RECORD.c.seq, RECORD.c.body).where(*of_holds).order_by(RECORD.c.seq)):
        body = parse_body(bytes(row.body))
        said = body["payload"]
        if body["event"] == RELEASED:
            found.pop(said["hold_id"], None)
            continue
        at = datetime.fromisoformat(body["at"])
        held = {"run_id": said.get("run_id"), "subject": said.get("subject")}
        found[said["hold_id"]] = Hold(said["hold_id"], body["subject"], at, said["reason"], **held, seq=row.seq)
    return list(found.values())
