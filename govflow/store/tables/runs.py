"""Approved plans, and the runs that were opened under them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint
from sqlmodel import Field

from govflow.store.tables.table import GovflowTable, core


class ApprovedPlanRow(GovflowTable, table=True):
    """A plan that a named principal approved. The one with the highest number is in force."""

    __tablename__ = "approved_plan"

    tenant: str = Field(primary_key=True)
    flow: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    plan_hash: str
    plan: str = Field(sa_type=Text)
    principal: str
    trusted: bool  # taken on first use; nobody approved it
    at: int = Field(sa_type=BigInteger)


class RunRow(GovflowTable, table=True):
    """A run as it was opened under one IR. The row with the highest number is the one in force."""

    __tablename__ = "governed_run"
    __table_args__ = (
        UniqueConstraint("run_id", "number", name="uq_governed_run_number"),
        Index("ix_governed_run_opened", "tenant", "opened_at"),
    )

    run_id: str = Field(primary_key=True)
    ir_hash: str = Field(primary_key=True)
    number: int
    tenant: str
    flow: str
    policy_digest: str
    requester: str
    opened_at: int = Field(sa_type=BigInteger)
    permit: str = Field(sa_type=Text)


class RunManifest(GovflowTable, table=True):
    """What a process needs that runs a part of a plan: see :mod:`govflow.ir.manifest`. Named by its own digest."""

    __tablename__ = "run_manifest"

    digest: str = Field(primary_key=True)
    document: str = Field(sa_type=Text)


class StepPlace(GovflowTable, table=True):
    """Which task run took which call of a step, where several processes run one plan."""

    __tablename__ = "step_place"
    __table_args__ = (UniqueConstraint("run_id", "step_id", "task_run_id", name="uq_step_place_task_run"),)

    run_id: str = Field(primary_key=True)
    step_id: str = Field(primary_key=True)  # or the candidates of a site, sorted, with a comma between them
    place: int = Field(primary_key=True)
    task_run_id: str
    at: int = Field(sa_type=BigInteger)


APPROVED_PLAN: Final = core(ApprovedPlanRow)
GOVERNED_RUN: Final = core(RunRow)
RUN_MANIFEST: Final = core(RunManifest)
STEP_PLACE: Final = core(StepPlace)
