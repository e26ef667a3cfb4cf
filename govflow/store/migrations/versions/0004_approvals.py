"""Approvals with stages: delegations, standing approvals, emergencies, limits, messages, and an inbox."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

Kind = sa.types.TypeEngine[Any]

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and fill what the inbox looks at from the requests that are there."""
    _requests()
    _votes()
    _rights()
    _emergencies()
    _messages()
    op.create_index("ix_governed_run_opened", "governed_run", ["tenant", "opened_at"])
    _copy(op.get_bind())


def _column(name: str, kind: Kind, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def _requests() -> None:
    for name in ("requester", "rule"):
        op.add_column("approval_request", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.add_column("approval_request", sa.Column("search", sa.Text(), nullable=False, server_default=""))
    for name in ("tier", "reminded", "escalated"):
        op.add_column("approval_request", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_approval_request_inbox", "approval_request", ["tenant", "ordinal"])
    op.create_table(
        "approval_selector",
        _column("tenant", sa.String()),
        _column("selector", sa.String()),
        _column("ordinal", sa.BigInteger()),
        _column("request_id", sa.String()),
        sa.ForeignKeyConstraint(["request_id"], ["approval_request.request_id"]),
        sa.PrimaryKeyConstraint("tenant", "selector", "ordinal"),
    )
    op.create_index("ix_approval_selector_request_id", "approval_selector", ["request_id"])


def _votes() -> None:
    op.add_column("approval_vote", sa.Column("kind", sa.String(), nullable=False, server_default="vote"))
    for name in ("selectors", "through", "through_selectors"):
        op.add_column("approval_vote", sa.Column(name, sa.Text(), nullable=False, server_default="[]"))


def _rights() -> None:
    op.create_table(
        "delegation",
        _column("delegation_id", sa.String()),
        _column("tenant", sa.String()),
        _column("giver", sa.String()),
        _column("taker", sa.String()),
        _column("request_id", sa.String(), nullable=True),
        _column("rule", sa.String(), nullable=True),
        _column("depth", sa.Integer()),
        _column("reason", sa.Text()),
        _column("created_at", sa.BigInteger()),
        _column("expires_at", sa.BigInteger()),
        _column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("delegation_id"),
    )
    op.create_index("ix_delegation_giver", "delegation", ["tenant", "giver"])
    op.create_index("ix_delegation_taker", "delegation", ["tenant", "taker"])
    op.create_table(
        "standing_approval",
        _column("request_id", sa.String()),
        _column("tenant", sa.String()),
        _column("flow", sa.String()),
        _column("step_id", sa.String()),
        _column("plan_hash", sa.String()),
        _column("policy_digest", sa.String()),
        _column("terms", sa.Text()),
        _column("max_runs", sa.Integer()),
        _column("used", sa.Integer()),
        _column("expires_at", sa.BigInteger()),
        _column("revoked_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("used <= max_runs", name="ck_standing_approval_used"),
        sa.ForeignKeyConstraint(["request_id"], ["approval_request.request_id"]),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("ix_standing_approval_step", "standing_approval", ["tenant", "flow", "step_id", "plan_hash"])
    op.create_table(
        "standing_use",
        _column("request_id", sa.String()),
        _column("run_id", sa.String()),
        _column("at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["request_id"], ["standing_approval.request_id"]),
        sa.PrimaryKeyConstraint("request_id", "run_id"),
    )


def _emergencies() -> None:
    op.create_table(
        "break_glass_review",
        _column("request_id", sa.String()),
        _column("tenant", sa.String()),
        _column("principal", sa.String()),
        _column("at", sa.BigInteger()),
        _column("due_at", sa.BigInteger()),
        _column("reviewed_by", sa.String(), nullable=True),
        _column("reviewed_at", sa.BigInteger(), nullable=True),
        _column("finding", sa.Text()),
        sa.ForeignKeyConstraint(["request_id"], ["approval_request.request_id"]),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("ix_break_glass_review_due", "break_glass_review", ["tenant", "reviewed_at", "due_at"])
    op.create_table(
        "answer_attempt",
        _column("tenant", sa.String()),
        _column("whose", sa.String()),
        _column("since", sa.BigInteger()),
        _column("count", sa.Integer()),
        sa.PrimaryKeyConstraint("tenant", "whose"),
    )


def _messages() -> None:
    op.create_table(
        "notification",
        _column("notification_id", sa.String()),
        _column("tenant", sa.String()),
        _column("request_id", sa.String()),
        _column("kind", sa.String()),
        _column("number", sa.Integer()),
        _column("target", sa.String()),
        _column("principal", sa.String(), nullable=True),
        _column("state", sa.String()),
        _column("attempts", sa.Integer()),
        _column("next_at", sa.BigInteger()),
        _column("error", sa.Text()),
        _column("created_at", sa.BigInteger()),
        _column("sent_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["approval_request.request_id"]),
        sa.PrimaryKeyConstraint("notification_id"),
        sa.UniqueConstraint("request_id", "kind", "number", "target", name="uq_notification"),
    )
    op.create_index("ix_notification_due", "notification", ["state", "next_at"])


def _copy(connection: sa.Connection) -> None:
    """The columns of the inbox, from the documents; written out here, for what documents hold changes later."""
    found = connection.execute(sa.text("SELECT request_id, ordinal, tenant, state, document FROM approval_request"))
    for request_id, ordinal, tenant, state, document in found.all():
        asked = json.loads(document)
        binding, summary, rule = asked["binding"], asked.get("summary", {}), asked["rule"]
        words = [binding["flow"], binding["step_id"], binding["run_id"], asked["requester"]]
        words += [str(summary.get(name, "")) for name in ("action", "resource")]
        connection.execute(
            sa.text(
                "UPDATE approval_request SET requester = :requester, tier = :tier, rule = :rule, search = :search"
                " WHERE request_id = :request_id"
            ),
            {
                "requester": asked["requester"],
                "tier": int(asked["tier"]),
                "rule": rule["name"],
                "search": " ".join(words).lower(),
                "request_id": request_id,
            },
        )
        if state == "pending":
            for selector in sorted(set(rule.get("approvers", ["*"]))):
                connection.execute(
                    sa.text("INSERT INTO approval_selector VALUES (:tenant, :selector, :ordinal, :request_id)"),
                    {"tenant": tenant, "selector": selector, "ordinal": ordinal, "request_id": request_id},
                )
