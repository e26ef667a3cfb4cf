"""Requests to people: who is asked, what lists show of them, and the answers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, text
from sqlmodel import Field

from govflow.store.tables.table import GovflowTable, core

NO_MAP_INDEX: Final = -1
"""What ``map_index`` holds for a step that is not mapped: NULLs are distinct in a unique index, this is not."""


class ApprovalRow(GovflowTable, table=True):
    """A question to people. ``document`` is the request as it was opened; ``state`` and what follows it move."""

    __tablename__ = "approval_request"
    __table_args__ = (
        # One open question for one binding, whoever asks at the same time.
        Index(
            "uq_approval_request_open",
            *("tenant", "flow", "run_id", "step_id", "map_index", "ir_hash", "policy_digest", "parameters_digest"),
            unique=True,
            sqlite_where=text("state IN ('pending', 'approved')"),
            postgresql_where=text("state IN ('pending', 'approved')"),
        ),
        Index("ix_approval_request_step", "tenant", "run_id", "step_id", "map_index", "ordinal"),
        Index("ix_approval_request_state", "tenant", "state", "ordinal"),
        Index("ix_approval_request_due", "state", "expires_at"),
        CheckConstraint("attempts_used <= attempts_allowed", name="ck_approval_request_attempts"),
    )

    request_id: str = Field(primary_key=True)
    ordinal: int = Field(sa_type=BigInteger, unique=True)  # order of opening
    tenant: str
    flow: str
    run_id: str
    step_id: str
    map_index: int
    ir_hash: str
    policy_digest: str
    parameters_digest: str
    document: str = Field(sa_type=Text)
    expires_at: int = Field(sa_type=BigInteger)
    state: str
    state_at: int = Field(sa_type=BigInteger)
    state_reason: str = ""
    executor: str | None = None
    attempts_allowed: int = 0
    attempts_used: int = 0
    outcome: str | None = None
    # Copies of what the document says; more of them are in ``approval_listing``.
    requester: str = ""
    tier: int = 0
    rule: str = ""
    reminded: int = 0  # reminders sent
    escalated: int = 0  # escalations that have taken place


class ApprovalSelector(GovflowTable, table=True):
    """Whom a pending request asks: a row for each selector. Rows go when the request is decided."""

    __tablename__ = "approval_selector"

    tenant: str = Field(primary_key=True)
    selector: str = Field(primary_key=True)
    ordinal: int = Field(primary_key=True, sa_type=BigInteger)
    request_id: str = Field(foreign_key="approval_request.request_id", index=True)


class ApprovalListing(GovflowTable, table=True):
    """What lists show of a request and look in; it never changes.

    A row of its own, as narrow as it can be: a search reads all of a tenant's, and documents are kilobytes.
    """

    __tablename__ = "approval_listing"
    __table_args__ = ({"sqlite_with_rowid": False},)  # in the order in which lists are read

    tenant: str = Field(primary_key=True)
    ordinal: int = Field(primary_key=True, sa_type=BigInteger)
    request_id: str = Field(foreign_key="approval_request.request_id", index=True)
    flow: str
    tier: int
    rule: str
    action: str
    resource: str = Field(sa_type=Text)
    barred: str = Field(sa_type=Text)  # requester and owners, who never count: person keys, each in line ends
    search: str = Field(sa_type=Text)  # lower case: flow, step, run, requester, action, resource
    created_at: int = Field(sa_type=BigInteger)


class ApprovalVote(GovflowTable, table=True):
    """One person's answer to one request."""

    __tablename__ = "approval_vote"

    request_id: str = Field(primary_key=True, foreign_key="approval_request.request_id")
    principal: str = Field(primary_key=True)
    ordinal: int  # order of voting within the request
    assurance: str
    decision: str
    reason: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    kind: str = "vote"
    selectors: str = Field(default="[]", sa_type=Text)  # JSON lists
    through: str = Field(default="[]", sa_type=Text)
    through_selectors: str = Field(default="[]", sa_type=Text)


class ApprovalToken(GovflowTable, table=True):
    """The digest of one person's secret for one request, and all that it is bound to."""

    __tablename__ = "approval_token"
    __table_args__ = (Index("ix_approval_token_request", "request_id", "principal"),)

    digest: str = Field(primary_key=True)
    request_id: str = Field(foreign_key="approval_request.request_id")
    principal: str
    assurance: str
    selectors: str = Field(sa_type=Text)  # JSON list: the roles as they were when the token was minted
    tenant: str
    run_id: str
    step_id: str
    map_index: int
    ir_hash: str
    policy_digest: str
    parameters_digest: str
    minted_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)


APPROVAL_REQUEST: Final = core(ApprovalRow)
APPROVAL_SELECTOR: Final = core(ApprovalSelector)
APPROVAL_LISTING: Final = core(ApprovalListing)
APPROVAL_VOTE: Final = core(ApprovalVote)
APPROVAL_TOKEN: Final = core(ApprovalToken)
