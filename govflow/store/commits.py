"""Bringing records to the log in transactions: each is behind all that the process spooled before, and has its place.

Where the database can do it, records that nothing else is written with go in one statement that commits by itself. It
holds if the log ends where this process left it and nobody else writes right now; else a transaction is begun, which
waits for the write lock and looks. While others write as well that is done at once: the statement would fail mostly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection

from govflow.audit.record import Ack, Draft
from govflow.store import log, placing
from govflow.store.engine import Database
from govflow.store.lines import Sparse, made_whole
from govflow.store.log import Appended
from govflow.store.new_records import Unnumbered, numbered, unnumbered
from govflow.store.placing import End, Pending


class Batch:
    """Records that are written together, or not at all."""

    def __init__(self) -> None:
        self.records: list[Unnumbered] = []
        self.acks: list[Ack] = []
        """One for each record, in order: there as long as they may be in the log, and true once ``committed``."""
        self.committed = False
        """Whether they are in the log, whatever is raised afterwards."""

    def add(self, record: Unnumbered) -> None:
        """Write a record with the others."""
        self.records.append(record)


class Transaction(Batch):
    """A write transaction: ``connection`` for statements, :meth:`record` for what the log says of them."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection

    def record(self, draft: Draft) -> None:
        """Append a record to the log when, and only if, the transaction commits.

        Raises as :func:`govflow.store.new_records.unnumbered` does.
        """
        self.add(unnumbered(draft))


class _Stream:
    """Numbers the records of transactions in one tenant's log."""

    __slots__ = ("as_json", "name", "next")

    def __init__(self, name: str) -> None:
        self.name = name
        self.as_json = orjson.dumps(name)
        self.next = 0


@dataclass(frozen=True, slots=True)
class Spooled:
    """What a writer has spooled, as far as its commits are concerned."""

    waiting: Callable[[], Sequence[Pending | Sparse]]
    """All that is not in the log yet, oldest first."""
    forget: Callable[[int], None]
    """Called after COMMIT: so many of them are in the log."""
    new_stream: Callable[[], str]
    """The name of another stream for the records of transactions."""


