"""PostgreSQL: one advisory lock for all writers of a database, taken in the statement that begins a transaction.

A write transaction waits for that lock first, in the server's fair queue, and keeps it until it ends: so statements
that read before they write are as safe as in SQLite, at READ COMMITTED, since each of them sees all that was committed
before it. Every commit waits for the disk (``synchronous_commit`` as the server has it, ``on`` if it says ``off``): a
server that dies would else lose what a spool has given up already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, ClassVar, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from govflow.errors import StoreError
from govflow.store.engine import Database, Pulse
from govflow.store.failures import explain
from govflow.store.holds import Places
from govflow.store.placing import End
from govflow.store.schema import revision_of
from govflow.store.session_holds import of_server
from govflow.store.statements import with_marks

try:
    import psycopg

    from govflow.store import postgres_append
    from govflow.store.postgres_arrays import arrays, learn_arrays
except ModuleNotFoundError as _error:
    raise StoreError(
        "PostgreSQL needs a driver that is not installed.", mend="Install it: pip install 'govflow[postgres]'."
    ) from _error

WRITE_LOCK: Final = int.from_bytes(b"govflow\0")
"""The advisory lock of all writers of a database."""

LOCK_WAIT_MS: Final = 60_000
"""How long a writer waits for the others, and how long a transaction of ours may lie idle: its process hangs."""

# One round trip.
_BEGIN: Final = f"""BEGIN;
SET LOCAL lock_timeout = {LOCK_WAIT_MS};
SET LOCAL idle_in_transaction_session_timeout = {LOCK_WAIT_MS};
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
SELECT pg_advisory_xact_lock({WRITE_LOCK})"""
_DRIVER: Final = "postgresql+psycopg"


class PostgresDatabase(Database):
    """A database of a server; the tables lie in the schema that is first in the user's search path."""

    failures: ClassVar[tuple[type[Exception], ...]] = (SQLAlchemyError, psycopg.Error)
    at_once = True

    def __init__(self, url: URL) -> None:
        """Open it, migrated if need be. The database itself must be there.

        Args:
            url: of any driver's scheme; ours is psycopg.

        Raises:
            StoreError: it cannot be opened, or does not store text as UTF-8.
            SchemaNewer: a newer govflow wrote it.
        """
        super().__init__()
        self._url = url.set(drivername=_DRIVER)
        try:
            self._engine = self._new_engine()
            self._expect_utf8()
            self._migrate()
        except self.failures as error:
            self.close()
            explain(error, f"opening {_named(url)}")
        except BaseException:
            self.close()
            raise

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> psycopg.Cursor[Any]:
        """Run a hot statement on the write connection, past SQLAlchemy. Only inside a transaction."""
        return self._raw().execute(with_marks(statement), parameters or None)

    def insert(self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows as one array for each column: a statement that is as long for one row as for a thousand."""
        if rows:
            self._raw().execute(_insert(table, tuple(columns.items())), arrays(columns, rows))

    def append_at_once(
        self, tenant: str, before: End, after: End, records: Sequence[Sequence[Any]], values: Sequence[Sequence[Any]]
    ) -> bool:
        """As the base says."""
        try:
            return postgres_append.append(self._raw(), WRITE_LOCK, tenant, (before, after), records, values)
        except self.failures as error:
            explain(error, "writing")
        finally:
            self._unlock()

    def pulse(self) -> Pulse:
        """The size of all logs: whatever people decide is recorded in its own transaction."""
        return _Sizes(self)

    def places(self) -> Places:
        """Advisory locks of a session, which the server gives back when the process ends, however it ends."""
        return of_server(self._url)

    def _new_engine(self) -> Engine:
        engine = create_engine(
            self._url,
            isolation_level="AUTOCOMMIT",  # we say BEGIN ourselves
            poolclass=QueuePool,
            pool_pre_ping=True,  # a server that was restarted is not an error of ours
            connect_args={"client_encoding": "utf8", "application_name": "govflow"},
        )
        event.listen(engine, "connect", _prepare)
        return engine

    def _snapshot_begins(self) -> str:
        return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def _connection(self) -> Connection:
        begins = self._writing is None
        connection = super()._connection()
        if (
            begins
        ):  # for what is not in a transaction that says so: another's lock on a table is not waited for for ever
            connection.exec_driver_sql(f"SET lock_timeout = {LOCK_WAIT_MS}")
        return connection

    def _raw(self) -> psycopg.Connection[Any]:
        return self._connection().connection.dbapi_connection  # type: ignore[return-value]  # SQLAlchemy types it wider

    def _lock(self) -> None:
        """The transaction begins with it."""

    def _begin(self, durable: bool) -> None:
        del durable  # every commit is
        try:
            self._raw().execute(_BEGIN, prepare=False)
        except psycopg.OperationalError:
            if not self._raw().closed:
                raise
            # The server has ended the connection since the last transaction; nothing of this one has happened yet.
            self._drop()
            self._raw().execute(_BEGIN, prepare=False)

    def _roll_back(self) -> None:
        with suppress(*self.failures):  # without a connection the server has rolled back already
            self._raw().execute("ROLLBACK")

    def _unlock(self) -> None:
        if self._writing is not None and (self._writing.invalidated or self._raw().closed):
            self._drop()
        super()._unlock()

    def _drop(self) -> None:
        assert self._writing is not None
        with suppress(*self.failures):
            self._writing.invalidate()
        with suppress(*self.failures):
            self._writing.close()
        self._writing = None

    def _expect_utf8(self) -> None:
        encoding = self._connection().exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise StoreError(
                f"The database stores text as {encoding}; records need UTF8.",
                mend="Create another one: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0.",
            )


def has_tables(url: URL) -> bool:
    """Whether somebody has opened a store in this database before.

    Raises:
        StoreError: the server cannot be asked.
    """
    engine = create_engine(url.set(drivername=_DRIVER), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return revision_of(connection) is not None
    except SQLAlchemyError as error:
        explain(error, f"looking at {_named(url)}")


def _named(url: URL) -> str:
    return f"{url.host or 'the local server'}/{url.database or ''}"


@cache
def _insert(table: str, columns: tuple[tuple[str, str], ...]) -> str:
    arrays = ", ".join(f"%b::{kind}[]" for _, kind in columns)
    return f"INSERT INTO {table} ({', '.join(name for name, _ in columns)}) SELECT * FROM unnest({arrays})"


class _Sizes:
    def __init__(self, db: PostgresDatabase) -> None:
        self._db = db
        self._seen: object = None

    def moved(self) -> bool:
        with self._db.reading() as connection:
            found = connection.exec_driver_sql("SELECT coalesce(sum(size), 0) FROM audit_head").scalar_one()
        before, self._seen = self._seen, found
        return bool(found != before)

    def close(self) -> None:
        pass


def _prepare(raw: psycopg.Connection[Any], _record: object) -> None:
    """Compiling takes a tenth of a second for a statement that takes a hundredth, so not for our small reads."""
    raw.autocommit = True
    learn_arrays(raw)
    raw.execute("SET jit = off")
