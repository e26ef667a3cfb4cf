"""Governed runs, newest first, a page at a time, and how each of them ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, exists, or_, select

from govflow.store.engine import Database
from govflow.store.tables import AUDIT_RECORD as RECORD
from govflow.store.tables import GOVERNED_RUN as RUN
from govflow.store.times import micros, moment

MOST: Final = 200
"""Rows of one page."""

Place = tuple[datetime, str]
"""Where a page ends: when its last run was opened, and that run's id."""


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """A run as a list shows it, under the IR that is in force."""

    run_id: str
    flow: str
    ir_hash: str
    policy_digest: str
    requester: str
    opened_at: datetime


class RunPages:
    """Lists of runs. Reads only; safe to share between threads."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def page(self, tenant: str, *, before: Place | None, limit: int, flow: str | None = None) -> list[OpenedRun]:
        """At most ``limit`` runs of a tenant, newest first, after the ``before`` of the page before."""
        later = RUN.alias("later")
        newer = exists().where(later.c.run_id == RUN.c.run_id, later.c.number > RUN.c.number)
        columns = (RUN.c.run_id, RUN.c.flow, RUN.c.ir_hash, RUN.c.policy_digest, RUN.c.requester, RUN.c.opened_at)
        statement = select(*columns).where(RUN.c.tenant == tenant, ~newer)
        if flow is not None:
            statement = statement.where(RUN.c.flow == flow)
        if before is not None:
            at, run_id = micros(before[0]), before[1]
            # Both, so that the index is entered at the moment: OR alone would walk all of it.
            same = and_(RUN.c.opened_at == at, RUN.c.run_id < run_id)
            statement = statement.where(RUN.c.opened_at <= at, or_(RUN.c.opened_at < at, same))
        statement = statement.order_by(RUN.c.opened_at.desc(), RUN.c.run_id.desc()).limit(limit)
        with self._db.reading() as connection:
            rows = connection.execute(statement).mappings().all()
        return [OpenedRun(**{**row, "opened_at": moment(row["opened_at"])}) for row in rows]

    def last_events(self, tenant: str, run_ids: Sequence[str], events: Sequence[str]) -> dict[str, bytes]:
        """The body of the last record of each of these runs whose event is one of ``events``."""
        found: dict[str, bytes] = {}
        with self._db.reading() as connection:
            for run_id in run_ids:
                statement = (
                    select(RECORD.c.body)
                    .where(RECORD.c.tenant == tenant, RECORD.c.run_id == run_id, RECORD.c.event.in_(events))
                    .order_by(RECORD.c.seq.desc())
                    .limit(1)
                )
                body = connection.execute(statement).scalar()
                if body is not None:
                    found[run_id] = bytes(body)
        return found
