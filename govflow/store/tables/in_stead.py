"""What lets a run on without the people whom its request would ask: another person, an earlier yes, an emergency."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Index, Text
from sqlmodel import Field

from govflow.store.tables.table import GovflowTable, core


class DelegationRow(GovflowTable, table=True):
    """One person lets another answer in their stead."""

    __tablename__ = "delegation"
    __table_args__ = (Index("ix_delegation_taker", "tenant", "taker"), Index("ix_delegation_giver", "tenant", "giver"))

    delegation_id: str = Field(primary_key=True)
    tenant: str
    giver: str
    taker: str
    request_id: str | None = None
    rule: str | None = None
    depth: int
    reason: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class StandingRow(GovflowTable, table=True):
    """A standing approval: what its request asked for, and how often it was used."""

    __tablename__ = "standing_approval"
    __table_args__ = (
        Index("ix_standing_approval_step", "tenant", "flow", "step_id", "plan_hash"),
        CheckConstraint("used <= max_runs", name="ck_standing_approval_used"),
    )

    request_id: str = Field(primary_key=True, foreign_key="approval_request.request_id")
    tenant: str
    flow: str
    step_id: str
    plan_hash: str
    policy_digest: str
    terms: str = Field(sa_type=Text)  # JSON: the constraint on parameters
    max_runs: int
    used: int = 0
    expires_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class StandingUse(GovflowTable, table=True):
    """A run that a standing approval let through; all requests of one run count as one use."""

    __tablename__ = "standing_use"

    request_id: str = Field(primary_key=True, foreign_key="standing_approval.request_id")
    run_id: str = Field(primary_key=True)
    at: int = Field(sa_type=BigInteger)


class BreakGlassReview(GovflowTable, table=True):
    """An approval that one person took alone in an emergency, and the review that is due."""

    __tablename__ = "break_glass_review"
    __table_args__ = (Index("ix_break_glass_review_due", "tenant", "reviewed_at", "due_at"),)

    request_id: str = Field(primary_key=True, foreign_key="approval_request.request_id")
    tenant: str
    principal: str
    at: int = Field(sa_type=BigInteger)
    due_at: int = Field(sa_type=BigInteger)
    reviewed_by: str | None = None
    reviewed_at: int | None = Field(default=None, sa_type=BigInteger)
    finding: str = Field(default="", sa_type=Text)


DELEGATION: Final = core(DelegationRow)
STANDING: Final = core(StandingRow)
STANDING_USE: Final = core(StandingUse)
BREAK_GLASS_REVIEW: Final = core(BreakGlassReview)
