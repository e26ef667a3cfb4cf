"""The log's writer: acknowledges records, spools them, and brings them to the log.

A process numbers its records itself, in *streams* of one tenant each: a stream of spooled records, and one of those
that are written in a transaction. So a gap in a stream shows in that tenant's log alone, and a spooled record never
waits for a commit. Where it cannot be known whether the last number of a stream was taken (the write was interrupted,
COMMIT failed) the stream is given up and another begins at 0: no number is ever used twice or left out.

Lock order: the database's lock, then the spool's.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns
from typing import Any, Final

import orjson

from govflow.audit.record import Ack, Draft
from govflow.audit.template import Template
from govflow.errors import StoreError
from govflow.store import lifetime
from govflow.store.awaited_commit import AwaitedCommit
from govflow.store.commits import Batch, Commits, Spooled, Transaction
from govflow.store.engine import Database
from govflow.store.foreign_spools import ForeignSpools
from govflow.store.group_commit import GroupCommit
from govflow.store.lines import Sparse, form_line, make_line, sparse_line
from govflow.store.new_records import Unnumbered, numbered, unnumbered
from govflow.store.placing import Pending
from govflow.store.spool import Spool
from govflow.store.times import moment

BACKLOG: Final = 8_192
"""Records that may wait for their place; whoever adds one more brings them to the log first."""
INTERVAL: Final = 1.0  # seconds in which the flusher lets records gather: a transaction costs more than a record
_KEEP: Final = 1 << 16  # bytes that a drained spool may have before it is emptied
_RETRY: Final = 1.0  # seconds between attempts while the database refuses
_EXIT_LIMIT: Final = 5.0  # seconds

_logger = logging.getLogger("govflow.store")


class _Stream:
    """A writer's name and its next number."""

    __slots__ = ("as_json", "forms", "next", "writer")

    def __init__(self, writer: str) -> None:
        self.writer = writer
        self.as_json = orjson.dumps(writer)
        self.next = 0
        self.forms: dict[Template, int] = {}  # numbers of the templates that the spool holds


