"""Statements that are written out, on every kind of database."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, CursorResult

_FORMAT_STYLE: Final = frozenset({"format", "pyformat"})


def run(
    connection: Connection, statement: str, parameters: Sequence[Any] = (), *, stream: bool = False
) -> CursorResult[Any]:
    """Run a statement that has ``?`` for each parameter, and neither ``?`` nor ``%`` elsewhere.

    Args:
        connection: on any kind of database; where ``stream`` is said, with a transaction begun.
        statement: to run.
        parameters: for its marks.
        stream: let the server keep the rows until they are fetched; drivers else take all of them into memory at once.
    """
    written = with_marks(statement) if connection.dialect.paramstyle in _FORMAT_STYLE else statement
    return connection.exec_driver_sql(written, tuple(parameters), execution_options={"stream_results": stream})


@cache
def with_marks(statement: str) -> str:
    """A statement with the marks of psycopg for its parameters."""
    return statement.replace("?", "%s")