class Commits:
    """Of one writer."""

    def __init__(self, db: Database, spooled: Spooled) -> None:
        """Write to ``db``, behind what is ``spooled``."""
        self._db = db
        self._spooled = spooled
        self._streams: dict[str, _Stream] = {}
        self._ends: dict[str, End] = {}
        """Where this process left a log, with nothing in it of what is spooled."""
        self._alone: dict[str, End] = {}
        """The same, of logs to which nobody else seems to write: to try these first is to be right, mostly."""

    @contextmanager
    def transaction(self, durable: bool) -> Iterator[Transaction]:
        """See :meth:`govflow.store.writer.Writer.transaction`."""
        entered: list[Transaction] = []
        with self._written(entered, lambda: self._numbered(entered[0].records), durable) as connection:
            entered.append(Transaction(connection))
            yield entered[0]

    def batch(self, fill: Callable[[Batch], None]) -> Batch:
        """Write durable records and nothing else, with a transaction or without.

        Args:
            fill: adds them, when all that keeps this thread from writing is behind it.

        Raises:
            StoreError: the database refused; :attr:`Batch.acks` are there if they may be in the log all the same.
        """
        batch = Batch()
        if not (self._db.at_once and self._alone):  # others write, so the lock is waited for: more is added meanwhile
            with self._written([batch], lambda: self._numbered(batch.records), durable=True):
                fill(batch)
            return batch
        self._db.hold()
        try:
            fill(batch)
            try:
                mine = self._numbered(batch.records)
                if not self._at_once(batch, mine):
                    with self._written([batch], lambda: mine, durable=True):
                        pass
            except BaseException:
                self._begin_anew()
                raise
        finally:
            self._db.release()
        return batch

    # -- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _written(
        self, batches: Sequence[Batch], numbered: Callable[[], list[Pending]], durable: bool
    ) -> Iterator[Connection]:
        """A transaction that writes the only one of ``batches`` at its end: it may be put in meanwhile."""
        drained = 0
        sequenced = False
        appended: dict[str, Appended] = {}

        def before_commit() -> None:
            nonlocal drained, sequenced, appended
            batch = batches[0]
            waiting = self._spooled.waiting()
            drained = len(waiting)
            spooled = [one if isinstance(one, Pending) else made_whole(one) for one in waiting]
            sequenced = True
            mine = numbered()
            if batch.acks:  # they may be in the log, or not: nobody else writes now
                places = log.places_of(self._db, mine)
                batch.acks = [] if places is None else _acks(mine, places, durable)
            new = [] if batch.acks else mine
            appended = log.sequence(self._db, spooled, new, self._alone)
            if new:
                batch.acks = _acks(mine, _places(mine, appended), durable)

        def done() -> None:
            batches[0].committed = True
            self._spooled.forget(drained)
            for tenant, (end, records) in appended.items():
                self._left(tenant, end, self._ends.get(tenant), end.size - records)

        try:
            with self._db.transaction(durable=durable, commit=before_commit, done=done) as connection:
                yield connection
        except BaseException:
            if sequenced:
                self._begin_anew()
            raise

    def _at_once(self, batch: Batch, mine: list[Pending]) -> bool:
        """Write a batch in one statement; whether it is written, which is not known if it has acks afterwards."""
        waiting = self._spooled.waiting()
        tenants = {record.tenant for record in mine}
        tenants.update(one.tenant if isinstance(one, Pending) else one[0].draft.tenant for one in waiting)
        if len(tenants) != 1:
            return False
        [tenant] = tenants
        end = self._alone.get(tenant)
        if end is None:
            return False
        records = [*(one if isinstance(one, Pending) else made_whole(one) for one in waiting), *mine]
        rows, new = placing.place(end, records)
        batch.acks = _acks(mine, range(new.size - len(mine), new.size), durable=True)
        try:
            written = self._db.append_at_once(tenant, end, new, rows, placing.value_rows(records))
        except Exception:  # noqa: BLE001 - what it was shows again in the transaction that follows, if it lasts
            return False
        if not written:
            batch.acks = []
            self._alone.pop(tenant, None)
            return False
        batch.committed = True
        self._spooled.forget(len(waiting))
        self._left(tenant, new, end, end.size)
        return True

    def _left(self, tenant: str, end: End, left: End | None, found: int) -> None:
        """Keep where a log ends now; it was left at one end, and had so many records when this process came back."""
        self._ends[tenant] = end
        if left is None or left.size == found:
            self._alone[tenant] = end
        else:
            self._alone.pop(tenant, None)

    def _begin_anew(self) -> None:
        """After a failure: COMMIT may have worked before, so the last numbers may be taken, or not."""
        self._streams.clear()
        self._ends.clear()
        self._alone.clear()

    def _numbered(self, records: Sequence[Unnumbered]) -> list[Pending]:
        """Records of a transaction, with the next numbers of its streams."""
        made = []
        for record in records:
            tenant = record.draft.tenant
            stream = self._streams.get(tenant)
            if stream is None:
                stream = self._streams[tenant] = _Stream(self._spooled.new_stream())
            made.append(numbered(record, stream.name, stream.as_json, stream.next))
            stream.next += 1
        return made


def _acks(records: Sequence[Pending], places: Sequence[int], durable: bool) -> list[Ack]:
    return [Ack(one.writer, one.writer_seq, durable, at) for one, at in zip(records, places, strict=True)]


def _places(records: Sequence[Pending], appended: Mapping[str, Appended]) -> Sequence[int]:
    """The places of records that are the last of their logs."""
    if len(appended) == 1:
        [(end, _)] = appended.values()
        return range(end.size - len(records), end.size)
    left = Counter(record.tenant for record in records)
    places = []
    for record in records:
        places.append(appended[record.tenant].end.size - left[record.tenant])
        left[record.tenant] -= 1
    return places
