"""An open database, and the one write transaction at a time: what holds for every kind of database.

Every write happens inside :meth:`Database.transaction`: a lock between the threads of this process, then a fair lock
between processes, and only then the transaction. So what a transaction has read stays true until it commits, whatever
the database is. Reads use connections of their own and never wait for writers.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Final, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from govflow.store.failures import explain
from govflow.store.holds import Places
from govflow.store.placing import End
from govflow.store.schema import HEAD, revision_of, upgrade

# Connections that a forked child inherited. They are the parent's: even closing them there would harm it, so nothing
# may collect them.
_INHERITED: Final[list[object]] = []


class Rows(Protocol):
    """What a statement gave: the part of a driver's cursor that we use."""

    @property
    def rowcount(self) -> int:
        """How many rows were added, changed or taken away."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[Any]:
        """All that are left."""


class Pulse(Protocol):
    """Tells cheaply that something may have been written. Used by one thread at a time."""

    def moved(self) -> bool:
        """Whether anybody has written since the last call; true at the first."""

    def close(self) -> None:
        """Give back what it holds."""


def nothing() -> None:
    """What is called where there is nothing to do."""


class Database(ABC):
    """An open database. Safe to share between threads; after a fork the child reopens what it needs."""

    failures: ClassVar[tuple[type[Exception], ...]] = (SQLAlchemyError,)
    """What the driver and SQLAlchemy raise where the database refuses."""

    at_once: ClassVar[bool] = False
    """Whether :meth:`append_at_once` can be tried."""

    _engine: Engine

    def __init__(self) -> None:
        self._mutex = threading.RLock()
        self._inside = False
        self._holder = 0  # the thread that is inside a transaction
        self._writing: Connection | None = None

    def refuse_inside(self) -> None:
        """``RuntimeError`` if this thread is inside a transaction: it would wait for whoever waits for it."""
        if self._holder == threading.get_ident():
            raise RuntimeError("a write transaction is open in this thread already")

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
            with self._engine.connect() as connection:
                yield connection
        except self.failures as error:
            explain(error, "reading")

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """As :meth:`reading`, and all statements see one moment."""
        with self.reading() as connection:
            connection.exec_driver_sql(self._snapshot_begins())
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")

    @contextmanager
    def transaction(
        self, *, durable: bool, commit: Callable[[], None] = nothing, done: Callable[[], None] = nothing
    ) -> Iterator[Connection]:
        """The write lock and a transaction; committed at the end of the block, rolled back if it raises.

        Args:
            durable: committed to the disk, so that a power cut does not take it back; else only a kill does not.
            commit: called right before COMMIT, and not at all if the block raised.
            done: called after COMMIT, before another thread of this process may write.

        Raises:
            StoreError: the database refused; nothing was written, unless COMMIT itself failed.
        """
        with self._mutex:
            if self._inside:
                raise RuntimeError("a write transaction is open in this thread already")
            try:
                self._lock()
            except OSError as error:
                explain(error, "waiting for the write lock")
            except self.failures as error:
                explain(error, "waiting for the write lock")
            self._inside, self._holder = True, threading.get_ident()
            try:
                try:
                    self._begin(durable)
                    yield self._connection()
                    commit()
                    self.execute("COMMIT")
                except BaseException:
                    self._roll_back()
                    raise
                done()
            except self.failures as error:
                explain(error, "writing")
            finally:
                self._inside, self._holder = False, 0
                self._unlock()

    @abstractmethod
    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run a hot statement, with ``?`` for its parameters, on the write connection, past SQLAlchemy.

        Only inside :meth:`transaction`.
        """

    @abstractmethod
    def insert(self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows to a hot table in as few statements as can be, past SQLAlchemy. Only inside :meth:`transaction`.

        Args:
            table: its name.
            columns: the name of each to its type in PostgreSQL: ``text``, ``bigint`` or ``bytea``.
            rows: values in the order of ``columns``.
        """

    def append_at_once(
        self, tenant: str, before: End, after: End, records: Sequence[Sequence[Any]], values: Sequence[Sequence[Any]]
    ) -> bool:
        """Append to a log durably in one statement, outside of transactions, but with :meth:`hold`.

        Args:
            tenant: whose log.
            before: where it has to end for this.
            after: where it will end.
            records: rows of :data:`govflow.store.placing.COLUMNS`.
            values: rows of :data:`govflow.store.placing.VALUE_COLUMNS`.

        Returns:
            Whether it was done; nothing was if the log ends elsewhere, or somebody else writes right now.

        Raises:
            StoreError: the database refused; it may have been done all the same.
        """
        raise NotImplementedError

    @abstractmethod
    def pulse(self) -> Pulse:
        """A way to see soon that something was written; close it."""

    @abstractmethod
    def places(self) -> Places:
        """What processes hold in this database: for :class:`govflow.store.holds.Holds`."""

    def close(self) -> None:
        """Give back every connection. The object is not usable afterwards."""
        with self._mutex:
            if self._writing is not None:
                self._writing.close()
                self._writing = None
            if hasattr(self, "_engine"):
                self._engine.dispose()

    def after_fork(self) -> None:
        """In the child: forget what belongs to the parent without touching it, and open anew on first use."""
        self._mutex = threading.RLock()
        self._inside, self._holder = False, 0
        _INHERITED.append((self._writing, self._engine))
        self._writing = None
        self._engine = self._new_engine()

    # -- what kinds of database differ in -----------------------------------------------------------------------------

    @abstractmethod
    def _new_engine(self) -> Engine: ...

    @abstractmethod
    def _snapshot_begins(self) -> str: ...

    @abstractmethod
    def _lock(self) -> None:
        """Wait for the lock between processes, where that is not a part of the transaction."""

    @abstractmethod
    def _begin(self, durable: bool) -> None:
        """Begin the transaction; from here on no other process writes."""

    @abstractmethod
    def _roll_back(self) -> None:
        """Undo the transaction, if there is one still."""

    def _unlock(self) -> None:
        if self._writing is not None and self._writing.in_transaction():
            self._writing.rollback()  # SQLAlchemy's own book-keeping; the driver's transaction is over

    # -- for all ------------------------------------------------------------------------------------------------------

    def _connection(self) -> Connection:
        if self._writing is None:
            self._writing = self._engine.connect()
        return self._writing

    def _migrate(self) -> None:
        """Bring the schema up to date, unless it is: under the write lock, since several may open a new database."""
        if revision_of(self._connection()) == HEAD:
            return
        self._lock()
        try:
            try:
                self._begin(durable=True)
                connection = self._connection()
                if not connection.in_transaction():
                    connection.begin()  # tells alembic that the transaction is ours
                upgrade(connection)
                self.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
        finally:
            self._unlock()
