"""Opening the database, and the one write transaction at a time.

Every write happens inside :meth:`Database.transaction`: a lock between the threads of this process, ``flock`` on a file
beside the database between processes (fair, where SQLite's own busy handler lets a writer starve for seconds), and only
then ``BEGIN IMMEDIATE``. Reads use connections of their own and never wait for writers (WAL).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool, StaticPool

from govflow.errors import StoreError
from govflow.store.schema import HEAD, revision_of, upgrade

BUSY_MS: Final = 10_000  # for tools that write without our lock file
_READ_ONLY_HINTS: Final = ("readonly", "read-only", "unable to open", "permission")
# Connections that a forked child inherited. SQLite forbids even closing them there, so nothing may collect them.
_INHERITED: list[object] = []


def _nothing() -> None:
    pass


def database_path(url: str) -> Path:
    """The file of a ``sqlite:///`` URL, absolute: a process may change its directory.

    Raises:
        StoreError: the URL is not one that this version can open.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError(
            "The database URL cannot be read.", mend="Write it as sqlite:////absolute/path/govflow.db."
        ) from None
    if parsed.get_backend_name() != "sqlite":
        raise StoreError(
            f"This version opens SQLite databases only, not {parsed.get_backend_name()}.",
            mend="Write the URL as sqlite:////absolute/path/govflow.db.",
        )
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError(
            "The database URL names no file.",
            mend="Write it as sqlite:////absolute/path/govflow.db; for a store in memory use Store.memory().",
        )
    return Path(parsed.database).expanduser().absolute()


def explain(error: BaseException, what: str) -> NoReturn:
    """Raise the ``StoreError`` for a database or file error, with the cause and what to do."""
    cause = getattr(error, "orig", None) or error
    text = str(cause)
    lowered = text.lower()
    mend = "See the cause; `govflow doctor` checks the database."
    if "locked" in lowered or "busy" in lowered:
        mend = "Another program holds the database open for writing; close it and try again."
    elif "not a database" in lowered or "malformed" in lowered:
        mend = "The file is no SQLite database or is damaged; set another path or restore a backup."
    elif "full" in lowered or "no space" in lowered:
        mend = "Free space on the disk; nothing that was acknowledged is lost."
    elif isinstance(cause, OSError) or any(hint in lowered for hint in _READ_ONLY_HINTS):
        mend = "The folder of the database must exist or be creatable, and be writable for this user."
    raise StoreError(f"The governance database cannot be used ({what}): {text}.", mend=mend) from error


