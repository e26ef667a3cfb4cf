"""Which task run took which call of a step.

A process counts the calls of its own steps in memory. Where several processes run one plan, a step that is planned
once, and each element of a repeated step that asks people, is taken here first, by one task run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, select

from govflow.permits.models import MAX_LIFE
from govflow.store.engine import Database
from govflow.store.tables import STEP_PLACE as PLACE
from govflow.store.times import micros
from govflow.store.writer import Writer

KEPT: Final = 2 * MAX_LIFE


class Places:
    """The calls of the runs that are open."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def take(
        self,
        run_id: str,
        step_id: str,
        task_run_id: str,
        *,
        wanted: Sequence[int],
        after: int,
        limit: int | None,
        now: datetime,
    ) -> int | None:
        """Take a place among the calls of a step; the same one again for the same task run.

        Args:
            run_id: of the flow run.
            step_id: of the step, or of the candidates of a site.
            task_run_id: who takes it.
            wanted: places to try first, in this order.
            after: a place of no earlier number is taken otherwise.
            limit: how many places there are; None for any number.
            now: aware.

        Returns:
            The place, from 0 on; None when all are taken.
        """
        of_step = (PLACE.c.run_id == run_id, PLACE.c.step_id == step_id)
        with self._writer.transaction(durable=False) as transaction:
            rows = transaction.connection.execute(select(PLACE.c.place, PLACE.c.task_run_id).where(*of_step)).all()
            taken = {int(row[0]): str(row[1]) for row in rows}
            own = next((place for place, by in taken.items() if by == task_run_id), None)
            if own is not None:
                return own
            free = [place for place in wanted if place not in taken]
            place = free[0] if free else max((*taken, after)) + 1
            if limit is not None and place >= limit:
                return None
            transaction.connection.execute(
                insert(PLACE).values(
                    run_id=run_id, step_id=step_id, place=place, task_run_id=task_run_id, at=micros(now)
                )
            )
            return place

    def clear(self, run_id: str, now: datetime) -> None:
        """Forget the calls of a run that begins, or begins again, and those for which no permit can count any more.

        A run that has ended keeps its calls for that time: what was sent to a worker must not run there again.
        """
        old = PLACE.c.at < micros(now - KEPT)
        with self._writer.transaction(durable=False) as transaction:
            transaction.connection.execute(delete(PLACE).where((PLACE.c.run_id == run_id) | old))
