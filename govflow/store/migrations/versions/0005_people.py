"""People and machines that sign in: who they are, their invitations, sessions and keys."""

from typing import Any

import sqlalchemy as sa
from alembic import op

Kind = sa.types.TypeEngine[Any]

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _people()
    _ways_in()


def _column(name: str, kind: Kind, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def _people() -> None:
    op.create_table(
        "principal",
        _column("tenant", sa.String()),
        _column("name", sa.String()),
        _column("person", sa.String()),
        _column("kind", sa.String()),
        _column("roles", sa.Text()),
        _column("groups", sa.Text()),
        _column("email", sa.String(), nullable=True),
        _column("issuer", sa.String(), nullable=True),
        _column("oidc_subject", sa.String(), nullable=True),
        _column("active", sa.Boolean()),
        _column("created_at", sa.BigInteger()),
        _column("created_by", sa.String()),
        sa.PrimaryKeyConstraint("tenant", "name"),
    )
    op.create_index("ix_principal_person", "principal", ["person"])


def _ways_in() -> None:
    op.create_table(
        "sign_in_link",
        _column("digest", sa.String()),
        _column("tenant", sa.String()),
        _column("principal", sa.String()),
        _column("created_at", sa.BigInteger()),
        _column("created_by", sa.String()),
        _column("expires_at", sa.BigInteger()),
        _column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "console_session",
        _column("digest", sa.String()),
        _column("tenant", sa.String()),
        _column("principal", sa.String()),
        _column("assurance", sa.String()),
        _column("method", sa.String()),
        _column("roles", sa.Text()),
        _column("groups", sa.Text()),
        _column("created_at", sa.BigInteger()),
        _column("seen_at", sa.BigInteger()),
        _column("expires_at", sa.BigInteger()),
        _column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_console_session_principal", "console_session", ["tenant", "principal"])
    op.create_table(
        "api_key",
        _column("key_id", sa.String()),
        _column("digest", sa.String()),
        _column("tenant", sa.String()),
        _column("principal", sa.String()),
        _column("name", sa.String()),
        _column("created_at", sa.BigInteger()),
        _column("created_by", sa.String()),
        _column("expires_at", sa.BigInteger(), nullable=True),
        _column("revoked_at", sa.BigInteger(), nullable=True),
        _column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key_id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("ix_api_key_principal", "api_key", ["tenant", "principal"])
