"""Messages on their way: spread to targets, claimed, sent, tried again, given up.

A message is claimed by one conditional UPDATE, for as long as a lease: it is sent at least once, and by one sweeper at
a time. No address is in any table: a target has a name here, and where it leads is in the settings of whoever sweeps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import Connection, RowMapping, and_, delete, or_, select, update

from govflow.approval.models import RequestState
from govflow.audit.record import Draft
from govflow.errors import RequestUnreadable
from govflow.store import requests
from govflow.store.engine import Database
from govflow.store.messages import Kind, MessageState, insert_message
from govflow.store.tables import APPROVAL_REQUEST as REQUEST
from govflow.store.tables import NOTIFICATION as ROW
from govflow.store.times import micros, moment
from govflow.store.writer import Writer

AT_ONCE: Final = 500
"""Messages that one call forgets: a writer holds up others for no longer."""
ATTEMPTS: Final = 8
"""Deliveries that are tried before a message is given up."""
_FIRST_WAIT: Final = timedelta(seconds=30)
_LONGEST_WAIT: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the outbox."""

    notification_id: str
    tenant: str
    request_id: str  # empty for one about a delegation
    delegation_id: str  # empty for one about a request
    kind: Kind
    number: int
    target: str
    state: MessageState
    attempts: int
    created_at: datetime
    error: str
    principal: str | None