class Writer:
    """Everything that this process writes to the log goes through one of these."""

    def __init__(
        self, db: Database, folder: Path | None, *, backlog: int = BACKLOG, interval: float = INTERVAL
    ) -> None:
        """Write to ``db``; spool in ``folder``, or straight into the database if it is ``None``."""
        self._db = db
        self._folder = folder
        self._backlog = backlog
        self._interval = interval
        self._closed = False
        self.told: Callable[[Draft, Ack], object] | None = None
        """Called with each record of a draft once it is acknowledged, outside all locks. It must not raise."""
        self._begin()
        lifetime.follow(self)

    def _begin(self) -> None:
        host = re.sub(r"[^A-Za-z0-9-]+", "-", socket.gethostname())[:40]
        self.name = f"{host}.{os.getpid()}.{os.urandom(6).hex()}"
        self._made = 0
        self._streams: dict[str, _Stream] = {}
        self._pending: deque[Pending | Sparse] = deque()
        self._forms = 0  # in the spool
        self._lock = threading.Lock()
        self._spool: Spool | None = None
        self._commits = Commits(
            db=self._db, spooled=Spooled(self._waiting, self._forget, lambda: self._stream_name("d"))
        )
        self._together = GroupCommit(self._batch)
        self._awaited = AwaitedCommit(self._together)
        self._wake = threading.Event()
        self._awake = False
        self._stop = threading.Event()
        self._flusher: threading.Thread | None = None
        self._complained = False
        self._foreign = ForeignSpools(self._db, lambda: self.transaction(durable=False))

    @property
    def closed(self) -> bool:
        """Whether it was closed: it takes no records any more."""
        return self._closed

    def append(self, record: Draft, *, durable: bool) -> Ack:
        """Accept a record; see :class:`govflow.audit.record.Log`."""
        if not durable and self._folder is not None:
            return self._spooled(unnumbered(record))
        if durable:
            self._db.refuse_inside()
            return self._together.append(unnumbered(record))
        with self.transaction(durable=False) as transaction:
            transaction.record(record)
        return transaction.acks[0]

    def aappend(self, record: Draft) -> Coroutine[Any, Any, Ack]:
        """Accept a record durably; as :meth:`append`, and the event loop goes on meanwhile."""
        self._db.refuse_inside()
        return self._awaited.append(unnumbered(record))

    def fill(self, template: Template, attempt: int, task_run_id: str) -> None:
        """Accept the record of a template as of now, not durably; errors as of :meth:`append`.

        Args:
            template: of the record.
            attempt: from 1.
            task_run_id: letters, digits and hyphens.
        """
        at = time_ns() // 1000
        if self._folder is None:
            self.append(template.written(moment(at), attempt, task_run_id), durable=False)
            return
        pending = self._pending
        if len(pending) >= self._backlog:
            self.flush_own()
        tenant = template.draft.tenant
        with self._lock:
            stream = self._streams.get(tenant) or self._opened_stream(tenant)
            number, writer = stream.next, stream.writer
            try:
                form = stream.forms.get(template)
                if form is None:
                    form = self._form(stream, template)
                spool = self._spool or self._opened()
                spool.append(sparse_line(form, at, attempt, task_run_id, writer, number))
                pending.append((template, at, attempt, task_run_id, writer, number))
                stream.next = number + 1
            except BaseException:
                # A signal may have come at any instant: whether the number is taken is not known.
                self._streams.pop(tenant, None)
                raise
            if not self._awake:
                self._rouse()

    def _spooled(self, made: Unnumbered) -> Ack:
        """Number a record, spool it, and have it brought to the log some time later."""
        if len(self._pending) >= self._backlog:
            self.flush_own()  # back-pressure: the one who writes too fast brings it to the log
        tenant = made.draft.tenant
        with self._lock:
            stream = self._streams.get(tenant) or self._opened_stream(tenant)
            number, writer = stream.next, stream.writer
            record = numbered(made, writer, stream.as_json, number)
            try:
                self._opened().append(make_line(record.body, record.values))
                self._pending.append(record)
                stream.next = number + 1
            except BaseException:
                self._streams.pop(tenant, None)  # as in fill
                raise
            if not self._awake:
                self._rouse()
        ack = Ack(writer, number, False)
        if self.told is not None:
            self.told(made.draft, ack)
        return ack

    def _opened_stream(self, tenant: str) -> _Stream:
        """A new stream. A writer that was closed has none, and gets none."""
        self._expect_open()
        stream = self._streams[tenant] = _Stream(self._stream_name("s"))
        return stream

    def _form(self, stream: _Stream, template: Template) -> int:
        """The number of a template in the spool, which is told of it here."""
        number = self._forms
        self._forms += 1  # first: a number whose line was interrupted is not given again
        self._opened().append(form_line(number, template))
        stream.forms[template] = number
        return number

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        """A write transaction whose records follow all that this process spooled before.

        Raises:
            StoreError: the database refused, and nothing of it happened.
        """
        self._expect_open()
        with self._commits.transaction(durable) as transaction:
            yield transaction
        self._tell(transaction)

    def _batch(self, fill: Callable[[Batch], None]) -> None:
        """As a durable transaction with nothing but records in it."""
        self._expect_open()
        self._tell(self._commits.batch(fill))

    def flush(self) -> None:
        """Bring everything that anyone spooled here to the log."""
        if not self._closed:
            self.flush_own()
            if self._folder is not None:
                own = self._spool.path if self._spool else None
                self._foreign.drain(self._folder, own)

    def flush_own(self) -> None:
        """Bring what this process spooled to the log."""
        if self._pending:
            with self.transaction(durable=False):
                pass

    def close(self) -> None:
        """Drain and give up the spool. What cannot be drained stays in it for the next who opens the store."""
        if self._closed:
            return
        # The flusher makes the last attempt: a database that hangs must not hang the end of the program.
        self._stop.set()
        self._wake.set()
        if self._flusher is not None:
            self._flusher.join(_EXIT_LIMIT)
        with self._lock:
            self._closed = True
            self._streams.clear()
            if self._spool is not None:
                if self._pending:
                    _logger.warning("%d records stay in the spool %s", len(self._pending), self._spool.path)
                self._spool.close(remove=not self._pending)
                self._spool = None

    # -- inside -------------------------------------------------------------------------------------------------------

    def _stream_name(self, kind: str) -> str:
        self._made += 1
        return f"{self.name}.{kind}{self._made}"

    def _opened(self) -> Spool:
        if self._spool is None:
            assert self._folder is not None
            self._spool = Spool(self._folder, self.name)
        return self._spool

    def _waiting(self) -> list[Pending | Sparse]:
        with self._lock:
            return list(self._pending)

    def _tell(self, written: Batch) -> None:
        if self.told is not None:
            for record, ack in zip(written.records, written.acks, strict=True):
                self.told(record.draft, ack)

    def _expect_open(self) -> None:
        if self._closed:
            raise StoreError("The store is closed.", mend="Open it again.")

    def _forget(self, drained: int) -> None:
        """After COMMIT: these are in the log."""
        with self._lock:
            for _ in range(drained):
                self._pending.popleft()
            if self._spool is not None and not self._pending and self._spool.size > _KEEP:
                for stream in self._streams.values():
                    stream.forms.clear()
                self._forms = 0
                self._spool.empty()

    def _rouse(self) -> None:
        self._awake = True
        if self._flusher is None or not self._flusher.is_alive():
            self._flusher = threading.Thread(target=_flush_on, args=(weakref.ref(self),), daemon=True)
            self._flusher.name = "govflow-flusher"
            self._flusher.start()
        self._wake.set()

    # -- fork ---------------------------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Hold all locks, so that the child's copy is whole."""
        self._db.hold()
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._lock.release()
        self._db.release()

    def after_fork_in_child(self) -> None:
        """Become another writer: own name, own spool, own connections. What is pending belongs to the parent."""
        if self._spool is not None:
            self._spool.abandon()
        self._db.after_fork()
        self._begin()


def _flush_on(reference: weakref.ref[Writer]) -> None:
    """The flusher: sleeps until something is spooled, lets more gather, brings it to the log."""
    while (writer := reference()) is not None:
        wake, stop, interval = writer._wake, writer._stop, writer._interval
        del writer  # a store that nobody holds any more can go
        if not wake.wait(30.0):
            continue
        stop.wait(interval)
        writer = reference()
        if writer is None:
            return
        wake.clear()
        writer._awake = False
        try:
            writer.flush_own()
            writer._complained = False
        except StoreError as error:
            if not writer._complained:
                _logger.error("records wait in the spool, none is lost: %s", error)
                writer._complained = True
            wake.set()
            stop.wait(_RETRY)
        if stop.is_set():
            return
