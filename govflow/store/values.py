"""Values that records only commit to. Erasing one leaves the log, its root and every proof as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue
from sqlalchemy import Connection, and_, delete, select

from govflow.audit.record import Draft
from govflow.store.engine import Database
from govflow.store.statements import run
from govflow.store.tables import AUDIT_RECORD as RECORD
from govflow.store.tables import AUDIT_VALUE as VALUE
from govflow.store.writer import Writer


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value and the 16 bytes with which :func:`govflow.audit.body.commit` gives its commitment."""

    value: JsonValue
    salt: bytes


@dataclass(frozen=True, slots=True)
class Erasable:
    """A record that has values: where it is, whom and what it is about, and the names of the values."""

    seq: int
    writer: str
    writer_seq: int
    subject: str
    run_id: str | None
    names: tuple[str, ...]


def _anything(_: Connection) -> None:
    """Nothing stands against it."""


class Values:
    """The side table of the log."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def get(self, writer: str, writer_seq: int) -> Mapping[str, Sealed]:
        """The values of a record by name; those that were erased are not in it."""
        self._writer.flush()
        statement = select(VALUE).where(VALUE.c.writer == writer, VALUE.c.writer_seq == writer_seq)
        with self._db.reading() as connection:
            rows = connection.execute(statement.order_by(VALUE.c.name)).mappings()
            return {row["name"]: Sealed(json.loads(row["value"]), row["salt"]) for row in rows}

    def between(self, tenant: str, first: int, last: int) -> dict[tuple[str, int], dict[str, JsonValue]]:
        """The values of all records of a tenant's log from one place to another, both included, without their salts.

        By writer and writer's number.
        """
        statement = (
            "SELECT v.writer, v.writer_seq, v.name, v.value FROM audit_record r"
            " JOIN audit_value v ON v.writer = r.writer AND v.writer_seq = r.writer_seq"
            " WHERE r.tenant=? AND r.seq BETWEEN ? AND ?"
        )
        found: dict[tuple[str, int], dict[str, JsonValue]] = {}
        with self._db.reading() as connection:
            for writer, number, name, value in run(connection, statement, (tenant, first, last)):
                found.setdefault((writer, number), {})[name] = json.loads(value)
        return found

    def of(
        self,
        tenant: str,
        *,
        seq: int | None = None,
        run_id: str | None = None,
        subject: str | None = None,
        of_stream: tuple[str, int] | None = None,
    ) -> list[Erasable]:
        """The records of a tenant's log that still have values, in the order of the log.

        Args:
            tenant: whose log.
            seq: the one in this place.
            run_id: those of this run.
            subject: those of which this principal is the subject.
            of_stream: the one of this writer with this number there.
        """
        self._writer.flush()
        demanded = {RECORD.c.seq: seq, RECORD.c.run_id: run_id, RECORD.c.subject: subject}
        if of_stream is not None:
            demanded |= {RECORD.c.writer: of_stream[0], RECORD.c.writer_seq: of_stream[1]}
        same = and_(VALUE.c.writer == RECORD.c.writer, VALUE.c.writer_seq == RECORD.c.writer_seq)
        statement = (
            select(*(RECORD.c[name] for name in ("seq", "writer", "writer_seq", "subject", "run_id")), VALUE.c.name)
            .join(VALUE, same)
            .where(RECORD.c.tenant == tenant, *(column == one for column, one in demanded.items() if one is not None))
            .order_by(RECORD.c.seq, VALUE.c.name)
        )
        with self._db.reading() as connection:
            rows = connection.execute(statement).all()
        found: dict[int, Erasable] = {}
        for row in rows:
            held = found.get(row.seq)
            names = (*held.names, row.name) if held else (row.name,)
            found[row.seq] = Erasable(row.seq, row.writer, row.writer_seq, row.subject, row.run_id, names)
        return list(found.values())

    def knows(
        self, tenant: str, *, seq: int | None = None, run_id: str | None = None, subject: str | None = None
    ) -> bool:
        """Whether a tenant's log has a record in that place, of that run, or of which that principal is the subject."""
        self._writer.flush()
        demanded = {RECORD.c.seq: seq, RECORD.c.run_id: run_id, RECORD.c.subject: subject}
        where = [column == one for column, one in demanded.items() if one is not None]
        with self._db.reading() as connection:
            found = connection.execute(select(RECORD.c.seq).where(RECORD.c.tenant == tenant, *where).limit(1)).first()
        return found is not None

    def runs_like(self, tenant: str, beginning: str, limit: int = 3) -> list[str]:
        """Ids of runs in a tenant's log that begin so."""
        like = (RECORD.c.tenant == tenant, RECORD.c.run_id >= beginning, RECORD.c.run_id < beginning + "\U0010ffff")
        with self._db.reading() as connection:
            return list(connection.execute(select(RECORD.c.run_id).where(*like).distinct().limit(limit)).scalars())

    def erase(self, found: Sequence[Erasable], draft: Draft, admit: Callable[[Connection], None] = _anything) -> int:
        """Erase the values of records, and record that in the same transaction; how many values there were.

        Their bytes are overwritten where they lay (SQLite), or left to the server's vacuum (PostgreSQL). Nothing is
        recorded where nothing was left to erase.

        Args:
            found: from :meth:`of`.
            draft: the ``value.erased`` record, by whom and why.
            admit: called within the transaction; what it raises keeps the values.
        """
        if draft.event != "value.erased":
            raise ValueError("an erasure is recorded as value.erased")
        self._writer.flush()
        with self._writer.transaction() as transaction:
            admit(transaction.connection)
            if transaction.connection.dialect.name == "sqlite":
                transaction.connection.exec_driver_sql("PRAGMA secure_delete = ON")
            count = 0
            for one in found:
                of_record = (VALUE.c.writer == one.writer, VALUE.c.writer_seq == one.writer_seq)
                count += transaction.connection.execute(delete(VALUE).where(*of_record)).rowcount
            if count:
                transaction.record(draft)
        return count
