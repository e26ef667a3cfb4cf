"""Messages that are about a delegation and not about a request."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a message have no request, and name a delegation."""
    by_bytes = sa.String().with_variant(sa.Text(collation="C"), "postgresql")
    with op.batch_alter_table("notification") as table:
        table.alter_column("request_id", existing_type=sa.String(), nullable=True)
        table.add_column(sa.Column("delegation_id", by_bytes, nullable=True))
