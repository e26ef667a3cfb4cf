"""What people are to be told, put down by whatever happens to a request, in the same transaction.

Each is put down once, for :data:`ANYONE`: whoever sweeps knows the targets (:mod:`govflow.store.outbox`). So a flow's
process needs to know neither who is told nor where.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, select

from govflow.approval.models import ApprovalRequest, Delegation, Vote
from govflow.store.tables import APPROVAL_REQUEST as REQUEST
from govflow.store.tables import NOTIFICATION as ROW
from govflow.store.times import micros

ANYONE: Final = "*"
"""In the place of a target: nobody has looked yet whom this concerns."""


class Kind(StrEnum):
    """What a message is about."""

    ASKED = "asked"  # people are asked; number 0 for the first ones, then the vote after which others are
    REMINDER = "reminder"  # nobody has decided for so long; the number of the reminder, from 1
    ESCALATED = "escalated"  # further people may answer; the number of the escalation, from 1
    DECIDED = "decided"  # it is approved, denied, expired, revoked or voided
    BREAK_GLASS = "break_glass"  # one person let it through alone
    DELEGATED = "delegated"  # somebody lets somebody else answer


class MessageState(StrEnum):
    """Where a message stands."""

    NEW = "new"  # for anyone: not yet spread
    SPREAD = "spread"
    WAITING = "waiting"
    SENDING = "sending"  # somebody holds it until ``next_at``
    SENT = "sent"
    DROPPED = "dropped"  # what it says was no longer so
    GIVEN_UP = "given_up"


def put(
    connection: Connection, request: ApprovalRequest, kind: Kind, number: int, now: datetime, due: datetime
) -> None:
    """Put down, in the caller's transaction, what people are to be told from ``due`` on."""
    insert_message(connection, request.binding.tenant, request.request_id, kind, number, ANYONE, None, now, due)


def opened(connection: Connection, request: ApprovalRequest) -> None:
    """A request was opened: people are asked now, and reminders and escalations have their times."""
    now = request.created_at
    put(connection, request, Kind.ASKED, 0, now, now)
    for number, seconds in enumerate(request.rule.remind_after_seconds, 1):
        put(connection, request, Kind.REMINDER, number, now, now + timedelta(seconds=seconds))
    for number, one in enumerate(request.rule.escalation, 1):
        put(connection, request, Kind.ESCALATED, number, now, now + timedelta(seconds=one.after_seconds))


def voted(connection: Connection, vote: Vote, before: int) -> None:
    """A vote was counted: if it ended a stage, others are asked now."""
    tenant = connection.execute(select(REQUEST.c.tenant).where(REQUEST.c.request_id == vote.request_id)).scalar_one()
    insert_message(connection, tenant, vote.request_id, Kind.ASKED, before + 1, ANYONE, None, vote.at, vote.at)


def decided(connection: Connection, request_id: str, now: datetime) -> None:
    """A request is pending no more: nobody is asked, reminded or let in any more, and people are told once."""
    open_ones = (MessageState.NEW.value, MessageState.WAITING.value)
    connection.execute(
        delete(ROW).where(
            ROW.c.request_id == request_id,
            ROW.c.state.in_(open_ones),
            ROW.c.kind.in_((Kind.ASKED.value, Kind.REMINDER.value, Kind.ESCALATED.value)),
        )
    )
    known = select(ROW.c.notification_id).where(ROW.c.request_id == request_id, ROW.c.kind == Kind.DECIDED.value)
    if connection.execute(known.limit(1)).first() is None:
        tenant = connection.execute(select(REQUEST.c.tenant).where(REQUEST.c.request_id == request_id)).scalar_one()
        insert_message(connection, tenant, request_id, Kind.DECIDED, 0, ANYONE, None, now, now)


def handed_on(connection: Connection, delegation: Delegation) -> None:
    """Somebody lets somebody else answer: the taker is told."""
    now, about = delegation.created_at, delegation.delegation_id
    insert_message(connection, delegation.tenant, None, Kind.DELEGATED, 0, ANYONE, None, now, now, delegation_id=about)


def insert_message(
    connection: Connection,
    tenant: str,
    request_id: str | None,
    kind: Kind,
    number: int,
    target: str,
    principal: str | None,
    now: datetime,
    due: datetime,
    *,
    delegation_id: str | None = None,
) -> None:
    """Insert a message that is to be sent, or spread, from ``due`` on. It is about a request or about a delegation."""
    state = MessageState.NEW if target == ANYONE else MessageState.WAITING
    connection.execute(
        insert(ROW).values(
            notification_id=uuid4().hex,
            tenant=tenant,
            request_id=request_id,
            delegation_id=delegation_id,
            kind=kind.value,
            number=number,
            target=target,
            principal=principal,
            state=state.value,
            attempts=0,
            next_at=micros(due),
            error="",
            created_at=micros(now),
            sent_at=None,
        )
    )
