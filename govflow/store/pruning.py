"""Pruning: the oldest records of a log go, whole tiles of 256 at once, and the tree over them stays.

What goes was checked before, is covered by a checkpoint, and is named by a ``log.pruned`` record in the transaction in
which it goes. So the rest of the log can still be verified, from the first record that is kept to the head, and every
checkpoint that was ever signed can still be held against it. See C2SP tlog-tiles, "Pruning".
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from govflow.audit.record import Draft
from govflow.audit.spans import Joined, join
from govflow.audit.tiles import WIDTH, prunable_tiles
from govflow.errors import StoreError
from govflow.store.engine import Database
from govflow.store.legal_holds import in_force
from govflow.store.log import begins_at, head
from govflow.store.pruned import EVENT, next_numbers, pruned, state, tiled_root
from govflow.store.seals import newest_size
from govflow.store.statements import run
from govflow.store.tables import AUDIT_PRUNED as PRUNED
from govflow.store.tables import AUDIT_PRUNED_WRITER as WRITER
from govflow.store.tables import AUDIT_RECORD as RECORD
from govflow.store.times import micros
from govflow.store.verifying import parts_of, span_of
from govflow.store.writer import Writer

AT_ONCE: Final = 1 << 13
"""Records that go in one transaction, which takes about half a second: others write in between."""

_MEND: Final = "Nothing more was pruned. `govflow audit verify` says what is wrong."


@dataclass(frozen=True, slots=True)
class Prunable:
    """What of a log may go: the records from ``first`` to before ``until``; nothing where these are equal.

    ``kept_by`` says in words what keeps the next one.
    """

    first: int
    until: int
    kept_by: str

    @property
    def records(self) -> int:
        """How many."""
        return self.until - self.first


class Pruning:
    """Of one database."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def begins_at(self, tenant: str) -> int:
        """The first record of a log that was not pruned."""
        with self._db.reading() as connection:
            return begins_at(connection, tenant)

    def beginning(self, tenant: str) -> Joined | None:
        """What comes before the first record of a log of which some were pruned; None of any other.

        Raises:
            StoreError: the log does not say the same as its tables.
        """
        with self._db.snapshot() as connection:
            if not begins_at(connection, tenant):
                return None
            gone = pruned(connection, tenant)
            if gone is None:
                raise _unsaid(tenant)
            return gone.good

    def prunable(self, tenant: str, before: datetime) -> Prunable:
        """What may go of a log, of what was written before a moment."""
        self._writer.flush()
        with self._db.snapshot() as connection:
            return _prunable(connection, tenant, micros(before))

    def prune(
        self, tenant: str, before: datetime, draft: Draft, told: Callable[[int, int], None] = lambda done, total: None
    ) -> Prunable:
        """Have it go; what went.

        Their values go with them, and the bytes of both are overwritten where they lay (SQLite) or left to the
        server's vacuum (PostgreSQL).

        Args:
            tenant: whose log.
            before: what was written from then on stays.
            draft: the ``log.pruned`` record, by whom and why; what it says of the records is added.
            told: called after each transaction with how many records are gone, and how many will be.

        Raises:
            StoreError: the database refused, or what was to go is not as it was written. What went before is gone.
        """
        if draft.event != EVENT:
            raise ValueError("pruning is recorded as log.pruned")
        seen = self._size(tenant)
        planned = self.prunable(tenant, before)
        until = planned.first
        while until < planned.until:
            with self._writer.transaction() as transaction:
                connection = transaction.connection
                first = begins_at(connection, tenant)  # somebody else may prune as well
                limit, kept_by = min([(planned.until, planned.kept_by), *_since(connection, tenant, seen)])
                end = min(_whole(limit), first + AT_ONCE)
                if end <= first:
                    return replace(planned, until=max(first, planned.first), kept_by=kept_by)
                good = self._checked(connection, tenant, first, end)
                payload = {**draft.payload, "first": first, "records": end - first, **state(good)}
                _remove(connection, good)
                transaction.record(replace(draft, payload=payload))
                until = end
            told(until - planned.first, planned.records)
        return planned

    def _size(self, tenant: str) -> int:
        self._writer.flush()
        with self._db.reading() as connection:
            return head(connection, tenant).size

    def _checked(self, connection: Connection, tenant: str, first: int, end: int) -> Joined:
        """What a walk behind these records begins with. Tampering must not go with what was tampered with."""
        good = Joined(tenant)
        if first:
            before = pruned(connection, tenant)
            if before is None or before.until != first:
                raise _unsaid(tenant)
            good = before.good
        spans = (span_of(self._db, connection, part) for part in parts_of(tenant, first, end, ()))
        with closing(spans):
            join(good, spans, {}, end, lambda done, total: None)
        if good.size != end or good.tree.root() != tiled_root(connection, tenant, end):
            raise StoreError(f"Records {first} to {end - 1} of {tenant!r} are not as they were written.", mend=_MEND)
        return good


