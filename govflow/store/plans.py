"""Plans that named principals approved. Each approval is kept; the last one is in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, insert, select

from govflow.audit.record import Draft
from govflow.ir.models import Plan
from govflow.store.engine import Database
from govflow.store.tables import APPROVED_PLAN as PLAN
from govflow.store.times import micros, moment
from govflow.store.writer import Writer


@dataclass(frozen=True, slots=True)
class ApprovedPlan:
    """A plan, and who made it the approved one.

    ``flow`` is what the flow is known by (:func:`govflow.ir.lock.plan_key`); ``number`` counts from 0 for each flow
    of a tenant.
    """

    tenant: str
    flow: str
    number: int
    plan: Plan
    plan_hash: str
    principal: str
    at: datetime
    trusted: bool = False  # taken on first use in development; nobody approved it


class Plans:
    """What the loaded code is compared with."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def approve(
        self, tenant: str, flow: str, plan: Plan, plan_hash: str, principal: str, at: datetime, draft: Draft
    ) -> ApprovedPlan:
        """Put a plan in force, in the transaction of its ``plan.approved`` (or ``plan.trusted``) record.

        Args:
            tenant: whose.
            flow: what the flow is known by; another flow of the same name is another flow.
            plan: as it was read.
            plan_hash: of that plan.
            principal: who approved it.
            at: when.
            draft: the record.
        """
        if draft.event not in {"plan.approved", "plan.trusted"} or draft.tenant != tenant:
            raise ValueError(f"a plan is recorded as plan.approved in the log of {tenant!r}")
        newest = select(PLAN.c.number).where(PLAN.c.tenant == tenant, PLAN.c.flow == flow)
        newest = newest.order_by(PLAN.c.number.desc()).limit(1)
        with self._writer.transaction() as transaction:
            last = transaction.connection.execute(newest).scalar()
            number = 0 if last is None else last + 1
            transaction.connection.execute(
                insert(PLAN).values(
                    tenant=tenant,
                    flow=flow,
                    number=number,
                    plan_hash=plan_hash,
                    plan=plan.model_dump_json(),
                    principal=principal,
                    trusted=draft.event == "plan.trusted",
                    at=micros(at),
                )
            )
            transaction.record(draft)
        trusted = draft.event == "plan.trusted"
        return ApprovedPlan(tenant, flow, number, plan, plan_hash, principal, at, trusted)

    def current(self, tenant: str, flow: str, at: datetime | None = None) -> ApprovedPlan | None:
        """The plan in force, or that was in force ``at`` a moment; ``None`` if none was approved until then."""
        statement = select(PLAN).where(PLAN.c.tenant == tenant, PLAN.c.flow == flow)
        if at is not None:
            statement = statement.where(PLAN.c.at <= micros(at))
        return self._newest(statement)

    def of_hash(self, tenant: str, plan_hash: str, at: datetime) -> ApprovedPlan | None:
        """The newest approval of a plan of that hash until ``at``; ``None`` if it never was approved."""
        same = (PLAN.c.tenant == tenant, PLAN.c.plan_hash == plan_hash, PLAN.c.at <= micros(at))
        return self._newest(select(PLAN).where(*same))

    def before(self, plan: ApprovedPlan) -> ApprovedPlan | None:
        """The plan that was in force before that one; ``None`` for the first, and for one that is the same."""
        statement = select(PLAN).where(PLAN.c.tenant == plan.tenant, PLAN.c.flow == plan.flow)
        return self._newest(statement.where(PLAN.c.number < plan.number, PLAN.c.plan_hash != plan.plan_hash))

    def _newest(self, statement: Select[Any]) -> ApprovedPlan | None:
        with self._db.reading() as connection:
            row = connection.execute(statement.order_by(PLAN.c.number.desc()).limit(1)).mappings().first()
        return None if row is None else _of(row)

    def named(self, tenant: str, name: str) -> list[ApprovedPlan]:
        """The plans in force of all flows of a tenant that are known by ``name``, or that have it as their name."""
        known = (PLAN.c.flow == name) | PLAN.c.flow.startswith(f"{name}@", autoescape=True)
        newest = select(PLAN.c.flow, func.max(PLAN.c.number).label("number"))
        last = newest.where(PLAN.c.tenant == tenant, known).group_by(PLAN.c.flow).subquery()
        same = (PLAN.c.flow == last.c.flow) & (PLAN.c.number == last.c.number)
        statement = select(PLAN).join(last, same).where(PLAN.c.tenant == tenant).order_by(PLAN.c.flow)
        with self._db.reading() as connection:
            found = [_of(row) for row in connection.execute(statement).mappings()]
        return [one for one in found if name in (one.flow, one.plan.flow)]


def _of(row: RowMapping) -> ApprovedPlan:
    return ApprovedPlan(
        row["tenant"],
        row["flow"],
        row["number"],
        Plan.model_validate_json(row["plan"]),
        row["plan_hash"],
        row["principal"],
        moment(row["at"]),
        bool(row["trusted"]),
    )
