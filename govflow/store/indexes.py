"""Whether a search of the records finds all of them: SQLite believes what its indexes hold.

Whoever writes the file itself can have an index leave out a row whose bytes stay what they are: every record verifies
then, and a search does not show one of them. PostgreSQL's indexes are the server's; ``pg_amcheck --heapallindexed``
looks through them (docs/audit.md).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

_TABLES: Final = ("audit_record", "audit_head", "audit_checkpoint", "audit_pruned")
_ROW: Final = re.compile(r"row (\d+) missing from index (\S+)")
_NTH: Final = "SELECT tenant, seq FROM audit_record NOT INDEXED ORDER BY tenant, seq LIMIT 1 OFFSET ?"


class Hidden(NamedTuple):
    """A row that an index does not lead to. ``tenant`` and ``seq`` are None where it is no record, or not known."""

    words: str
    tenant: str | None = None
    seq: int | None = None


def hidden_row(connection: Connection) -> Hidden | None:
    """The first row of the log's tables that an index hides, or does not hold as it is; None where there is none.

    SQLite reads each row and looks it up in each index (``PRAGMA integrity_check``): some 4 µs for a record.
    """
    if connection.dialect.name != "sqlite":
        return None
    for table in _TABLES:
        try:
            found = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA integrity_check({table})")]
        except SQLAlchemyError as error:
            return Hidden(f"SQLite cannot read its table {table}: {error}.")
        if found != ["ok"]:
            return _named(connection, table, found)
    return None


def _named(connection: Connection, table: str, found: list[str]) -> Hidden:
    said = next((match for line in found if (match := _ROW.match(line))), None)
    if said is None or table != "audit_record":
        return Hidden(f"SQLite's table {table} is not what its indexes say: {found[0]}.")
    try:
        row = connection.exec_driver_sql(_NTH, (int(said[1]) - 1,)).first()
    except SQLAlchemyError:
        row = None
    if row is None or not isinstance(row[0], str) or not isinstance(row[1], int):
        return Hidden(f"SQLite's table {table} is not what its indexes say: {found[0]}.")
    words = f"Record {row[1]} of {row[0]} is hidden from searches: the index {said[2]} does not hold it as it is."
    return Hidden(words, row[0], row[1])
