"""What lists show of a request, in narrow rows: a list or a search of a hundred thousand reads no documents."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

Kind = sa.types.TypeEngine[Any]

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_AT_ONCE = 500


def upgrade() -> None:
    """Create the table, fill it from the requests that are there, and drop what it takes the place of."""
    op.create_table(
        "approval_listing",
        _column("tenant", sa.String()),
        _column("ordinal", sa.BigInteger()),
        _column("request_id", sa.String()),
        _column("flow", sa.String()),
        _column("tier", sa.Integer()),
        _column("rule", sa.String()),
        _column("action", sa.String()),
        _column("resource", sa.Text()),
        _column("barred", sa.Text()),
        _column("search", sa.Text()),
        _column("created_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["request_id"], ["approval_request.request_id"]),
        sa.PrimaryKeyConstraint("tenant", "ordinal"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_approval_listing_request_id", "approval_listing", ["request_id"])
    _fill(op.get_bind())
    op.drop_index("ix_approval_request_inbox", "approval_request")
    op.drop_column("approval_request", "search")


def _column(name: str, kind: Kind) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _fill(connection: sa.Connection) -> None:
    some = sa.text(
        "SELECT ordinal, tenant, request_id, flow, tier, rule, search, document FROM approval_request"
        " WHERE ordinal > :after ORDER BY ordinal LIMIT :most"
    )
    names = ("tenant", "ordinal", "request_id", "flow", "tier", "rule", "action", "resource", "barred", "search")
    columns, values = ", ".join(names), ", ".join(f":{name}" for name in names)
    listing = sa.text(
        f"INSERT INTO approval_listing ({columns}, created_at) VALUES ({values}, CAST(:created_at AS BIGINT))"
    )
    after = -1
    while found := connection.execute(some, {"after": after, "most": _AT_ONCE}).mappings().all():
        connection.execute(listing, [_listed(row) for row in found])
        after = found[-1]["ordinal"]


def _listed(row: sa.RowMapping) -> dict[str, Any]:
    asked = json.loads(row["document"])
    summary = asked.get("summary", {})
    people = [asked["requester"], *asked.get("owners", ())]
    return {
        **{name: row[name] for name in ("tenant", "ordinal", "request_id", "flow", "tier", "rule", "search")},
        "action": str(summary.get("action") or ""),
        "resource": str(summary.get("resource") or ""),
        "barred": "".join(f"\n{name.strip().casefold()}\n" for name in people),
        "created_at": _micros(asked["created_at"]),
    }


def _micros(written: str) -> int:
    return (datetime.fromisoformat(written) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
