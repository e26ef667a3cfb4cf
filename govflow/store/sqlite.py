"""SQLite: WAL, and ``flock`` between processes.

``flock`` on a file beside the database comes before ``BEGIN IMMEDIATE``: it is fair, where SQLite's own busy handler
lets a writer starve for seconds.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool, StaticPool

from govflow.store.engine import Database, Pulse
from govflow.store.failures import explain
from govflow.store.holds import Places, beside, in_memory

_CHECKPOINT_PAGES: Final = 4_096
"""Of the WAL, until SQLite brings them into the file: 16 MB. Records touch the same few pages of each index again and
again; with SQLite's 1,000 pages these were copied four times as often."""

BUSY_MS: Final = 10_000  # for tools that write without our lock file
_ROWS: Final = 500  # of one statement: SQLite takes 32,766 parameters


class SqliteDatabase(Database):
    """A file, or this process's memory."""

    failures: ClassVar[tuple[type[Exception], ...]] = (SQLAlchemyError, sqlite3.Error)

    def __init__(self, path: Path | None) -> None:
        """Open ``path``, created and migrated if need be; ``None`` keeps everything in memory."""
        super().__init__()
        self.path = path
        self._lock_file: int | None = None
        self._synchronous = ""
        self._driver: sqlite3.Connection | None = None
        self._places = in_memory() if path is None else beside(path)
        try:
            if path is not None:
                _create(path)
            self._engine = self._new_engine()
            self._write_ahead()
            self._migrate()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            self.close()
            explain(error, f"opening {path or 'memory'}")
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reads; in memory there is one for all."""
        if self.path is not None:
            with super().reading() as connection:
                yield connection
            return
        try:
            with self._mutex:
                yield self._connection()
        except self.failures as error:
            explain(error, "reading")

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run a hot statement on the write connection, past SQLAlchemy. Only inside a transaction."""
        return self._raw().execute(statement, parameters)

    def insert(self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows, many in a statement: one each would let a busy thread in between any two of them."""
        for start in range(0, len(rows), _ROWS):
            chunk = rows[start : start + _ROWS]
            self.execute(_insert(table, tuple(columns), len(chunk)), tuple(chain.from_iterable(chunk)))

    def pulse(self) -> Pulse:
        """Of a file: a number that SQLite keeps, which no table is read for."""
        return _Always() if self.path is None else _DataVersion(self)

    def places(self) -> Places:
        """Bytes of a file beside the database."""
        return self._places

    def close(self) -> None:
        """Give back every connection, and the lock file."""
        with self._mutex:
            super().close()
            self._driver = None
            if self._lock_file is not None:
                os.close(self._lock_file)
                self._lock_file = None

    def after_fork(self) -> None:
        """In the child: as for every database. SQLite forbids even closing a connection that was inherited."""
        if self.path is None:
            engine, writing = self._engine, self._writing
            super().after_fork()
            self._engine, self._writing = engine, writing  # the copy in memory is this process's own now
            return
        super().after_fork()
        self._synchronous = ""
        self._driver = None
        if self._lock_file is not None:
            os.close(self._lock_file)  # a lock that the parent holds stays with the parent
            self._lock_file = None

    def _new_engine(self) -> Engine:
        def connect() -> sqlite3.Connection:
            raw = sqlite3.connect(
                str(self.path) if self.path else ":memory:",
                timeout=BUSY_MS / 1000,
                isolation_level=None,  # we say BEGIN ourselves
                check_same_thread=False,
            )
            raw.execute("PRAGMA foreign_keys=ON")
            raw.execute("PRAGMA trusted_schema=OFF")
            raw.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
            return raw

        return create_engine(
            "sqlite+pysqlite://",
            creator=connect,
            isolation_level="AUTOCOMMIT",
            poolclass=QueuePool if self.path else StaticPool,
        )

    def _snapshot_begins(self) -> str:
        return "BEGIN"

    def _raw(self) -> sqlite3.Connection:
        raw = self._driver
        if raw is None:  # kept: SQLAlchemy takes a microsecond to find it, and each record needs it five times
            raw = self._driver = self._connection().connection.dbapi_connection  # type: ignore[assignment]  # or wider
        return raw  # type: ignore[return-value]  # SQLAlchemy types it wider

    def _lock(self) -> None:
        if self.path is None:
            return
        if self._lock_file is None:
            name = f"{self.path}.lock"
            self._lock_file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Blocking: the kernel queues the waiters in order, which polling does not.
        fcntl.flock(self._lock_file, fcntl.LOCK_EX)

    def _begin(self, durable: bool) -> None:
        level = "FULL" if durable else "NORMAL"
        if self._synchronous != level and self.path is not None:
            self.execute(f"PRAGMA synchronous={level}")
            self._synchronous = level
        self.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        if self._raw().in_transaction:
            self.execute("ROLLBACK")

    def _unlock(self) -> None:
        super()._unlock()
        if self._lock_file is not None:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def _write_ahead(self) -> None:
        """Switch a new file to WAL. The file keeps that, so later connections need not ask.

        Under our own lock: SQLite fails this switch at once, whatever the busy timeout, where several open a new file.
        """
        if self.path is None or self.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            return
        self._lock()
        try:
            self.execute("PRAGMA journal_mode=WAL")
        finally:
            self._unlock()


class _DataVersion:
    """One connection that is only looked through."""

    def __init__(self, db: SqliteDatabase) -> None:
        self._held = ExitStack()
        self._connection = self._held.enter_context(db.reading())
        self._version = -1

    def moved(self) -> bool:
        version = int(self._connection.exec_driver_sql("PRAGMA data_version").scalar_one())
        moved, self._version = version != self._version, version
        return moved

    def close(self) -> None:
        self._held.close()


class _Always:
    """In memory all use one connection, and its own writes do not show in SQLite's number."""

    def moved(self) -> bool:
        return True

    def close(self) -> None:
        pass


def _create(path: Path) -> None:
    """The file and its folders, for this user only."""
    for folder in reversed([path.parent, *path.parent.parents]):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    # SQLite gives its WAL and shared-memory files the mode of the database. A file that is there is not opened here:
    # closing it would drop every lock that this process holds on it, and another process would then take away the WAL
    # that a store of ours still writes to.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


@cache
def _insert(table: str, columns: tuple[str, ...], rows: int) -> str:
    group = f"({','.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({','.join(columns)}) VALUES {','.join([group] * rows)}"
