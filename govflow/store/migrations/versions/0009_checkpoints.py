"""Checkpoints of the audit log, and its tree in tiles, from which proofs are made."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_BY_BYTES = sa.String().with_variant(sa.Text(collation="C"), "postgresql")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_SQLITE_TRIGGERS = (
    """CREATE TRIGGER audit_checkpoint_no_update BEFORE UPDATE ON audit_checkpoint
       BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only'); END""",
    """CREATE TRIGGER audit_checkpoint_no_delete BEFORE DELETE ON audit_checkpoint
       BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only'); END""",
    # INSERT OR REPLACE deletes without firing the trigger above.
    """CREATE TRIGGER audit_checkpoint_no_replace BEFORE INSERT ON audit_checkpoint
       WHEN EXISTS (SELECT 1 FROM audit_checkpoint WHERE tenant = NEW.tenant AND size = NEW.size)
       BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only'); END""",
)
_POSTGRESQL_TRIGGERS = (
    """CREATE FUNCTION audit_checkpoint_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'audit_checkpoint is append-only'; END $$""",
    """CREATE TRIGGER audit_checkpoint_no_change BEFORE UPDATE OR DELETE ON audit_checkpoint
       FOR EACH ROW EXECUTE FUNCTION audit_checkpoint_refuse()""",
    """CREATE TRIGGER audit_checkpoint_no_truncate BEFORE TRUNCATE ON audit_checkpoint
       FOR EACH STATEMENT EXECUTE FUNCTION audit_checkpoint_refuse()""",
)


def upgrade() -> None:
    """Create the tables; what is in them is made from the records at the first checkpoint."""
    op.create_table(
        "audit_origin",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", _BY_BYTES, nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("tenant", _BY_BYTES, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("note", _TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "size"),
    )
    op.create_table(
        "audit_tile",
        sa.Column("tenant", _BY_BYTES, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "level", "place"),
        sqlite_with_rowid=False,
    )
    for trigger in _SQLITE_TRIGGERS if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL_TRIGGERS:
        op.execute(trigger)
