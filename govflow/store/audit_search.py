"""Looking for records by what they are about, newest first, over no more of the log than is said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from govflow.audit.record import Entry
from govflow.store.engine import Database
from govflow.store.tables import AUDIT_RECORD as RECORD
from govflow.store.times import micros
from govflow.store.writer import Writer

LOOKED: Final = 20_000
"""Records that one search looks at where no index leads to them: it then says where it stopped."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; None is anything."""

    run_id: str | None = None
    subject: str | None = None
    event: str | None = None
    since: datetime | None = None
    until: datetime | None = None  # before it


@dataclass(frozen=True, slots=True)
class Found:
    """Entries, newest first, and the place before which to look on; None when all of the log was looked at."""

    entries: tuple[Entry, ...]
    next: int | None


class AuditSearch:
    """Reads only; safe to share between threads."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def page(self, tenant: str, wanted: Wanted, *, before: int | None, limit: int) -> Found:
        """At most ``limit`` entries before a place. All that was acknowledged is looked at."""
        self._writer.flush()
        of_tenant = RECORD.c.tenant == tenant
        with self._db.reading() as connection:
            if before is None:
                newest = select(RECORD.c.seq).where(of_tenant).order_by(RECORD.c.seq.desc()).limit(1)
                last = connection.execute(newest).scalar()
                before = 0 if last is None else int(last) + 1
            led = wanted.run_id is not None or wanted.event is not None  # by an index
            first = 0 if led else max(0, before - LOOKED)
            statement = (
                select(RECORD.c.seq, RECORD.c.prev, RECORD.c.hash, RECORD.c.body)
                .where(of_tenant, RECORD.c.seq < before, RECORD.c.seq >= first, *_demanded(wanted))
                .order_by(RECORD.c.seq.desc())
                .limit(limit + 1)
            )
            rows = connection.execute(statement).all()
        entries = tuple(
            Entry(row.seq, "sha256:" + row.prev.hex(), bytes(row.body), "sha256:" + row.hash.hex()) for row in rows
        )
        if len(entries) > limit:
            return Found(entries[:limit], entries[limit - 1].seq)
        return Found(entries, first or None)


def _demanded(wanted: Wanted) -> list[Any]:
    exact = {name: getattr(wanted, name) for name in ("run_id", "subject", "event")}
    demanded: list[Any] = [RECORD.c[name] == value for name, value in exact.items() if value is not None]
    if wanted.since is not None:
        demanded.append(RECORD.c.at >= micros(wanted.since))
    if wanted.until is not None:
        demanded.append(RECORD.c.at < micros(wanted.until))
    return demanded
