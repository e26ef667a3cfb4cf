"""Arrays in the binary format of PostgreSQL, for statements that add many rows at once.

psycopg encodes an array value by value, through its adapters. A column of the log is all of one kind, so its bytes are
put together here directly, in a third of the time. The format is that of the server's ``array_send``: the number of
dimensions, whether NULL is among the values, the type of an element, then how many there are and the index of the
first; and of each element the length, -1 for NULL, and its bytes. Integers are big-endian, lengths of four bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Any, Final

from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER: Final = Struct(">iiIii").pack
_LENGTH: Final = Struct(">i").pack
_BIGINT: Final = Struct(">iq").pack
_NULL: Final = _LENGTH(-1)

# The numbers of these types in every PostgreSQL: pg_type.dat of its source.
_TEXT, _BYTEA, _INT8 = 25, 17, 20


class _TextArray(bytes):
    """``text[]``."""


class _BigintArray(bytes):
    """``bigint[]``."""


class _ByteaArray(bytes):
    """``bytea[]``."""


def _text(value: str) -> bytes:
    data = value.encode()
    return _LENGTH(len(data)) + data


def _bytea(value: bytes) -> bytes:
    return _LENGTH(len(value)) + value


def _bigint(value: int) -> bytes:
    return _BIGINT(8, value)


_Encode = Callable[[Any], bytes]
_KINDS: Final[Mapping[str, tuple[type[bytes], int, _Encode]]] = {
    "text": (_TextArray, _TEXT, _text),
    "bytea": (_ByteaArray, _BYTEA, _bytea),
    "bigint": (_BigintArray, _INT8, _bigint),
}


def array(kind: str, values: Sequence[Any]) -> bytes:
    """One dimension of values, to be given to a statement of a connection that :func:`learn_arrays` has seen.

    Args:
        kind: of all values: ``text``, ``bytea`` or ``bigint``.
        values: None stands for NULL.

    Raises:
        KeyError: there is no such kind.
        struct.error: a number does not fit eight bytes.
        UnicodeEncodeError: a text has no UTF-8.
    """
    of_kind, oid, encode = _KINDS[kind]
    if not values:
        return of_kind(_HEADER(0, 0, oid, 0, 1)[:12])
    if values.count(values[0]) == len(values):  # tenants and writers mostly are: encoded once
        first = values[0]
        body, nulls = (_NULL if first is None else encode(first)) * len(values), first is None
    else:
        nulls = None in values
        body = b"".join(
            [_NULL if value is None else encode(value) for value in values] if nulls else map(encode, values)
        )
    return of_kind(_HEADER(1, nulls, oid, len(values), 1) + body)


def arrays(columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> list[bytes]:
    """One :func:`array` for each column of some rows.

    Args:
        columns: the name of each to its kind.
        rows: one at least.
    """
    return [array(kind, values) for kind, values in zip(columns.values(), zip(*rows, strict=True), strict=True)]


def learn_arrays(context: AdaptContext) -> None:
    """Tell a connection of these arrays."""
    for dumper in _DUMPERS:
        context.adapters.register_dumper(dumper.of_kind, dumper)


class _Dumper(Dumper):
    """What is encoded already."""

    format = Format.BINARY
    of_kind: type[bytes]

    def dump(self, obj: Any) -> Buffer | None:
        return bytes(obj)


class _TextDumper(_Dumper):
    of_kind, oid = _TextArray, 1009


class _BigintDumper(_Dumper):
    of_kind, oid = _BigintArray, 1016


class _ByteaDumper(_Dumper):
    of_kind, oid = _ByteaArray, 1001


_DUMPERS: Final = (_TextDumper, _BigintDumper, _ByteaDumper)
