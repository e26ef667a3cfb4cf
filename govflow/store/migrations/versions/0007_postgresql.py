"""One principal for a person and for a sign-in; on PostgreSQL text is ordered by its bytes, as elsewhere in govflow.

A page of a list ends at a place and the next begins after it; an index finds what begins with some letters. Neither
may hang on the language that a server was set up for, nor change when its library of languages does. SQLite compares
bytes already.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the unique indexes, and give every text column of ours the collation C."""
    op.drop_index("ix_principal_person", "principal")
    op.create_index("uq_principal_person", "principal", ["tenant", "person"], unique=True)
    op.create_index("uq_principal_subject", "principal", ["tenant", "issuer", "oidc_subject"], unique=True)
    if op.get_bind().dialect.name == "postgresql":
        _order_by_bytes(op.get_bind())


def _order_by_bytes(connection: sa.Connection) -> None:
    columns = connection.execute(
        sa.text(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name = ANY(:names)"
            " AND data_type IN ('text', 'character varying') ORDER BY table_name, ordinal_position"
        ),
        {"names": list(TABLES)},
    ).all()
    quote = connection.dialect.identifier_preparer.quote
    for table in sorted({table for table, _ in columns}):
        changes = ", ".join(f'ALTER COLUMN {quote(name)} TYPE text COLLATE "C"' for of, name in columns if of == table)
        op.execute(f"ALTER TABLE {quote(table)} {changes}")


TABLES = (
    "audit_record",
    "audit_head",
    "audit_value",
    "approval_request",
    "approval_selector",
    "approval_listing",
    "approval_vote",
    "delegation",
    "standing_approval",
    "standing_use",
    "break_glass_review",
    "answer_attempt",
    "notification",
    "principal",
    "sign_in_link",
    "console_session",
    "api_key",
    "approval_token",
    "approved_plan",
    "governed_run",
    "signing_key",
    "permit",
    "permit_token",
    "permit_request",
    "permit_revocation",
    "run_manifest",
    "step_place",
)
