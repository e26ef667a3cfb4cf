"""What witnesses have answered to checkpoints of the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_BY_BYTES = sa.String().with_variant(sa.Text(collation="C"), "postgresql")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_SQLITE_TRIGGERS = (
    """CREATE TRIGGER audit_cosignature_no_update BEFORE UPDATE ON audit_cosignature
       BEGIN SELECT RAISE(ABORT, 'audit_cosignature is append-only'); END""",
    """CREATE TRIGGER audit_cosignature_no_delete BEFORE DELETE ON audit_cosignature
       BEGIN SELECT RAISE(ABORT, 'audit_cosignature is append-only'); END""",
    # INSERT OR REPLACE deletes without firing the trigger above.
    """CREATE TRIGGER audit_cosignature_no_replace BEFORE INSERT ON audit_cosignature
       WHEN EXISTS (SELECT 1 FROM audit_cosignature
                    WHERE tenant = NEW.tenant AND size = NEW.size AND witness = NEW.witness)
       BEGIN SELECT RAISE(ABORT, 'audit_cosignature is append-only'); END""",
)
_POSTGRESQL_TRIGGERS = (
    """CREATE FUNCTION audit_cosignature_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'audit_cosignature is append-only'; END $$""",
    """CREATE TRIGGER audit_cosignature_no_change BEFORE UPDATE OR DELETE ON audit_cosignature
       FOR EACH ROW EXECUTE FUNCTION audit_cosignature_refuse()""",
    """CREATE TRIGGER audit_cosignature_no_truncate BEFORE TRUNCATE ON audit_cosignature
       FOR EACH STATEMENT EXECUTE FUNCTION audit_cosignature_refuse()""",
)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "audit_cosignature",
        sa.Column("tenant", _BY_BYTES, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("witness", _BY_BYTES, nullable=False),
        sa.Column("line", _TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "size", "witness"),
    )
    for trigger in _SQLITE_TRIGGERS if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL_TRIGGERS:
        op.execute(trigger)
