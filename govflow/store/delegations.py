"""Delegations at rest, and the way from a voter to the one whose right it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import Connection, RowMapping, insert, or_, select, update

from govflow.approval.delegations import path
from govflow.approval.models import ApprovalRequest, Delegation, Vote
from govflow.approval.people import person_key
from govflow.audit.record import Draft
from govflow.errors import RequestError
from govflow.store.engine import Database
from govflow.store.messages import handed_on
from govflow.store.people import inactive_people
from govflow.store.tables import DELEGATION as ROW
from govflow.store.times import micros, moment
from govflow.store.writer import Writer

SelectorsOf = Callable[[str], frozenset[str]]
"""What a person of that name is: roles and groups as they are now; nothing for somebody who is not known."""

Given = list[Delegation]


@dataclass(frozen=True, slots=True)
class Right:
    """By whose right somebody votes: their own, or that of the first who handed it on."""

    through: tuple[str, ...] = ()
    selectors: frozenset[str] = frozenset()  # of the first of them


class Delegations:
    """Giving, listing and taking back."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def give(self, delegation: Delegation, assurance: str, check: Callable[[Sequence[Delegation]], None]) -> Delegation:
        """Keep a delegation, with its ``approval.delegated`` record.

        Args:
            delegation: a fresh one.
            assurance: how the giver's identity was established, in words.
            check: looks at those that are in force in this tenant, and raises where this one must not be given.
        """
        now = delegation.created_at
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            check(in_force(connection, delegation.tenant, now))
            values = delegation.model_dump(exclude={"created_at", "expires_at", "revoked_at"})
            connection.execute(
                insert(ROW).values(
                    **values,
                    created_at=micros(delegation.created_at),
                    expires_at=micros(delegation.expires_at),
                    revoked_at=None,
                )
            )
            handed_on(connection, delegation)
            transaction.record(_about(delegation, "approval.delegated", now, delegation.giver, assurance))
        return delegation

    def get(self, delegation_id: str) -> Delegation:
        """One; ``RequestError`` if there is none."""
        with self._db.reading() as connection:
            return _read(connection, delegation_id)

    def of(self, tenant: str, now: datetime | None = None, person: str | None = None) -> Given:
        """Those of a tenant, the newest first.

        Args:
            tenant: whose.
            now: only those that are in force then; None for all that there ever were.
            person: only those that this person gave or takes.
        """
        statement = select(ROW).where(ROW.c.tenant == tenant)
        if now is not None:
            statement = statement.where(ROW.c.revoked_at.is_(None), ROW.c.expires_at > micros(now))
        if person is not None:
            statement = statement.where(or_(ROW.c.giver == person, ROW.c.taker == person))
        statement = statement.order_by(ROW.c.created_at.desc(), ROW.c.delegation_id)
        with self._db.reading() as connection:
            found = [_of(row) for row in connection.execute(statement).mappings()]
            return found if now is None else _of_active(connection, tenant, found)

    def revoke(
        self,
        delegation_id: str,
        principal: str,
        assurance: str,
        now: datetime,
        admit: Callable[[Delegation], None],
    ) -> Delegation:
        """Take a delegation back; what was voted through it stays. With its ``approval.delegation_revoked`` record.

        Args:
            delegation_id: of one that is in force.
            principal: who takes it back.
            assurance: how that person's identity was established, in words.
            now: aware.
            admit: raises ``Refused`` where this person may not take it back.

        Raises:
            RequestError: there is none, or it is over.
        """
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            delegation = _read(connection, delegation_id)
            admit(delegation)
            open_one = (
                ROW.c.delegation_id == delegation_id,
                ROW.c.revoked_at.is_(None),
                ROW.c.expires_at > micros(now),
            )
            if connection.execute(update(ROW).where(*open_one).values(revoked_at=micros(now))).rowcount != 1:
                raise RequestError(
                    f"Delegation {delegation_id!r} is over.",
                    mend="`govflow approvals delegations` shows those in force.",
                    details={"delegation_id": delegation_id},
                )
            transaction.record(_about(delegation, "approval.delegation_revoked", now, principal, assurance))
            return delegation.model_copy(update={"revoked_at": now})


def in_force(connection: Connection, tenant: str, now: datetime) -> Given:
    """The delegations of a tenant that count at a moment; those of somebody who was deactivated do not."""
    alive = (ROW.c.revoked_at.is_(None), ROW.c.expires_at > micros(now))
    statement = select(ROW).where(ROW.c.tenant == tenant, *alive).order_by(ROW.c.created_at, ROW.c.delegation_id)
    return _of_active(connection, tenant, [_of(row) for row in connection.execute(statement).mappings()])


def _of_active(connection: Connection, tenant: str, found: Given) -> Given:
    """Those whose giver was not deactivated: whoever cannot answer any more lets nobody answer in their stead."""
    gone = inactive_people(connection, tenant) if found else frozenset()
    return [one for one in found if person_key(one.giver) not in gone]


def right_of(
    connection: Connection,
    request: ApprovalRequest,
    taker: str,
    selectors: frozenset[str],
    selectors_of: SelectorsOf | None,
    now: datetime,
    votes: Sequence[Vote],
    approves: bool = True,
) -> Right:
    """By whose right somebody answers a request: their own where they have one, or where they have none at all.

    A yes goes by another's right also where one's own would not count yet and the other's does.

    Args:
        connection: of the transaction in which it counts.
        request: that is answered.
        taker: who answers.
        selectors: of the taker.
        selectors_of: of anybody else; None for their names alone.
        now: aware.
        votes: so far, those that count.
        approves: whether it is a yes.
    """
    of = selectors_of or (lambda name: frozenset({f"user:{name}"}))
    way = path(
        in_force(connection, request.binding.tenant, now),
        taker,
        request,
        now,
        lambda name: selectors if name == taker else of(name),
        votes=votes,
        approves=approves,
    )
    return Right(way, of(way[0])) if way else Right()


def _about(delegation: Delegation, event: str, now: datetime, subject: str, assurance: str) -> Draft:
    payload: dict[str, JsonValue] = {
        "delegation_id": delegation.delegation_id,
        "from": delegation.giver,
        "to": delegation.taker,
        "request_id": delegation.request_id,
        "approval_rule": delegation.rule,
        "depth": delegation.depth,
        "expires_at": delegation.expires_at.isoformat(),
        "assurance": assurance,
    }
    words: dict[str, JsonValue] = {"reason": delegation.reason} if delegation.reason else {}
    return Draft(event, delegation.tenant, now, subject=subject, payload=payload, values=words)


def _read(connection: Connection, delegation_id: str) -> Delegation:
    row = connection.execute(select(ROW).where(ROW.c.delegation_id == delegation_id)).mappings().first()
    if row is None:
        raise RequestError(
            f"There is no delegation {delegation_id!r}.",
            mend="`govflow approvals delegations` shows those there are.",
            details={"delegation_id": delegation_id},
        )
    return _of(row)


def _of(row: RowMapping) -> Delegation:
    revoked_at = row["revoked_at"]
    return Delegation(
        **{
            **row,
            "created_at": moment(row["created_at"]),
            "expires_at": moment(row["expires_at"]),
            "revoked_at": None if revoked_at is None else moment(revoked_at),
        }
    )
