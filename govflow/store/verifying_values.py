"""Checking the values beside a log against the records that commit to them.

A record that is whole says by its commitments which values it had. Another one in the place of one of them is found;
and so is one that is gone, unless a record says that it was erased.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple, cast

import orjson
from sqlalchemy import Connection

from govflow.audit.body import SALT_BYTES
from govflow.audit.verify import How, Outcome, Verdict
from govflow.store.statements import run

_PAGE: Final = 4_096  # places that one statement looks at, so that a server joins few rows at once
_BEGIN: Final = b'"commitments":{'
_END: Final = b'},"'
_COMMITMENT: Final = b'":"sha256:'
_JOINED: Final = "v.writer = r.writer AND v.writer_seq = r.writer_seq"


class _Wrong(NamedTuple):
    """A value that is not the one that a record commits to, or not there."""

    seq: int
    name: str
    how: How


class _Row(NamedTuple):
    """A record that commits to something, and one of its values: of one that has none, there is none."""

    seq: int
    body: bytes
    name: bytes | None
    salt: bytes
    value: bytes


def checked_values(connection: Connection, tenant: str, verdict: Verdict, start: int, end: int) -> Verdict:
    """The verdict on records that are whole, and on the values beside those from one place to before another."""
    if verdict.outcome is not Outcome.VERIFIED:
        return verdict
    wrong, good = _of_those_that_commit(connection, tenant, start, end)
    if wrong is not None or good != _all(connection):  # else there is no value that is not one of them
        wrong = min((one for one in (wrong, _of_the_others(connection, tenant, start)) if one), default=None)
    if wrong is None:
        return verdict
    words = f"What is kept as the value {wrong.name!r} of record {wrong.seq} is not what the record commits to."
    if wrong.how is How.MISSING:
        words = f"The value {wrong.name!r} of record {wrong.seq} is gone, and no record says that it was erased."
    return replace(verdict, outcome=Outcome.TAMPERED, words=words, seq=wrong.seq, how=wrong.how, hash=None, root=None)


def _of_those_that_commit(connection: Connection, tenant: str, start: int, end: int) -> tuple[_Wrong | None, int]:
    """The first that is wrong, and how many values before it are right."""
    erased: dict[tuple[str, int], set[str]] | None = None
    good = 0
    for _, of_record in groupby(_committing(connection, tenant, start, end), key=itemgetter(0)):
        rows = list(of_record)
        if _fit(rows):
            good += len(rows)
            continue
        record = orjson.loads(rows[0].body)
        said = record.get("commitments")
        commitments: dict[str, str] = dict(said) if isinstance(said, dict) else {}
        for row in rows:
            if row.name is None:
                continue
            name = row.name.decode(errors="replace")
            commitment = "sha256:" + sha256(row.salt + row.value).hexdigest()
            if len(row.salt) != SALT_BYTES or commitments.pop(name, None) != commitment:
                return _Wrong(row.seq, name, How.ALTERED), good
            good += 1
        erased = _erased(connection, tenant) if erased is None else erased
        gone = set(commitments) - erased.get((record["writer"], record["writer_seq"]), set())
        if gone:
            return _Wrong(rows[0].seq, min(gone), How.MISSING), good
    return None, good


def _committing(connection: Connection, tenant: str, start: int, end: int) -> Iterator[_Row]:
    """Records that commit to something, in order, each as often as it has values, and once without any."""
    columns = ", ".join(_as_bytes(connection, name) for name in ("v.name", "v.salt", "v.value"))
    statement = (
        f"SELECT r.seq, r.body, {columns} FROM audit_record r LEFT JOIN audit_value v ON {_JOINED}"
        f" WHERE r.tenant=? AND r.seq>=? AND r.seq<? AND {_place_of_commitments(connection)} > 0 ORDER BY r.seq"
    )
    for first in range(start, end, _PAGE):
        found = run(connection, statement, (tenant, first, min(first + _PAGE, end)))
        yield from cast(Iterator[_Row], found)  # its rows have the same names


def _of_the_others(connection: Connection, tenant: str, start: int) -> _Wrong | None:
    """The first value that somebody gave to a record that commits to none."""
    statement = (
        f"SELECT r.seq, {_as_bytes(connection, 'v.name')} FROM audit_value v CROSS JOIN audit_record r"
        f" WHERE {_JOINED} AND r.tenant=? AND r.seq>=? AND {_place_of_commitments(connection)} = 0"
        " ORDER BY r.seq LIMIT 1"
    )
    row = run(connection, statement, (tenant, start)).fetchone()
    return None if row is None else _Wrong(row[0], row[1].decode(errors="replace"), How.ALTERED)


def _all(connection: Connection) -> int:
    return int(run(connection, "SELECT count(*) FROM audit_value").scalar_one())


def _fit(rows: Sequence[_Row]) -> bool:
    """Whether the commitments of a record are surely those to its values and to no others.

    Canonical JSON has them before anything that a text could be part of, and no text in them can hold what ends them.
    Where nothing is escaped, a name stands there as it is.
    """
    body = rows[0].body
    begin = body.find(_BEGIN)
    commitments = body[begin : body.find(_END, begin)]
    if b"\\" in commitments or commitments.count(_COMMITMENT) != len(rows):
        return False
    for _, _, name, salt, value in rows:
        # A salt of another length moves the place where the value begins: of 12345, 345 would be left, and fit.
        if name is None or b'"' in name or len(salt) != SALT_BYTES:
            return False
        if b'"%b":"sha256:%b"' % (name, sha256(salt + value).hexdigest().encode()) not in commitments:
            return False
    return True


def _erased(connection: Connection, tenant: str) -> dict[tuple[str, int], set[str]]:
    """The names of values that records say were erased, by writer and its number."""
    found: dict[tuple[str, int], set[str]] = {}
    statement = "SELECT body FROM audit_record WHERE tenant=? AND event=?"
    for (body,) in run(connection, statement, (tenant, "value.erased")):
        with suppress(KeyError, TypeError, AttributeError):  # whoever could rewrite a log could write anything there
            for one in orjson.loads(bytes(body))["payload"]["records"]:
                found.setdefault((one["writer"], one["writer_seq"]), set()).update(one["names"])
    return found


def _place_of_commitments(connection: Connection) -> str:
    """Where they begin in a body, from 1; 0 where there are none. They stand in the first few words."""
    if connection.dialect.name == "sqlite":
        return f"instr(substr(r.body, 1, 128), X'{_BEGIN.hex()}')"
    return f"position('\\x{_BEGIN.hex()}'::bytea in substr(r.body, 1, 128))"


def _as_bytes(connection: Connection, column: str) -> str:
    """Whatever somebody has put into a column of SQLite comes as bytes, and not as an error of its driver."""
    if connection.dialect.name == "sqlite":
        return f"CAST({column} AS BLOB) AS {column[2:]}"
    kind = "" if column == "v.salt" else "convert_to({}, 'UTF8') AS {}"
    return kind.format(column, column[2:]) or column
