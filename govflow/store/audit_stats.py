"""Counting a tenant's log: by event, by day, by rule. Each is read from an index, without the records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select

from govflow.store.engine import Database
from govflow.store.tables import AUDIT_CHECKPOINT as CHECKPOINT
from govflow.store.tables import AUDIT_RECORD as RECORD
from govflow.store.times import micros, moment
from govflow.store.writer import Writer

_DAY: Final = 24 * 3600 * 1_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class LogStats:
    """What a log consists of. ``days`` are the first moments of days in UTC; all counts are of the same records."""

    records: int
    first: datetime | None
    last: datetime | None
    checkpoints: int
    events: dict[str, int]
    rules: dict[str, int]
    days: dict[datetime, int]


class AuditStats:
    """Reads only; safe to share between threads."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def of(self, tenant: str, since: datetime | None = None, until: datetime | None = None) -> LogStats:
        """Count the records of a tenant, of a time if one is said. All that was acknowledged is counted.

        Args:
            tenant: whose log.
            since: aware; from then on.
            until: aware; before then.
        """
        self._writer.flush()
        wanted: list[ColumnElement[bool]] = [RECORD.c.tenant == tenant]
        if since is not None:
            wanted.append(RECORD.c.at >= micros(since))
        if until is not None:
            wanted.append(RECORD.c.at < micros(until))
        day = (RECORD.c.at - RECORD.c.at % _DAY).label("day")
        with self._db.snapshot() as connection:
            span = select(func.count(), func.min(RECORD.c.at), func.max(RECORD.c.at)).where(*wanted)
            records, first, last = connection.execute(span).one()
            sealed = select(func.count()).where(CHECKPOINT.c.tenant == tenant)
            days = select(day, func.count()).where(*wanted).group_by(day).order_by(day)
            return LogStats(
                records,
                moment(first) if records else None,
                moment(last) if records else None,
                connection.execute(sealed).scalar_one(),
                _counted(connection, "event", wanted),
                _counted(connection, "rule", wanted),
                {moment(start): count for start, count in connection.execute(days)},
            )


def _counted(connection: Connection, name: str, wanted: list[ColumnElement[bool]]) -> dict[str, int]:
    """How many records have each value of a column, the most frequent first."""
    column = RECORD.c[name]
    found = select(column, func.count()).where(*wanted, column.is_not(None)).group_by(column)
    counts = {str(value): int(count) for value, count in connection.execute(found)}
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