def _unsaid(tenant: str) -> StoreError:
    return StoreError(
        f"What the log of {tenant!r} says of pruning is not what was pruned.",
        mend="`govflow audit verify` says what is wrong.",
    )


def _prunable(connection: Connection, tenant: str, before: int) -> Prunable:
    first = begins_at(connection, tenant)
    limits = [(newest_size(connection, tenant), "no checkpoint covers it")]
    young = _earliest(connection, tenant, RECORD.c.at >= before)
    if young is not None:
        limits.append((young, "it is not old enough"))
        limits += _since(connection, tenant, young)
    else:
        limits += _holds(connection, tenant)
    limit, kept_by = min(limits)
    return Prunable(first, max(first, _whole(limit)), kept_by)


def _whole(limit: int) -> int:
    """The first record that is kept, where that in the place ``limit`` has to be."""
    return prunable_tiles(limit) * WIDTH


def _since(connection: Connection, tenant: str, place: int) -> list[tuple[int, str]]:
    """The first records of runs that went on at that place or after it, and of what is held."""
    gone_on = (
        "SELECT min(r.seq) FROM (SELECT DISTINCT run_id FROM audit_record"
        " WHERE tenant=? AND seq>=? AND run_id IS NOT NULL) n"
        " JOIN audit_record r ON r.run_id = n.run_id AND r.tenant=?"
    )
    found = run(connection, gone_on, (tenant, place, tenant)).scalar()
    runs = [] if found is None else [(int(found), "its run went on after that")]
    return runs + _holds(connection, tenant)


def _holds(connection: Connection, tenant: str) -> list[tuple[int, str]]:
    limits = []
    for hold in in_force(connection, tenant):
        where = [RECORD.c[name] == value for name in ("run_id", "subject") if (value := getattr(hold, name))]
        places = [place for place in (_earliest(connection, tenant, *where), hold.seq) if place is not None]
        if places:
            why = f"the legal hold {hold.hold_id} of {hold.placed_by} is on it: {hold.reason}"
            limits.append((min(places), why))
    return limits


def _earliest(connection: Connection, tenant: str, *where: ColumnElement[bool]) -> int | None:
    found = connection.execute(select(func.min(RECORD.c.seq)).where(RECORD.c.tenant == tenant, *where)).scalar()
    return None if found is None else int(found)


def _remove(connection: Connection, good: Joined) -> None:
    tenant, until = good.tenant, good.size
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    row = {"tenant": tenant, "until": until, "last": good.prev, "before": good.before, "peaks": good.tree.to_bytes()}
    connection.execute(insert(PRUNED).values(**row))
    known = next_numbers(connection, tenant)
    rows = [
        {"writer": writer, "tenant": tenant, "next": number}
        for writer, number in good.writers.items()
        if known.get(writer) != number
    ]
    for written in rows:
        connection.execute(delete(WRITER).where(WRITER.c.writer == written["writer"]))
    connection.execute(insert(WRITER), rows)
    run(
        connection,
        "DELETE FROM audit_value WHERE (writer, writer_seq) IN"
        " (SELECT writer, writer_seq FROM audit_record WHERE tenant=? AND seq<?)",
        (tenant, until),
    )
    connection.execute(delete(RECORD).where(RECORD.c.tenant == tenant, RECORD.c.seq < until))
