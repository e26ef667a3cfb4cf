"""The store: one object for everything durable."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from govflow.audit.record import Ack, Draft, Entry, Head
from govflow.audit.template import Filled
from govflow.audit.verify import Verdict, verify
from govflow.store import log
from govflow.store.approvals import Approvals
from govflow.store.engine import Database, database_path
from govflow.store.plans import Plans
from govflow.store.runs import Runs
from govflow.store.tokens import Tokens
from govflow.store.values import Values
from govflow.store.writer import Writer

_logger = logging.getLogger("govflow.store")


class Store:
    """The audit log, approvals, tokens, approved plans and runs of one database.

    Safe to share between threads and to use after a fork. Use as a context manager, or call :meth:`close`::

        with Store.open("sqlite:////home/me/.govflow/govflow.db") as store:
            store.append(draft, durable=True)
    """

    def __init__(self, db: Database, spool: Path | None) -> None:
        self._db = db
        self._writer = Writer(db, spool)
        self.approvals = Approvals(db, self._writer)
        self.tokens = Tokens(self._writer)
        self.plans = Plans(db, self._writer)
        self.runs = Runs(db, self._writer)
        self.values = Values(db, self._writer)

    @classmethod
    def open(cls, url: str, *, spool: Path | None = None, direct: bool = False) -> Self:
        """Open a database; it is created and migrated if need be.

        What dead processes left in the spool is brought to the log.

        Args:
            url: ``sqlite:////absolute/path/govflow.db``.
            spool: folder for spools, by default beside the database. It must be on a disk that outlives the process.
            direct: no spool; every record is committed before it is acknowledged.

        Raises:
            StoreError: it cannot be opened; the message says why and what to do.
            SchemaNewer: a newer govflow wrote it.
        """
        path = database_path(url)
        store = cls(Database(path), None if direct else spool or path.with_name(path.name + ".spool"))
        store.flush()
        return store

    @classmethod
    def memory(cls) -> Self:
        """A store in memory, for tests and trials: the same rules, and nothing of it outlives the process."""
        _warn_volatile()
        return cls(Database(None), None)

    def append(self, record: Draft | Filled, *, durable: bool) -> Ack:
        """Accept a record: :class:`govflow.audit.record.Log`.

        Raises:
            StoreError: it could not be made safe, and is not acknowledged.
            CanonicalError: the payload or a value has no canonical form.
            VocabularyError: the event is not registered.
        """
        return self._writer.append(record, durable=durable)

    def flush(self) -> None:
        """Bring all that was spooled, by this process and by others, to the log."""
        self._writer.flush()

    def close(self) -> None:
        """Drain the spool and close the database."""
        self._writer.close()
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def tenants(self) -> list[str]:
        """Every tenant that has a log, sorted."""
        self.flush()
        with self._db.reading() as connection:
            return [str(row[0]) for row in connection.exec_driver_sql("SELECT tenant FROM audit_head ORDER BY tenant")]

    def head(self, tenant: str) -> Head:
        """The end of a tenant's log, all acknowledged records included."""
        self.flush()
        with self._db.reading() as connection:
            return log.head(connection, tenant)

    def entries(self, tenant: str, start: int = 0) -> Iterator[Entry]:
        """A tenant's log in order from ``start``, all records included that were acknowledged by now."""
        self.flush()
        return log.pages(self._db, tenant, start)

    def tail(self, tenant: str, count: int, *, run_id: str | None = None, event: str | None = None) -> list[Entry]:
        """The last ``count`` records, oldest first, of a run or an event if one is given."""
        self.flush()
        with self._db.reading() as connection:
            return log.tail(connection, tenant, count, run_id=run_id, event=event)

    def verify(self, tenant: str) -> Verdict:
        """Check the whole log of a tenant against the head that stands in the same database, at one moment."""
        self.flush()
        with self._db.snapshot() as connection:
            return verify(log.walk(connection, tenant), log.head(connection, tenant))


@cache
def _warn_volatile() -> None:
    """Once in a process."""
    _logger.warning("this store is in memory: nothing in it outlives the process")
