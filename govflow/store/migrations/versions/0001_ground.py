"""Every table, and the triggers that make the audit log append-only.

A revision is history: it spells the schema out, and does not follow the models when they change.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

Kind = sa.types.TypeEngine[Any]

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BINDING = (
    ("tenant", sa.String()),
    ("flow", sa.String()),
    ("run_id", sa.String()),
    ("step_id", sa.String()),
    ("map_index", sa.Integer()),
    ("ir_hash", sa.String()),
    ("policy_digest", sa.String()),
    ("parameters_digest", sa.String()),
)

SQLITE_TRIGGERS = (
    """CREATE TRIGGER audit_record_no_update BEFORE UPDATE ON audit_record
       BEGIN SELECT RAISE(ABORT, 'audit_record is append-only'); END""",
    """CREATE TRIGGER audit_record_no_delete BEFORE DELETE ON audit_record
       BEGIN SELECT RAISE(ABORT, 'audit_record is append-only'); END""",
    # INSERT OR REPLACE deletes without firing the trigger above.
    """CREATE TRIGGER audit_record_no_replace BEFORE INSERT ON audit_record
       WHEN EXISTS (SELECT 1 FROM audit_record WHERE tenant = NEW.tenant AND seq = NEW.seq)
         OR EXISTS (SELECT 1 FROM audit_record WHERE writer = NEW.writer AND writer_seq = NEW.writer_seq)
       BEGIN SELECT RAISE(ABORT, 'audit_record is append-only'); END""",
)

POSTGRESQL_TRIGGERS = (
    """CREATE FUNCTION audit_record_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'audit_record is append-only'; END $$""",
    """CREATE TRIGGER audit_record_no_change BEFORE UPDATE OR DELETE ON audit_record
       FOR EACH ROW EXECUTE FUNCTION audit_record_refuse()""",
    """CREATE TRIGGER audit_record_no_truncate BEFORE TRUNCATE ON audit_record
       FOR EACH STATEMENT EXECUTE FUNCTION audit_record_refuse()""",
)


def upgrade() -> None:
    """Create everything."""
    _audit()
    _approval()
    _plans_and_runs()
    triggers = SQLITE_TRIGGERS if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_TRIGGERS
    for trigger in triggers:
        op.execute(trigger)


def _column(name: str, kind: Kind, *args: sa.ForeignKey, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, *args, nullable=nullable)


def _binding() -> list[sa.Column[Any]]:
    return [_column(name, kind) for name, kind in BINDING]


def _audit() -> None:
    op.create_table(
        "audit_record",
        _column("tenant", sa.String()),
        _column("seq", sa.BigInteger()),
        _column("prev", sa.LargeBinary()),
        _column("hash", sa.LargeBinary()),
        _column("body", sa.LargeBinary()),
        _column("writer", sa.String()),
        _column("writer_seq", sa.BigInteger()),
        _column("event", sa.String()),
        _column("subject", sa.String()),
        _column("run_id", sa.String(), nullable=True),
        _column("at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant", "seq"),
        sa.UniqueConstraint("writer", "writer_seq", name="uq_audit_record_writer"),
        sqlite_with_rowid=False,
    )
    present = sa.text("run_id IS NOT NULL")
    op.create_index("ix_audit_record_run", "audit_record", ["run_id", "tenant", "seq"], sqlite_where=present)
    op.create_index("ix_audit_record_event", "audit_record", ["event", "tenant", "seq"])
    op.create_table(
        "audit_head",
        _column("tenant", sa.String()),
        _column("size", sa.BigInteger()),
        _column("hash", sa.LargeBinary()),
        _column("peaks", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("tenant"),
    )
    op.create_table(
        "audit_value",
        _column("writer", sa.String()),
        _column("writer_seq", sa.BigInteger()),
        _column("name", sa.String()),
        _column("salt", sa.LargeBinary()),
        _column("value", sa.Text()),
        sa.PrimaryKeyConstraint("writer", "writer_seq", "name"),
    )


def _approval() -> None:
    op.create_table(
        "approval_request",
        _column("request_id", sa.String()),
        _column("ordinal", sa.BigInteger()),
        *_binding(),
        _column("document", sa.Text()),
        _column("expires_at", sa.BigInteger()),
        _column("state", sa.String()),
        _column("state_at", sa.BigInteger()),
        _column("state_reason", sa.String()),
        _column("executor", sa.String(), nullable=True),
        _column("attempts_allowed", sa.Integer()),
        _column("attempts_used", sa.Integer()),
        _column("outcome", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("request_id"),
        sa.UniqueConstraint("ordinal"),
        sa.CheckConstraint("attempts_used <= attempts_allowed", name="ck_approval_request_attempts"),
    )
    still_open = sa.text("state IN ('pending', 'approved')")
    op.create_index(
        "uq_approval_request_open",
        "approval_request",
        [name for name, _ in BINDING],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    for name, columns in (
        ("ix_approval_request_step", ["tenant", "run_id", "step_id", "map_index", "ordinal"]),
        ("ix_approval_request_state", ["tenant", "state", "ordinal"]),
        ("ix_approval_request_due", ["state", "expires_at"]),
    ):
        op.create_index(name, "approval_request", columns)
    op.create_table(
        "approval_vote",
        _column("request_id", sa.String(), sa.ForeignKey("approval_request.request_id")),
        _column("principal", sa.String()),
        _column("ordinal", sa.Integer()),
        _column("assurance", sa.String()),
        _column("decision", sa.String()),
        _column("reason", sa.Text()),
        _column("at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("request_id", "principal"),
    )
    op.create_table(
        "approval_token",
        _column("digest", sa.String()),
        _column("request_id", sa.String(), sa.ForeignKey("approval_request.request_id")),
        _column("principal", sa.String()),
        _column("assurance", sa.String()),
        _column("selectors", sa.Text()),
        *(column for column in _binding() if column.name != "flow"),
        _column("minted_at", sa.BigInteger()),
        _column("expires_at", sa.BigInteger()),
        _column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_approval_token_request", "approval_token", ["request_id", "principal"])


def _plans_and_runs() -> None:
    op.create_table(
        "approved_plan",
        _column("tenant", sa.String()),
        _column("flow", sa.String()),
        _column("number", sa.Integer()),
        _column("plan_hash", sa.String()),
        _column("plan", sa.Text()),
        _column("principal", sa.String()),
        _column("trusted", sa.Boolean()),
        _column("at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant", "flow", "number"),
    )
    op.create_table(
        "governed_run",
        _column("run_id", sa.String()),
        _column("ir_hash", sa.String()),
        _column("number", sa.Integer()),
        _column("tenant", sa.String()),
        _column("flow", sa.String()),
        _column("policy_digest", sa.String()),
        _column("requester", sa.String()),
        _column("opened_at", sa.BigInteger()),
        _column("permit", sa.Text()),
        sa.PrimaryKeyConstraint("run_id", "ir_hash"),
        sa.UniqueConstraint("run_id", "number", name="uq_governed_run_number"),
    )
