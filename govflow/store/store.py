"""The store: one object for everything durable."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from govflow.audit.record import Ack, Draft, Entry, Head
from govflow.audit.spans import Held, Told
from govflow.audit.template import Template
from govflow.audit.verifier_key import VerifierKey
from govflow.audit.verify import Verdict
from govflow.store import log
from govflow.store.api_keys import ApiKeys
from govflow.store.approvals import Approvals
from govflow.store.audit_search import AuditSearch
from govflow.store.audit_selection import AuditSelection
from govflow.store.audit_stats import AuditStats
from govflow.store.changes import Changes, Concern, missed, newest
from govflow.store.delegations import Delegations
from govflow.store.engine import Database
from govflow.store.holds import Holds
from govflow.store.inbox import Inbox
from govflow.store.indexes import Hidden, hidden_row
from govflow.store.keys import Keys
from govflow.store.legal_holds import LegalHolds
from govflow.store.location import open_database, spool_folder
from govflow.store.manifests import Manifests
from govflow.store.outbox import Outbox
from govflow.store.people import People
from govflow.store.permit_requests import PermitRequests
from govflow.store.permits import Permits
from govflow.store.places import Places
from govflow.store.plans import Plans
from govflow.store.policies import Policies
from govflow.store.pruning import Pruning
from govflow.store.reviews import Reviews
from govflow.store.revocations import Revocations
from govflow.store.run_pages import RunPages
from govflow.store.runs import Runs
from govflow.store.seals import Seals
from govflow.store.sign_ins import SignIns
from govflow.store.sqlite import SqliteDatabase
from govflow.store.standing import StandingApprovals
from govflow.store.tokens import Tokens
from govflow.store.values import Values
from govflow.store.verifying import Checker, verify_at_one_moment, verify_since
from govflow.store.watch import Watch
from govflow.store.writer import Writer

_logger = logging.getLogger("govflow.store")


class Store:
    """The audit log, approvals, tokens, approved plans, runs and permits of one database.

    Safe to share between threads and to use after a fork. Use as a context manager, or call :meth:`close`::

        with Store.open("sqlite:////home/me/.govflow/govflow.db") as store:
            store.append(draft, durable=True)
    """

    def __init__(self, db: Database, spool: Path | None) -> None:
        self._db = db
        self._writer = Writer(db, spool)
        self.approvals = Approvals(db, self._writer)
        self.inbox = Inbox(db)
        self.run_pages = RunPages(db)
        self.audit_search = AuditSearch(db, self._writer)
        self.audit_selection = AuditSelection(db, self._writer)
        self.audit_stats = AuditStats(db, self._writer)
        self.outbox = Outbox(db, self._writer)
        self.tokens = Tokens(db, self._writer)
        self.revocations = Revocations(self._writer)
        self.delegations = Delegations(db, self._writer)
        self.standing = StandingApprovals(db, self._writer)
        self.reviews = Reviews(db, self._writer)
        self.plans = Plans(db, self._writer)
        self.policies = Policies(db, self._writer)
        self.runs = Runs(db, self._writer)
        self.manifests = Manifests(db, self._writer)
        self.places = Places(db, self._writer)
        self.keys = Keys(db, self._writer)
        self.permits = Permits(db, self._writer)
        self.permit_requests = PermitRequests(db, self._writer)
        self.values = Values(db, self._writer)
        self.legal_holds = LegalHolds(db, self._writer)
        self.pruning = Pruning(db, self._writer)
        self.seals = Seals(db, self._writer)
        self.people = People(db, self._writer)
        self.sign_ins = SignIns(db, self._writer)
        self.api_keys = ApiKeys(db, self._writer)
        self.holds = Holds(db.places())

    @classmethod
    def open(cls, url: str, *, spool: Path | None = None, direct: bool = False) -> Self:
        """Open a database; it is created and migrated if need be.

        What dead processes left in the spool is brought to the log.

        Args:
            url: ``sqlite:////absolute/path/govflow.db`` or ``postgresql://user@host/name``.
            spool: folder for spools, by default :func:`govflow.store.location.spool_folder`. It must be on a disk that
                outlives the process.
            direct: no spool; every record is committed before it is acknowledged.

        Raises:
            StoreError: it cannot be opened; the message says why and what to do.
            SchemaNewer: a newer govflow wrote it.
        """
        store = cls(open_database(url), None if direct else spool or spool_folder(url))
        store.flush()
        return store

    @classmethod
    def memory(cls) -> Self:
        """A store in memory, for tests and trials: the same rules, and nothing of it outlives the process."""
        _warn_volatile()
        return cls(SqliteDatabase(None), None)

    def tell(self, told: Callable[[Draft, Ack], object]) -> None:
        """Have ``told`` called with each draft that this store writes, once its record is acknowledged.

        Records of templates (the intents and outcomes of steps that nothing waits for) are not told. ``told`` is called
        in the thread that wrote, outside all locks; it must neither raise nor wait.
        """
        self._writer.told = told

    def append(self, record: Draft, *, durable: bool) -> Ack:
        """Accept a record: :class:`govflow.audit.record.Log`.

        Raises:
            StoreError: it could not be made safe, and is not acknowledged.
            CanonicalError: the payload or a value has no canonical form.
            VocabularyError: the event is not registered.
        """
        return self._writer.append(record, durable=durable)

    def aappend(self, record: Draft) -> Coroutine[Any, Any, Ack]:
        """Accept a record durably, as :meth:`append`, without a thread for each coroutine that waits."""
        return self._writer.aappend(record)

    @property
    def fill(self) -> Callable[[Template, int, str], None]:
        """Accept the record of a template as of now, not durably: :meth:`govflow.store.writer.Writer.fill`."""
        return self._writer.fill

    def flush(self) -> None:
        """Bring all that was spooled, by this process and by others, to the log."""
        self._writer.flush()

    def watch(self) -> Watch:
        """A look at the requests that costs next to nothing; :meth:`Watch.close` it."""
        return Watch(self._db)

    def changes(self, tenant: str) -> Changes:
        """A look at what happens to a tenant's approvals and runs, from now on; :meth:`Changes.close` it."""
        return Changes(self._db, tenant)

    def newest(self, tenant: str) -> int:
        """The place of the newest record of a tenant's log; 0 for an empty one."""
        return newest(self._db, tenant)

    def missed(self, tenant: str, concern: Concern, since: int) -> bool:
        """Whether anything of ``concern`` happened after the record at the place ``since``."""
        return missed(self._db, tenant, concern, since)

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
        """Every tenant that has a log, or anything that is left of one, sorted."""
        self.flush()
        with self._db.reading() as connection:
            return log.tenants(connection)

    def hidden_row(self) -> Hidden | None:
        """A row of the logs that an index of the database hides from searches; None where there is none."""
        with self._db.reading() as connection:
            return hidden_row(connection)

    def head(self, tenant: str) -> Head:
        """The end of a tenant's log, all acknowledged records included."""
        self.flush()
        with self._db.reading() as connection:
            return log.head(connection, tenant)

    def entries(self, tenant: str, start: int = 0) -> Iterator[Entry]:
        """A tenant's log in order from ``start``, all records included that were acknowledged by now."""
        self.flush()
        return log.pages(self._db, tenant, start)

    def entries_of(self, tenant: str, events: tuple[str, ...]) -> Iterator[Entry]:
        """The entries of a tenant's log with one of these events, in order."""
        self.flush()
        return log.pages(self._db, tenant, 0, events)

    def tail(self, tenant: str, count: int, *, run_id: str | None = None, event: str | None = None) -> list[Entry]:
        """The last ``count`` records, oldest first, of a run or an event if one is given."""
        self.flush()
        with self._db.reading() as connection:
            return log.tail(connection, tenant, count, run_id=run_id, event=event)

    def last(self, tenant: str, run_id: str, events: tuple[str, ...]) -> Entry | None:
        """The last record of a run that is one of ``events``."""
        self.flush()
        with self._db.reading() as connection:
            return log.last(connection, tenant, run_id, events)

    def steps_of(self, tenant: str, run_id: str, event: str) -> frozenset[str]:
        """The steps that a run has a record of this event about, wherever it was written."""
        self.flush()
        with self._db.reading() as connection:
            return log.steps_of(connection, tenant, run_id, event)

    def verify(
        self,
        tenant: str,
        held: Held | None = None,
        checker: Checker | None = None,
        told: Told = lambda done, total: None,
        keys: Sequence[VerifierKey] = (),
    ) -> Verdict:
        """Check the whole log of a tenant against the head that stands in the same database, at one moment.

        Args:
            tenant: whose log.
            held: a checkpoint that was kept elsewhere.
            checker: who checks the spans of the log, such as several processes; None: this thread does.
            told: called now and then.
            keys: of the log, as whoever asks got them: the checkpoints in the database have to be signed by them.
        """
        self.flush()
        with self._db.snapshot() as connection:
            return verify_at_one_moment(self._db, connection, tenant, held, checker, told, keys)

    def verify_since(
        self,
        tenant: str,
        held: Held,
        told: Told = lambda done, total: None,
        keys: Sequence[VerifierKey] = (),
    ) -> Verdict:
        """Check what follows a checkpoint that is trusted, and that it does follow; the rest is not read again."""
        self.flush()
        with self._db.snapshot() as connection:
            return verify_since(self._db, connection, tenant, held, told, keys)


@cache
def _warn_volatile() -> None:
    """Once in a process."""
    _logger.warning("this store is in memory: nothing in it outlives the process")
