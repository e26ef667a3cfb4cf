"""Values that records only commit to. Erasing one leaves the log, its root and every proof as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue
from sqlalchemy import delete, select

from govflow.audit.record import Draft
from govflow.store.engine import Database
from govflow.store.tables import AUDIT_VALUE as VALUE
from govflow.store.writer import Writer


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value and the 16 bytes with which :func:`govflow.audit.body.commit` gives its commitment."""

    value: JsonValue
    salt: bytes


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

    def erase(self, writer: str, writer_seq: int, draft: Draft) -> int:
        """Erase the values of a record; how many there were.

        Args:
            writer: stream of the record.
            writer_seq: its number there.
            draft: the ``value.erased`` record, by whom and why.
        """
        if draft.event != "value.erased":
            raise ValueError("an erasure is recorded as value.erased")
        statement = delete(VALUE).where(VALUE.c.writer == writer, VALUE.c.writer_seq == writer_seq)
        self._writer.flush()
        with self._writer.transaction() as transaction:
            count = transaction.connection.execute(statement).rowcount
            if count:
                transaction.record(draft)
        return count
