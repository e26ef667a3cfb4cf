"""Where a log begins since its oldest records were pruned; the triggers let exactly those go."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_BY_BYTES = sa.String().with_variant(sa.Text(collation="C"), "postgresql")

_SQLITE_TRIGGERS = (
    """CREATE TRIGGER audit_pruned_no_update BEFORE UPDATE ON audit_pruned
       BEGIN SELECT RAISE(ABORT, 'audit_pruned is append-only'); END""",
    """CREATE TRIGGER audit_pruned_no_delete BEFORE DELETE ON audit_pruned
       BEGIN SELECT RAISE(ABORT, 'audit_pruned is append-only'); END""",
    # INSERT OR REPLACE deletes without firing the trigger above.
    """CREATE TRIGGER audit_pruned_no_replace BEFORE INSERT ON audit_pruned
       WHEN EXISTS (SELECT 1 FROM audit_pruned WHERE tenant = NEW.tenant AND until = NEW.until)
       BEGIN SELECT RAISE(ABORT, 'audit_pruned is append-only'); END""",
    "DROP TRIGGER audit_record_no_delete",
    """CREATE TRIGGER audit_record_no_delete BEFORE DELETE ON audit_record
       WHEN NOT EXISTS (SELECT 1 FROM audit_pruned WHERE tenant = OLD.tenant AND until > OLD.seq)
       BEGIN SELECT RAISE(ABORT, 'audit_record is append-only'); END""",
)
_POSTGRESQL_TRIGGERS = (
    """CREATE FUNCTION audit_pruned_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'audit_pruned is append-only'; END $$""",
    """CREATE TRIGGER audit_pruned_no_change BEFORE UPDATE OR DELETE ON audit_pruned
       FOR EACH ROW EXECUTE FUNCTION audit_pruned_refuse()""",
    """CREATE TRIGGER audit_pruned_no_truncate BEFORE TRUNCATE ON audit_pruned
       FOR EACH STATEMENT EXECUTE FUNCTION audit_pruned_refuse()""",
    """CREATE OR REPLACE FUNCTION audit_record_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF TG_OP = 'DELETE' THEN
           IF EXISTS (SELECT 1 FROM audit_pruned WHERE tenant = OLD.tenant AND until > OLD.seq) THEN
             RETURN OLD;
           END IF;
         END IF;
         RAISE EXCEPTION 'audit_record is append-only';
       END $$""",
)


def upgrade() -> None:
    """Create the tables, and let what is pruned go."""
    op.create_table(
        "audit_pruned",
        sa.Column("tenant", _BY_BYTES, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.LargeBinary(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "until"),
    )
    op.create_table(
        "audit_pruned_writer",
        sa.Column("writer", _BY_BYTES, nullable=False),
        sa.Column("tenant", _BY_BYTES, nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("writer"),
    )
    for trigger in _SQLITE_TRIGGERS if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL_TRIGGERS:
        op.execute(trigger)
