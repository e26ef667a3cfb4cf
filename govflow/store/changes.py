"""Seeing cheaply that something happened to the approvals and runs of a tenant: for pages that are open.

Where somebody has read up to is the place of the newest record in the log: nothing that came after it is missed,
however long nobody looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Row, Select, func, select

from govflow.store.engine import Database
from govflow.store.tables import AUDIT_RECORD as RECORD

Happening = tuple[str, str]
"""An event and the run that it is about; the run is empty for those that are about none."""

FAR: Final = 2_000
"""Records. Whoever has missed more is told that something happened, without reading them."""


@dataclass(frozen=True, slots=True)
class Concern:
    """What a page shows: events by how their names begin, of one run or of any."""

    prefixes: tuple[str, ...]
    run_id: str | None = None

    def holds(self, happened: Mapping[Happening, int], since: int) -> bool:
        """Whether any of it is about what the page shows, and came after the place ``since``."""
        return any(
            place > since and event.startswith(self.prefixes) and self.run_id in (None, run_id)
            for (event, run_id), place in happened.items()
        )


def newest(db: Database, tenant: str) -> int:
    """The place of a tenant's newest record; 0 for an empty log."""
    with db.reading() as connection:
        last = select(func.max(RECORD.c.seq)).where(RECORD.c.tenant == tenant)
        return int(connection.execute(last).scalar() or 0)


def missed(db: Database, tenant: str, concern: Concern, since: int) -> bool:
    """Whether anything that a page shows happened after the record at the place ``since``."""
    with db.reading() as connection:
        rows = connection.execute(_after(tenant, since).limit(FAR)).all()
    return len(rows) == FAR or concern.holds(_happenings(rows), since)


class Changes:
    """Used by one thread at a time."""

    def __init__(self, db: Database, tenant: str) -> None:
        self._db = db
        self._tenant = tenant
        self._pulse = db.pulse()
        self.seen = newest(db, tenant)

    def take(self) -> dict[Happening, int]:
        """What happened since the last call, with the place of the last record of it.

        No table is read where nothing was written. Every vote and every move of a request is recorded in its own
        transaction, so none is missed.
        """
        if not self._pulse.moved():
            return {}
        with self._db.reading() as connection:
            rows = connection.execute(_after(self._tenant, self.seen)).all()
        self.seen = max((row.seq for row in rows), default=self.seen)
        return _happenings(rows)

    def close(self) -> None:
        """Give back what it holds."""
        self._pulse.close()


def _after(tenant: str, seq: int) -> Select[tuple[int, str, str | None]]:
    return (
        select(RECORD.c.seq, RECORD.c.event, RECORD.c.run_id)
        .where(RECORD.c.tenant == tenant, RECORD.c.seq > seq)
        .order_by(RECORD.c.seq)
    )


def _happenings(rows: Iterable[Row[tuple[int, str, str | None]]]) -> dict[Happening, int]:
    return {(row.event, row.run_id or ""): row.seq for row in rows}
