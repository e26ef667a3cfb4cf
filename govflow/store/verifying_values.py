"""Checking the values beside a log against the records that commit to them.

A record that is whole says by its commitments which values it had. Another one in the place of one of them is found;
and so is one that is gone, unless a record says that it was erased.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection

from govflow.audit.verify import How, Outcome, Verdict
from govflow.store.statements import run

_PAGE: Final = 4_096  # places that one statement looks at, so that a server joins few rows at once
# Whatever somebody has put into a column of SQLite comes as bytes, and not as an error of its driver.
_AS_IT_IS: Final = "CAST({} AS BLOB)"
_BEGIN: Final = b'"commitments":{'
_END: Final = b'},"'
_COMMITMENT: Final = b'":"sha256:'
_PLAIN: Final = re.compile(rb"[\w.\[\]-]+", re.ASCII)  # what JSON escapes nothing of
_JOINED: Final = "v.writer = r.writer AND v.writer_seq = r.writer_seq"


class _Wrong(NamedTuple):
    """A value that is not the one that a record commits to, or not there."""

    seq: int
    name: str
    how: How


class _Kept(NamedTuple):
    """A value as it stands in the side table. Of one name there may be two: SQLite tells a text from its bytes."""

    name: bytes
    salt: bytes
    value: bytes


def checked_values(connection: Connection, tenant: str, verdict: Verdict, start: int, end: int) -> Verdict:
    """The verdict on records that are whole, and on the values beside those from one place to before another."""
    if verdict.outcome is not Outcome.VERIFIED:
        return verdict
    found = [
        _first_of_those_that_commit(connection, tenant, start, end),
        _first_of_the_others(connection, tenant, start),
    ]
    wrong = min((one for one in found if one is not None), default=None)
    if wrong is None:
        return verdict
    words = f"What is kept as the value {wrong.name!r} of record {wrong.seq} is not what the record commits to."
    if wrong.how is How.MISSING:
        words = f"The value {wrong.name!r} of record {wrong.seq} is gone, and no record says that it was erased."
    return replace(verdict, outcome=Outcome.TAMPERED, words=words, seq=wrong.seq, how=wrong.how, hash=None, root=None)


def _first_of_those_that_commit(connection: Connection, tenant: str, start: int, end: int) -> _Wrong | None:
    erased: dict[tuple[str, int], set[str]] | None = None
    for (seq, body), rows in groupby(_committing(connection, tenant, start, end), key=itemgetter(0, 1)):
        kept = [
            _Kept(_bytes(name), _bytes(salt), _bytes(value)) for _, _, name, salt, value in rows if name is not None
        ]
        if _fit(body, kept):
            continue
        parsed = orjson.loads(body)
        commitments: dict[str, str] = parsed["commitments"]
        for one in sorted(kept):
            named = one.name.decode(errors="replace")
            if commitments.pop(named, None) != "sha256:" + sha256(one.salt + one.value).hexdigest():
                return _Wrong(seq, named, How.ALTERED)
        erased = _erased(connection, tenant) if erased is None else erased
        gone = set(commitments) - erased.get((parsed["writer"], parsed["writer_seq"]), set())
        if gone:
            return _Wrong(seq, min(gone), How.MISSING)
    return None


def _committing(connection: Connection, tenant: str, start: int, end: int) -> Iterator[Any]:
    """Records that commit to something, in order, each as often as it has values, and once without any."""
    columns = ", ".join(_as_it_is(connection, name) for name in ("v.name", "v.salt", "v.value"))
    statement = (
        f"SELECT r.seq, r.body, {columns} FROM audit_record r LEFT JOIN audit_value v ON {_JOINED}"
        f" WHERE r.tenant=? AND r.seq>=? AND r.seq<? AND {_place_of_commitments(connection)} > 0 ORDER BY r.seq"
    )
    for first in range(start, end, _PAGE):
        yield from run(connection, statement, (tenant, first, min(first + _PAGE, end)))


def _first_of_the_others(connection: Connection, tenant: str, start: int) -> _Wrong | None:
    """A value that somebody gave to a record that commits to none."""
    statement = (
        f"SELECT r.seq, {_as_it_is(connection, 'v.name')} FROM audit_value v CROSS JOIN audit_record r"
        f" WHERE {_JOINED} AND r.tenant=? AND r.seq>=? AND {_place_of_commitments(connection)} = 0"
        " ORDER BY r.seq LIMIT 1"
    )
    row = run(connection, statement, (tenant, start)).fetchone()
    return None if row is None else _Wrong(row[0], _bytes(row[1]).decode(errors="replace"), How.ALTERED)


def _fit(body: bytes, kept: list[_Kept]) -> bool:
    """Whether the commitments of a record are surely those to its values and to no others.

    Canonical JSON has them before anything that a text could be part of, and no text in them can hold what ends them.
    """
    begin = body.find(_BEGIN)
    commitments = body[begin : body.find(_END, begin)]
    if commitments.count(_COMMITMENT) != len(kept):
        return False
    for name, salt, value in kept:
        expected = b'"%b":"sha256:%b"' % (name, sha256(salt + value).hexdigest().encode())
        if not _PLAIN.fullmatch(name) or expected not in commitments:
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


def _as_it_is(connection: Connection, column: str) -> str:
    return _AS_IT_IS.format(column) if connection.dialect.name == "sqlite" else column


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value or b"")
