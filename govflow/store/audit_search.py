"""Looking for records by what they are about, newest first, over no more of the log than is said.

One thing alone (a run, a subject, an event or those that begin alike, a rule) is found by its index, in the order of
places. A time is found by the index of times, in the order of times: a record of a spool has a later place than
others of its time. Several things at once are looked for in a stretch of the log, and the answer says where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, false, literal, select, tuple_, union_all

from govflow.audit.record import Entry
from govflow.audit.vocabulary import EVENTS
from govflow.store.engine import Database
from govflow.store.tables import AUDIT_RECORD as RECORD
from govflow.store.times import micros
from govflow.store.writer import Writer

LOOKED: Final = 20_000
"""Records that one search looks at where no index leads to them: it then says where it stopped."""
_COLUMNS: Final = ("seq", "prev", "hash", "body", "at", "run_id", "subject", "event", "rule")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; None is anything. An event that ends with a dot is all events that begin so."""

    run_id: str | None = None
    subject: str | None = None
    event: str | None = None
    since: datetime | None = None
    until: datetime | None = None  # before it
    rule: str | None = None

    @property
    def by_time(self) -> bool:
        """Whether the answer is in the order of times; one run's records are few, and stay in the order of places."""
        return self.run_id is None and (self.since is not None or self.until is not None)

    def exact(self) -> dict[str, str]:
        """The columns that have to be what is said."""
        event = None if self.events else self.event
        said = {"run_id": self.run_id, "subject": self.subject, "event": event, "rule": self.rule}
        return {name: value for name, value in said.items() if value is not None}

    @property
    def events(self) -> tuple[str, ...]:
        """The events that begin as is said; none where one event or any is wanted."""
        start = self.event
        return tuple(sorted(filter(lambda one: one.startswith(start), EVENTS))) if start and start[-1] == "." else ()


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
        exact = wanted.exact()
        with self._db.reading() as connection:
            looked = _ordered(connection, tenant, wanted, before)
            if wanted.events and not exact and not wanted.by_time:
                rows = connection.execute(_alike(looked, wanted.events, limit + 1)).all()
                return Found(_entries(rows[:limit]), rows[limit - 1].seq if len(rows) > limit else None)
            if wanted.run_id is not None or (len(exact) + wanted.by_time <= 1 and not wanted.events):
                rows = connection.execute(looked.where(*_fitting(RECORD.c, wanted)).limit(limit + 1)).all()
                return Found(_entries(rows[:limit]), rows[limit - 1].seq if len(rows) > limit else None)
            stretch = looked.limit(LOOKED).subquery()
            order = [stretch.c.at.desc()] if wanted.by_time else []
            found = select(stretch).where(*_fitting(stretch.c, wanted)).order_by(*order, stretch.c.seq.desc())
            rows = connection.execute(found.limit(limit + 1)).all()
            if len(rows) > limit:
                return Found(_entries(rows[:limit]), rows[limit - 1].seq)
            return Found(_entries(rows), _end(connection, looked))


def _ordered(connection: Connection, tenant: str, wanted: Wanted, before: int | None) -> Select[Any]:
    """All records that may be wanted, in the order of the answer, from a place on."""
    looked = select(*(RECORD.c[name] for name in _COLUMNS)).where(RECORD.c.tenant == tenant)
    if wanted.since is not None:
        looked = looked.where(RECORD.c.at >= micros(wanted.since))
    until = None if wanted.until is None else RECORD.c.at < micros(wanted.until)
    if not wanted.by_time:
        looked = looked.order_by(RECORD.c.seq.desc())
        bounds = [until, None if before is None else RECORD.c.seq < before]
    else:
        looked = looked.order_by(RECORD.c.at.desc(), RECORD.c.seq.desc())
        # One bound from above: of two SQLite takes the first to begin at, and reads on to the second.
        bounds = [until if before is None else _behind(connection, tenant, before, wanted.until)]
    return looked.where(*(bound for bound in bounds if bound is not None))


def _alike(looked: Select[Any], events: tuple[str, ...], limit: int) -> Select[Any]:
    """The newest of several events: as many of each as are asked for, each by the index, and of those the newest."""
    of_each = [select(looked.where(RECORD.c.event == event).limit(limit).subquery()) for event in events]
    together = union_all(*of_each).subquery()
    return select(together).order_by(together.c.seq.desc()).limit(limit)


def _behind(connection: Connection, tenant: str, before: int, until: datetime | None) -> ColumnElement[bool]:
    """What follows a place in the order of times: nothing, where there is no such place."""
    place = (RECORD.c.tenant == tenant, RECORD.c.seq == before)
    at = connection.execute(select(RECORD.c.at).where(*place)).scalar()
    if at is None:
        return false()
    if until is not None and at >= micros(until):
        return RECORD.c.at < micros(until)
    return tuple_(RECORD.c.at, RECORD.c.seq) < tuple_(literal(at), literal(before))


def _end(connection: Connection, looked: Select[Any]) -> int | None:
    """The last place of a stretch; None if the log ends in it."""
    last = connection.execute(looked.with_only_columns(RECORD.c.seq).offset(LOOKED - 1).limit(2)).scalars().all()
    return last[0] if len(last) > 1 else None


def _fitting(columns: Any, wanted: Wanted) -> list[ColumnElement[bool]]:
    fitting = [columns[name] == value for name, value in wanted.exact().items()]
    return [*fitting, columns.event.in_(wanted.events)] if wanted.events else fitting


def _entries(rows: Any) -> tuple[Entry, ...]:
    return tuple(
        Entry(row.seq, "sha256:" + row.prev.hex(), bytes(row.body), "sha256:" + row.hash.hex()) for row in rows
    )
