"""Messages to approvers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint
from sqlmodel import Field

from govflow.store.tables.table import GovflowTable, core


class NotificationRow(GovflowTable, table=True):
    """A message to approvers that is to be sent, was sent, or was given up."""

    __tablename__ = "notification"
    __table_args__ = (
        UniqueConstraint("request_id", "kind", "number", "target", name="uq_notification"),
        Index("ix_notification_due", "state", "next_at"),
    )

    notification_id: str = Field(primary_key=True)
    tenant: str
    request_id: str | None = Field(default=None, foreign_key="approval_request.request_id")  # none: of a delegation
    kind: str  # asked, reminder, escalated, decided, break_glass, delegated
    number: int = 0  # which reminder, which escalation
    target: str  # the name of a target; where it leads is in the settings, and often secret
    principal: str | None = None  # for whom alone the message is, if it carries a token
    state: str
    attempts: int = 0
    next_at: int = Field(sa_type=BigInteger)
    error: str = Field(default="", sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    sent_at: int | None = Field(default=None, sa_type=BigInteger)
    delegation_id: str | None = None  # of the delegation that its taker is told of


NOTIFICATION: Final = core(NotificationRow)
