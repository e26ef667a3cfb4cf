"""PostgreSQL's index of rules leaves out the records of no rule, which are most, as SQLite's does."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_INDEX = "ix_audit_record_rule"
_TABLE = "audit_record"


def upgrade() -> None:
    """Make the index anew."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.drop_index(_INDEX, _TABLE)
    op.create_index(_INDEX, _TABLE, ["rule", "tenant", "seq"], postgresql_where=sa.text("rule IS NOT NULL"))
