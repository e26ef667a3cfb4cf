"""Runs as they were opened, with their permits. A run that is replayed under the same IR finds its own row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import RowMapping, insert, select, update

from govflow.audit.record import Draft
from govflow.store.engine import Database
from govflow.store.tables import GOVERNED_RUN as RUN
from govflow.store.times import micros, moment
from govflow.store.writer import Writer


@dataclass(frozen=True, slots=True)
class GovernedRun:
    """A run under one IR. ``permit`` is the document that its governor saved."""

    run_id: str
    tenant: str
    flow: str
    ir_hash: str
    policy_digest: str
    requester: str
    opened_at: datetime
    permit: Mapping[str, JsonValue]


class Runs:
    """One row for a run and an IR: a run whose code or parameters changed under way has more than one."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def save(
        self,
        run_id: str,
        tenant: str,
        flow: str,
        ir_hash: str,
        policy_digest: str,
        requester: str,
        opened_at: datetime,
        permit: Mapping[str, JsonValue],
        draft: Draft | None = None,
    ) -> GovernedRun:
        """Open a run under its IR, or find it opened; in both cases it is then the one in force.

        Args:
            run_id: of the engine's flow run.
            tenant: of the run.
            flow: name of the flow.
            ir_hash: what the run was opened for.
            policy_digest: of the policy that decided it.
            requester: principal name.
            opened_at: aware.
            permit: a JSON document.
            draft: its ``run.opened`` record, written only if the run was not there.

        Returns:
            The run as it was saved first.
        """
        run = GovernedRun(run_id, tenant, flow, ir_hash, policy_digest, requester, opened_at, permit)
        key = (RUN.c.run_id == run.run_id, RUN.c.ir_hash == run.ir_hash)
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            newest = select(RUN).where(RUN.c.run_id == run.run_id).order_by(RUN.c.number.desc()).limit(1)
            last = connection.execute(newest).mappings().first()
            number = 0 if last is None else last["number"] + 1
            found = connection.execute(select(RUN).where(*key)).mappings().first()
            if found is not None:
                if last is not None and found["number"] != last["number"]:
                    connection.execute(update(RUN).where(*key).values(number=number))
                return _run_of(found)
            connection.execute(
                insert(RUN).values(
                    run_id=run.run_id,
                    ir_hash=run.ir_hash,
                    number=number,
                    tenant=run.tenant,
                    flow=run.flow,
                    policy_digest=run.policy_digest,
                    requester=run.requester,
                    opened_at=micros(run.opened_at),
                    permit=json.dumps(run.permit),
                )
            )
            if draft is not None:
                transaction.record(draft)
        return run

    def get(self, run_id: str) -> GovernedRun | None:
        """The run under the IR that is in force; ``None`` if it was never opened."""
        statement = select(RUN).where(RUN.c.run_id == run_id).order_by(RUN.c.number.desc()).limit(1)
        with self._db.reading() as connection:
            row = connection.execute(statement).mappings().first()
        return None if row is None else _run_of(row)

    def opened_since(self, tenant: str, since: datetime) -> list[str]:
        """Ids of the runs that were opened then or later, in the order of opening."""
        statement = (
            select(RUN.c.run_id)
            .where(RUN.c.tenant == tenant, RUN.c.opened_at >= micros(since))
            .order_by(RUN.c.opened_at, RUN.c.run_id)
        )
        with self._db.reading() as connection:
            return list(dict.fromkeys(str(row[0]) for row in connection.execute(statement)))


def _run_of(row: RowMapping) -> GovernedRun:
    return GovernedRun(
        run_id=row["run_id"],
        tenant=row["tenant"],
        flow=row["flow"],
        ir_hash=row["ir_hash"],
        policy_digest=row["policy_digest"],
        requester=row["requester"],
        opened_at=moment(row["opened_at"]),
        permit=json.loads(row["permit"]),
    )