class Database:
    """An open database. Safe to share between threads; after a fork the child reopens what it needs."""

    def __init__(self, path: Path | None) -> None:
        """Open ``path``, created and migrated if need be; ``None`` keeps everything in memory."""
        self.path = path
        self._mutex = threading.RLock()
        self._inside = False
        self._lock_file: int | None = None
        self._writing: Connection | None = None
        self._synchronous = ""
        try:
            if path is not None:
                _create(path)
            self._engine = _engine(path)
            self._migrate()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            self.close()
            explain(error, f"opening {path or 'memory'}")
        except BaseException:
            self.close()
            raise

    def hold(self) -> None:
        """Keep every other thread of this process from writing, until :meth:`release`."""
        self._mutex.acquire()

    def release(self) -> None:
        """Undo :meth:`hold`."""
        self._mutex.release()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reads; each statement sees what is committed. Errors come out as ``StoreError``."""
        try:
            if self.path is None:
                with self._mutex:  # one connection for all
                    yield self._connection()
            else:
                with self._engine.connect() as connection:
                    yield connection
        except (SQLAlchemyError, sqlite3.Error) as error:
            explain(error, "reading")

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """As :meth:`reading`, and all statements see one moment."""
        with self.reading() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")

    @contextmanager
    def transaction(
        self, *, durable: bool, commit: Callable[[], None] = _nothing, done: Callable[[], None] = _nothing
    ) -> Iterator[Connection]:
        """The write lock and a transaction; committed at the end of the block, rolled back if it raises.

        Args:
            durable: committed to the disk, so that a power cut does not take it back; else only a kill does not.
            commit: called right before COMMIT, and not at all if the block raised.
            done: called after COMMIT while the write lock is still held.

        Raises:
            StoreError: the database refused; nothing was written, unless COMMIT itself failed.
        """
        with self._mutex:
            if self._inside:
                raise RuntimeError("a write transaction is open in this thread already")
            try:
                self._begin_write()
            except (SQLAlchemyError, sqlite3.Error, OSError) as error:
                explain(error, "waiting for the write lock")
            self._inside = True
            try:
                self._set_synchronous("FULL" if durable else "NORMAL")
                self.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection()
                    commit()
                    self.execute("COMMIT")
                except BaseException:
                    self._roll_back()
                    raise
                done()
            except (SQLAlchemyError, sqlite3.Error) as error:
                explain(error, "writing")
            finally:
                self._inside = False
                self._end_write()

    def execute(self, statement: str, parameters: tuple[Any, ...] | list[Any] = ()) -> sqlite3.Cursor:
        """Run a hot statement on the write connection, past SQLAlchemy. Only inside :meth:`transaction`."""
        raw: sqlite3.Connection = self._connection().connection.dbapi_connection  # type: ignore[assignment]
        return raw.execute(statement, parameters)

    def close(self) -> None:
        """Give back every connection. The object is not usable afterwards."""
        with self._mutex:
            if self._writing is not None:
                self._writing.close()
                self._writing = None
            if hasattr(self, "_engine"):
                self._engine.dispose()
            if self._lock_file is not None:
                os.close(self._lock_file)
                self._lock_file = None

    def after_fork(self) -> None:
        """In the child: forget what belongs to the parent without touching it, and open anew on first use."""
        self._mutex = threading.RLock()
        self._inside = False
        if self.path is None:
            return  # the copy in memory is this process's own now
        _INHERITED.append((self._writing, self._engine))
        self._writing = None
        self._synchronous = ""
        if self._lock_file is not None:
            os.close(self._lock_file)  # a lock that the parent holds stays with the parent
            self._lock_file = None
        self._engine = _engine(self.path)

    def _connection(self) -> Connection:
        if self._writing is None:
            self._writing = self._engine.connect()
        return self._writing

    def _begin_write(self) -> None:
        if self.path is None:
            return
        if self._lock_file is None:
            name = f"{self.path}.lock"
            self._lock_file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Blocking: the kernel queues the waiters in order, which polling does not.
        fcntl.flock(self._lock_file, fcntl.LOCK_EX)

    def _end_write(self) -> None:
        if self._writing is not None and self._writing.in_transaction():
            self._writing.rollback()  # SQLAlchemy's own book-keeping; the driver's transaction is over
        if self._lock_file is not None:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def _migrate(self) -> None:
        if revision_of(self._connection()) == HEAD:
            return
        self._begin_write()
        try:
            self.execute("BEGIN IMMEDIATE")
            try:
                connection = self._connection()
                if not connection.in_transaction():
                    connection.begin()  # tells alembic that the transaction is ours
                upgrade(connection)
                self.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
        finally:
            self._end_write()

    def _roll_back(self) -> None:
        raw: sqlite3.Connection = self._connection().connection.dbapi_connection  # type: ignore[assignment]
        if raw.in_transaction:
            raw.execute("ROLLBACK")

    def _set_synchronous(self, level: str) -> None:
        if self._synchronous != level and self.path is not None:
            self.execute(f"PRAGMA synchronous={level}")
            self._synchronous = level


def _create(path: Path) -> None:
    """The file and its folders, for this user only."""
    for folder in reversed([path.parent, *path.parent.parents]):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    # SQLite gives its WAL and shared-memory files the mode of the database.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _engine(path: Path | None) -> Engine:
    def connect() -> sqlite3.Connection:
        raw = sqlite3.connect(
            str(path) if path else ":memory:",
            timeout=BUSY_MS / 1000,
            isolation_level=None,  # we say BEGIN ourselves
            check_same_thread=False,
        )
        raw.execute("PRAGMA foreign_keys=ON")
        raw.execute("PRAGMA trusted_schema=OFF")
        if path is not None and raw.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            raw.execute("PRAGMA journal_mode=WAL")
        return raw

    return create_engine(
        "sqlite+pysqlite://",
        creator=connect,
        isolation_level="AUTOCOMMIT",
        poolclass=QueuePool if path else StaticPool,
    )
