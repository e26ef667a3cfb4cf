"""Seeing soon, and cheaply, that something was written: for whoever waits for a decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from govflow.approval.models import RequestState
from govflow.store.engine import Database
from govflow.store.tables import APPROVAL_REQUEST as REQUEST

_AT_ONCE: Final = 500  # values in one statement


class Watch:
    """For one who waits. Not safe to share between threads."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._pulse = db.pulse()

    def moved(self) -> bool:
        """Whether anybody has written since the last call, as far as that is known at no cost. True at the first."""
        return self._pulse.moved()

    def pending(self, tenant: str, run_ids: Sequence[str]) -> dict[str, list[str]]:
        """Ids of the pending requests of each of these runs, first opened first; one statement for 500 runs."""
        found: dict[str, list[str]] = {run_id: [] for run_id in run_ids}
        for start in range(0, len(run_ids), _AT_ONCE):
            part = run_ids[start : start + _AT_ONCE]
            of_runs = (REQUEST.c.tenant == tenant, REQUEST.c.run_id.in_(part))
            statement = (
                select(REQUEST.c.run_id, REQUEST.c.request_id)
                .where(*of_runs, REQUEST.c.state == RequestState.PENDING.value)
                .order_by(REQUEST.c.ordinal)
            )
            with self._db.reading() as connection:
                for run_id, request_id in connection.execute(statement):
                    found[run_id].append(request_id)
        return found

    def close(self) -> None:
        """Give back what it holds."""
        self._pulse.close()
