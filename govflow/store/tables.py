"""The tables. Statements use their Core form (``AUDIT_RECORD`` and so on); migrations hold the schema they create.

The models have a registry of their own: an application that uses SQLModel too must not find them in its metadata.
Moments are microseconds since the epoch, hashes in the log 32 raw bytes, documents JSON text.
"""

from __future__ import annotations

from typing import Final, cast

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, MetaData, Table, Text, UniqueConstraint, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

NO_MAP_INDEX: Final = -1
"""What ``map_index`` holds for a step that is not mapped: NULLs are distinct in a unique index, this is not."""


class GovflowTable(SQLModel, registry=registry(metadata=MetaData())):
    """What all tables share: metadata apart from the application's."""


class AuditRecord(GovflowTable, table=True):
    """One sequenced record. Triggers refuse UPDATE, DELETE and a second record in one place."""

    __tablename__ = "audit_record"
    __table_args__ = (
        UniqueConstraint("writer", "writer_seq", name="uq_audit_record_writer"),
        Index("ix_audit_record_run", "run_id", "tenant", "seq", sqlite_where=text("run_id IS NOT NULL")),
        Index("ix_audit_record_event", "event", "tenant", "seq"),
        # Clustered by place: a log is read in order. And no rowid by which a row could be replaced past the triggers.
        {"sqlite_with_rowid": False},
    )

    tenant: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    prev: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)
    body: bytes = Field(sa_type=LargeBinary)  # what is hashed; the columns below are copies for searching
    writer: str
    writer_seq: int = Field(sa_type=BigInteger)
    event: str
    subject: str
    run_id: str | None = None
    at: int = Field(sa_type=BigInteger)


class AuditHead(GovflowTable, table=True):
    """The end of a tenant's log: what the next record needs."""

    __tablename__ = "audit_head"

    tenant: str = Field(primary_key=True)
    size: int = Field(sa_type=BigInteger)
    hash: bytes = Field(sa_type=LargeBinary)
    peaks: bytes = Field(sa_type=LargeBinary)  # compact range, 32 bytes each, largest subtree first


class AuditValue(GovflowTable, table=True):
    """A value that a record only commits to. Erasing the row leaves the log as it is."""

    __tablename__ = "audit_value"

    writer: str = Field(primary_key=True)
    writer_seq: int = Field(primary_key=True, sa_type=BigInteger)
    name: str = Field(primary_key=True)
    salt: bytes = Field(sa_type=LargeBinary)
    value: str = Field(sa_type=Text)


class ApprovalRow(GovflowTable, table=True):
    """A question to people. ``document`` is the request as it was opened; ``state`` and what follows it move."""

    __tablename__ = "approval_request"
    __table_args__ = (
        # One open question for one binding, whoever asks at the same time.
        Index(
            "uq_approval_request_open",
            *("tenant", "flow", "run_id", "step_id", "map_index", "ir_hash", "policy_digest", "parameters_digest"),
            unique=True,
            sqlite_where=text("state IN ('pending', 'approved')"),
            postgresql_where=text("state IN ('pending', 'approved')"),
        ),
        Index("ix_approval_request_step", "tenant", "run_id", "step_id", "map_index", "ordinal"),
        Index("ix_approval_request_state", "tenant", "state", "ordinal"),
        Index("ix_approval_request_due", "state", "expires_at"),
        CheckConstraint("attempts_used <= attempts_allowed", name="ck_approval_request_attempts"),
    )

    request_id: str = Field(primary_key=True)
    ordinal: int = Field(sa_type=BigInteger, unique=True)  # order of opening
    tenant: str
    flow: str
    run_id: str
    step_id: str
    map_index: int
    ir_hash: str
    policy_digest: str
    parameters_digest: str
    document: str = Field(sa_type=Text)
    expires_at: int = Field(sa_type=BigInteger)
    state: str
    state_at: int = Field(sa_type=BigInteger)
    state_reason: str = ""
    executor: str | None = None
    attempts_allowed: int = 0
    attempts_used: int = 0
    outcome: str | None = None


class ApprovalVote(GovflowTable, table=True):
    """One person's answer to one request."""

    __tablename__ = "approval_vote"

    request_id: str = Field(primary_key=True, foreign_key="approval_request.request_id")
    principal: str = Field(primary_key=True)
    ordinal: int  # order of voting within the request
    assurance: str
    decision: str
    reason: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)


class ApprovalToken(GovflowTable, table=True):
    """The digest of one person's secret for one request, and all that it is bound to."""

    __tablename__ = "approval_token"
    __table_args__ = (Index("ix_approval_token_request", "request_id", "principal"),)

    digest: str = Field(primary_key=True)
    request_id: str = Field(foreign_key="approval_request.request_id")
    principal: str
    assurance: str
    selectors: str = Field(sa_type=Text)  # JSON list: the roles as they were when the token was minted
    tenant: str
    run_id: str
    step_id: str
    map_index: int
    ir_hash: str
    policy_digest: str
    parameters_digest: str
    minted_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)


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
    __table_args__ = (UniqueConstraint("run_id", "number", name="uq_governed_run_number"),)

    run_id: str = Field(primary_key=True)
    ir_hash: str = Field(primary_key=True)
    number: int
    tenant: str
    flow: str
    policy_digest: str
    requester: str
    opened_at: int = Field(sa_type=BigInteger)
    permit: str = Field(sa_type=Text)


def _core(model: type[SQLModel]) -> Table:
    return cast(Table, model.__table__)  # type: ignore[attr-defined]  # SQLModel sets it, its stubs do not say so


METADATA: Final = GovflowTable.metadata
AUDIT_RECORD: Final = _core(AuditRecord)
AUDIT_HEAD: Final = _core(AuditHead)
AUDIT_VALUE: Final = _core(AuditValue)
APPROVAL_REQUEST: Final = _core(ApprovalRow)
APPROVAL_VOTE: Final = _core(ApprovalVote)
APPROVAL_TOKEN: Final = _core(ApprovalToken)
APPROVED_PLAN: Final = _core(ApprovedPlanRow)
GOVERNED_RUN: Final = _core(RunRow)
