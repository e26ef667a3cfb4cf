"""A database past govflow: with the driver alone, as its owner."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import psycopg

REFUSALS = (sqlite3.Error, psycopg.Error)


class Raw:
    """A connection that commits each statement at once."""

    def __init__(self, connection: sqlite3.Connection | psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.is_sqlite = isinstance(connection, sqlite3.Connection)

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> Any:
        """Run a statement with ``?`` for its parameters."""
        written = statement if self.is_sqlite else statement.replace("?", "%s")
        return self._connection.execute(written, parameters)

    def everything(self) -> str:
        """All rows of all tables, as text."""
        if self.is_sqlite:
            found = self.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        else:
            found = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return repr([self.execute(f'SELECT * FROM "{table}"').fetchall() for (table,) in found])

    def refuse_records(self, *events: str) -> ExitStack:
        """Have the database refuse records of these events, as a full disk would, until the stack is closed."""
        names = ", ".join(f"'{event}'" for event in events)
        refused = ExitStack()
        if self.is_sqlite:
            body = "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            self.execute(f"CREATE TRIGGER disk_full BEFORE INSERT ON audit_record WHEN NEW.event IN ({names}) {body}")
            refused.callback(self.execute, "DROP TRIGGER disk_full")
        else:
            rule = f"CHECK (event NOT IN ({names})) NOT VALID"
            self.execute(f"ALTER TABLE audit_record ADD CONSTRAINT disk_full {rule}")
            refused.callback(self.execute, "ALTER TABLE audit_record DROP CONSTRAINT disk_full")
        return refused

    def without_triggers(self, table: str, statement: str) -> None:
        """Change an append-only table, as only its owner can."""
        if self.is_sqlite:
            found = self.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,))
            for (name,) in found.fetchall():
                self.execute(f"DROP TRIGGER {name}")
        else:
            self.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        self.execute(statement)


@contextmanager
def raw_sqlite(url: str) -> Iterator[Raw]:
    """As someone with a copy of sqlite3."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        yield Raw(connection)


@contextmanager
def raw_postgresql(url: str) -> Iterator[Raw]:
    """As someone with psql."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        yield Raw(connection)
