"""Permits, the keys that sign them, what waits for a signature, and runs that get none any more."""

from typing import Any

import sqlalchemy as sa
from alembic import op

Kind = sa.types.TypeEngine[Any]

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = {
    "permit": "jti = NEW.jti OR (tenant = NEW.tenant AND run_id = NEW.run_id AND number = NEW.number)",
    "permit_revocation": "tenant = NEW.tenant AND run_id = NEW.run_id",
}
"""Table to what makes a row one that is there already."""


def upgrade() -> None:
    """Create the tables, and the triggers that make two of them append-only."""
    _keys()
    _permits()
    _requests()
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table, same in APPEND_ONLY.items():
        for trigger in _sqlite_triggers(table, same) if sqlite else _postgresql_triggers(table):
            op.execute(trigger)


def _column(name: str, kind: Kind, *args: sa.ForeignKey, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, *args, nullable=nullable)


def _keys() -> None:
    op.create_table(
        "signing_key",
        _column("kid", sa.String()),
        _column("x", sa.String()),
        _column("created_at", sa.BigInteger()),
        _column("retired_at", sa.BigInteger(), nullable=True),
        _column("ends_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kid"),
    )


def _permits() -> None:
    op.create_table(
        "permit",
        _column("jti", sa.String()),
        _column("tenant", sa.String()),
        _column("run_id", sa.String()),
        _column("number", sa.Integer()),
        *(_column(name, sa.String()) for name in ("flow", "plan_key", "ir_hash", "plan_hash", "policy_digest")),
        *(_column(name, sa.String()) for name in ("mode", "environment", "requester")),
        _column("attempt", sa.Integer()),
        _column("kid", sa.String(), sa.ForeignKey("signing_key.kid")),
        _column("digest", sa.String()),
        _column("issued_at", sa.BigInteger()),
        _column("expires_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("jti"),
        sa.UniqueConstraint("tenant", "run_id", "number", name="uq_permit_number"),
    )
    op.create_index("ix_permit_expires", "permit", ["tenant", "expires_at"])
    op.create_index("ix_permit_key", "permit", ["kid", "expires_at"])
    op.create_table(
        "permit_token",
        _column("jti", sa.String(), sa.ForeignKey("permit.jti")),
        _column("tenant", sa.String()),
        _column("run_id", sa.String()),
        _column("token", sa.Text()),
        _column("expires_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("jti"),
    )
    op.create_index("ix_permit_token_run", "permit_token", ["tenant", "run_id", "expires_at"])
    op.create_table(
        "permit_revocation",
        *(_column(name, sa.String()) for name in ("tenant", "run_id", "principal", "assurance")),
        _column("reason", sa.Text()),
        _column("at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant", "run_id"),
    )


def _requests() -> None:
    op.create_table(
        "permit_request",
        *(_column(name, sa.String()) for name in ("request_id", "tenant", "run_id")),
        _column("document", sa.Text()),
        _column("filed_at", sa.BigInteger()),
        _column("expires_at", sa.BigInteger()),
        _column("state", sa.String()),
        _column("jti", sa.String(), nullable=True),
        _column("code", sa.String()),
        _column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("ix_permit_request_state", "permit_request", ["state", "expires_at"])


def _sqlite_triggers(table: str, same: str) -> tuple[str, ...]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    return (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
        # INSERT OR REPLACE deletes without firing the trigger above.
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"
        f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) {refuse}",
    )


def _postgresql_triggers(table: str) -> tuple[str, ...]:
    return (
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
        f" BEGIN RAISE EXCEPTION '{table} is append-only'; END $$",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {table}_refuse()",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()",
    )