class Outbox:
    """The messages of one database."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def due(
        self, tenant: str, now: datetime, *, new: bool, limit: int = 200, target: str | None = None
    ) -> list[Message]:
        """What is due by now, the longest due first.

        Args:
            tenant: whose.
            now: the moment.
            new: what was put down for anyone, to be spread; else what is to be sent, also what a sweeper left behind.
            limit: at most so many.
            target: for this one alone: what waits for others, which may be no more, is not in its way.
        """
        states = (MessageState.NEW,) if new else (MessageState.WAITING, MessageState.SENDING)
        due = (ROW.c.state.in_([state.value for state in states]), ROW.c.next_at <= micros(now))
        statement = select(ROW).where(*due, ROW.c.tenant == tenant)
        if target is not None:
            statement = statement.where(ROW.c.target == target)
        with self._db.reading() as connection:
            rows = connection.execute(statement.order_by(ROW.c.next_at, ROW.c.notification_id).limit(limit))
            return [_message(row) for row in rows.mappings()]

    def count_due(self, tenant: str, now: datetime) -> Counter[Kind]:
        """Count each reminder and escalation that is due in its request's row, once, with its record; how many were.

        A request that is not pending any more is passed over.
        """
        counted: Counter[Kind] = Counter()
        for kind, (column, _) in _COUNTED.items():
            statement = (
                select(ROW)
                .join(REQUEST, REQUEST.c.request_id == ROW.c.request_id)
                .where(
                    ROW.c.state == MessageState.NEW.value,
                    ROW.c.next_at <= micros(now),
                    ROW.c.tenant == tenant,
                    ROW.c.kind == kind.value,
                    REQUEST.c.state == RequestState.PENDING.value,
                    REQUEST.c.expires_at > micros(now),
                    column < ROW.c.number,
                )
                .order_by(ROW.c.number)
            )
            with self._db.reading() as connection:
                due = [_message(row) for row in connection.execute(statement).mappings()]
            counted[kind] = sum(self._count_readable(message, now) for message in due)
        return counted

    def _count_readable(self, message: Message, now: datetime) -> bool:
        try:
            return self._count(message, now)
        except RequestUnreadable as error:
            requests.tell_unreadable(error)
            return False

    def _count(self, message: Message, now: datetime) -> bool:
        column, event = _COUNTED[message.kind]
        statement = (
            update(REQUEST)
            .where(
                REQUEST.c.request_id == message.request_id,
                REQUEST.c.state == RequestState.PENDING.value,
                column < message.number,
            )
            .values({column: message.number})
        )
        with self._writer.transaction() as transaction:
            if transaction.connection.execute(statement).rowcount != 1:
                return False
            request = requests.read(transaction.connection, message.request_id)
            payload: dict[str, JsonValue] = {"number": message.number}
            if message.kind is Kind.ESCALATED:
                payload["approvers"] = list(request.rule.escalation[message.number - 1].approvers)
            transaction.record(requests.about(request, event, now, payload=payload))
        return True

    def of_request(self, request_id: str) -> list[Message]:
        """Every message about a request, first put down first."""
        statement = select(ROW).where(ROW.c.request_id == request_id)
        with self._db.reading() as connection:
            found = [_message(row) for row in connection.execute(statement).mappings()]
        return sorted(found, key=lambda one: (one.created_at, one.kind, one.number, one.target))

    def told(self, request_id: str) -> frozenset[str]:
        """The targets that something was sent to about this request."""
        statement = select(ROW.c.target).where(ROW.c.request_id == request_id, ROW.c.state == MessageState.SENT.value)
        with self._db.reading() as connection:
            return frozenset(connection.execute(statement).scalars())

    def spread(self, message: Message, kind: Kind, targets: Sequence[tuple[str, str | None]], now: datetime) -> bool:
        """Make one message for each target of what was put down for anyone, once; whether this call did.

        Args:
            message: that was put down for anyone.
            kind: of the new messages.
            targets: names, each with the principal for whom alone its message is, if it carries a token.
            now: from when on they are to be sent.
        """
        claim = (
            update(ROW)
            .where(ROW.c.notification_id == message.notification_id, ROW.c.state == MessageState.NEW.value)
            .values(state=MessageState.SPREAD.value)
        )
        of, handed, number = message.request_id or None, message.delegation_id or None, message.number
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            if connection.execute(claim).rowcount != 1:
                return False
            for name, principal in targets:
                insert_message(
                    connection, message.tenant, of, kind, number, name, principal, now, now, delegation_id=handed
                )
        return True

    def claim(self, message: Message, now: datetime, lease: timedelta) -> bool:
        """Take a message to send it, for as long as ``lease``; whether this call, and no other, did."""
        statement = (
            update(ROW)
            .where(
                ROW.c.notification_id == message.notification_id,
                ROW.c.attempts == message.attempts,
                or_(
                    ROW.c.state == MessageState.WAITING.value,
                    and_(ROW.c.state == MessageState.SENDING.value, ROW.c.next_at <= micros(now)),
                ),
            )
            .values(state=MessageState.SENDING.value, attempts=message.attempts + 1, next_at=micros(now + lease))
        )
        with self._writer.transaction() as transaction:
            return transaction.connection.execute(statement).rowcount == 1

    def postpone(self, message: Message, until: datetime) -> None:
        """Let it wait, untried: what it is about cannot be read now."""
        with self._writer.transaction() as transaction:
            found = (ROW.c.notification_id == message.notification_id, ROW.c.state == message.state.value)
            transaction.connection.execute(update(ROW).where(*found).values(next_at=micros(until)))

    def sent(self, message: Message, now: datetime) -> None:
        """It was delivered, as far as the service on the other side says."""
        with self._writer.transaction() as transaction:
            held = _held(message)
            done = update(ROW).where(*held).values(state=MessageState.SENT.value, sent_at=micros(now), error="")
            if transaction.connection.execute(done).rowcount == 1:
                transaction.record(_about(transaction.connection, message, "notification.sent", now, _said(message)))

    def drop(self, message: Message) -> None:
        """What it says is no longer so; nobody is told."""
        with self._writer.transaction() as transaction:
            gone = update(ROW).where(*_held(message)).values(state=MessageState.DROPPED.value)
            transaction.connection.execute(gone)

    def failed(self, message: Message, error: str, now: datetime) -> bool:
        """It was not delivered: tried again later, each time after twice as long, or given up. Whether it was.

        Args:
            message: as it was claimed.
            error: in words, without any secret.
            now: of the failure.
        """
        attempts = message.attempts + 1
        final = attempts >= ATTEMPTS
        state = MessageState.GIVEN_UP if final else MessageState.WAITING
        again = now + min(_FIRST_WAIT * 2 ** (attempts - 1), _LONGEST_WAIT)
        change = update(ROW).where(*_held(message)).values(state=state.value, next_at=micros(again), error=error)
        with self._writer.transaction() as transaction:
            if transaction.connection.execute(change).rowcount == 1:
                payload = {**_said(message), "error": error, "attempts": attempts, "given_up": final}
                transaction.record(_about(transaction.connection, message, "notification.failed", now, payload))
        return final

    def forget(self, before: datetime) -> int:
        """Remove messages of every tenant that were last touched before a moment; how many, at most :data:`AT_ONCE`.

        Those about a request that people are still asked about stay: they say whom a decision is told to. There is no
        record of it: that a message was sent, or was not, is on record already, and the log keeps it.
        """
        still_open = (
            select(REQUEST.c.request_id)
            .where(REQUEST.c.request_id == ROW.c.request_id, REQUEST.c.state == RequestState.PENDING.value)
            .exists()
        )
        past = (ROW.c.state.in_([state.value for state in MessageState]), ROW.c.next_at < micros(before), ~still_open)
        with self._db.reading() as connection:
            found = connection.execute(select(ROW.c.notification_id).where(*past).limit(AT_ONCE)).scalars().all()
        if not found:
            return 0
        with self._writer.transaction() as transaction:
            gone = delete(ROW).where(ROW.c.notification_id.in_(found), *past)
            return transaction.connection.execute(gone).rowcount


_COUNTED: Final = {
    Kind.REMINDER: (REQUEST.c.reminded, "approval.reminded"),
    Kind.ESCALATED: (REQUEST.c.escalated, "approval.escalated"),
}


def _held(message: Message) -> tuple[Any, ...]:
    """That the message is still held by the claim that made ``attempts`` one more."""
    return (
        ROW.c.notification_id == message.notification_id,
        ROW.c.state == MessageState.SENDING.value,
        ROW.c.attempts == message.attempts + 1,
    )


def _about(connection: Connection, message: Message, event: str, now: datetime, payload: dict[str, JsonValue]) -> Draft:
    if message.delegation_id:
        told = {"delegation_id": message.delegation_id, **payload}
        return Draft(event, message.tenant, now, subject="govflow", payload=told)
    return requests.about(requests.read(connection, message.request_id), event, now, payload=payload)


def _said(message: Message) -> dict[str, JsonValue]:
    return {"kind": message.kind.value, "number": message.number, "target": message.target}


def _message(row: RowMapping) -> Message:
    return Message(
        notification_id=row["notification_id"],
        tenant=row["tenant"],
        request_id=row["request_id"] or "",
        delegation_id=row["delegation_id"] or "",
        kind=Kind(row["kind"]),
        number=row["number"],
        target=row["target"],
        state=MessageState(row["state"]),
        attempts=row["attempts"],
        created_at=moment(row["created_at"]),
        error=row["error"],
        principal=row["principal"],
    )
