"""Reading the records of a run or of a time in the order of places, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import select

from govflow.audit.record import Entry
from govflow.store.engine import Database
from govflow.store.tables import AUDIT_RECORD as RECORD
from govflow.store.times import micros
from govflow.store.writer import Writer

_PAGE: Final = 1_000


class AuditSelection:
    """Reads only; safe to share between threads."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def records(
        self,
        tenant: str,
        size: int,
        *,
        run_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Entry]:
        """The entries that are wanted among the first ``size``. No connection is held between pages.

        Args:
            tenant: whose log.
            size: how much of the log is looked at.
            run_id: of this run only.
            since: aware; from then on.
            until: aware; before then.
        """
        wanted = select(RECORD.c.seq, RECORD.c.prev, RECORD.c.hash, RECORD.c.body)
        wanted = wanted.where(RECORD.c.tenant == tenant, RECORD.c.seq < size).order_by(RECORD.c.seq).limit(_PAGE)
        if run_id is not None:
            wanted = wanted.where(RECORD.c.run_id == run_id)
        # A sum, so that the index of times is not taken: each page would sort all records of the time by their places.
        if since is not None:
            wanted = wanted.where(RECORD.c.at + 0 >= micros(since))
        if until is not None:
            wanted = wanted.where(RECORD.c.at + 0 < micros(until))
        start = 0
        while True:
            with self._db.reading() as connection:
                rows = connection.execute(wanted.where(RECORD.c.seq >= start)).all()
            for row in rows:
                yield Entry(row.seq, "sha256:" + row.prev.hex(), bytes(row.body), "sha256:" + row.hash.hex())
            if len(rows) < _PAGE:
                return
            start = rows[-1].seq + 1
