"""Group commit: threads that each wait for one durable record share a transaction, and its one write to the disk.

All queue. Whoever finds nobody writing writes for everybody who is in the queue by the time that it has the write lock,
wakes them, and wakes one of those who came later to be the next. So a lone thread waits for nobody, and many wait for
about two writes, however many they are.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from govflow.audit.record import Ack
from govflow.errors import StoreError
from govflow.store.new_records import Unnumbered

MOST: Final = 1_024
"""Records of one shared transaction."""
PATIENCE: Final = 0.5
"""Seconds until a thread looks again though nobody roused it: whoever should have was interrupted."""

_logger = logging.getLogger("govflow.store")


class _Batch(Protocol):
    @property
    def acks(self) -> Sequence[Ack]: ...  # known right before COMMIT: without them nothing happened

    @property
    def committed(self) -> bool: ...

    def add(self, record: Unnumbered) -> None: ...


class Waiting:
    """One record, and what became of it: neither ``ack`` nor ``error`` as long as it waits. A thread waits for it."""

    __slots__ = ("ack", "error", "record", "roused", "tried")

    def __init__(self, record: Unnumbered) -> None:
        self.record = record
        self.ack: Ack | None = None
        self.error: Exception | None = None
        self.tried = False  # true from the moment that it may be in the log: it is not written again
        self.roused = threading.Lock()  # the cheapest thing to wait for
        self.roused.acquire()

    @property
    def waits(self) -> bool:
        """Whether nothing has become of it yet."""
        return self.ack is None and self.error is None

    def rouse(self) -> None:
        """Have whoever waits for it look."""
        try:  # noqa: SIM105 - suppress() would cost more than all else here
            self.roused.release()
        except RuntimeError:
            pass  # it was roused before


class GroupCommit:
    """Of one writer."""

    def __init__(self, write: Callable[[Callable[[_Batch], None]], None]) -> None:
        """Write through ``write``: it has a batch filled when it may write, and writes that durably."""
        self._write_batch = write
        self._queue: deque[Waiting] = deque()
        self._writing = threading.Lock()

    def append(self, record: Unnumbered) -> Ack:
        """Write a record; back when it is written.

        Raises:
            StoreError: the database refused.
        """
        mine = Waiting(record)
        self.queue(mine)  # before the look at the lock: whoever writes looks at the queue after giving it back
        try:
            while mine.waits and not self._written_now(mine):
                mine.roused.acquire(timeout=PATIENCE)
        except BaseException:
            self.leave(mine)
            raise
        if mine.error is not None:
            raise mine.error
        assert mine.ack is not None
        return mine.ack

    def _written_now(self, mine: Waiting) -> bool:
        """Whether nobody else writes, and so it was written here, or at least tried."""
        if not self._writing.acquire(blocking=False):
            return False
        try:
            if mine.waits:
                self._write_all(mine)
        finally:
            self._writing.release()
            self._rouse_next()
        return True

    def queue(self, one: Waiting) -> None:
        """Have somebody write it: whoever writes next."""
        self._queue.append(one)

    def queue_again(self, waiting: Sequence[Waiting]) -> None:
        """Put back those who wait and are in nobody's hands: whoever took them out was interrupted right then."""
        if self._writing.acquire(blocking=False):
            try:
                self._queue.extend(one for one in waiting if one.waits and one not in self._queue)
            finally:
                self._writing.release()

    def leave(self, one: Waiting) -> None:
        """Nobody waits for it any more."""
        self._unqueue(one)
        self._rouse_next()

    def write_queued(self) -> None:
        """Write until the queue is empty, or somebody else writes, who will rouse the next."""
        while self._queue and self._writing.acquire(blocking=False):
            try:
                with suppress(IndexError):
                    self._write_all(self._queue[0])
            finally:
                self._writing.release()

    def _rouse_next(self) -> None:
        if self._queue:
            with suppress(IndexError):
                self._queue[0].rouse()

    def _unqueue(self, one: Waiting) -> None:
        if self._queue:
            with suppress(ValueError):  # it never was in it, or somebody took it out
                self._queue.remove(one)

    def _write_all(self, mine: Waiting) -> None:
        """Write for all who wait for the same log as ``mine``."""
        taken = [mine]
        try:
            if not mine.tried:  # else whoever wrote it was interrupted again before he could say so
                self._write(taken, mine)
        except StoreError as error:
            for one in taken:
                if one.waits:
                    one.error = _again(error)
        except Exception as error:
            failed = [one for one in taken if not one.tried]
            if not failed:
                _logger.exception("writing failed at COMMIT or after it")
            elif len(failed) == 1:
                mine.error = error
            else:  # nothing happened: one of them was no record, and only that one is to fail
                for one in failed:
                    self._write_alone(one)
        finally:
            self._unqueue(mine)  # the write lock was not had
            for one in taken:
                if one.waits and (one.tried or one is mine):
                    one.error = StoreError("Writing was interrupted: whether the record is in the log is not known.")
                elif one.waits:
                    self._queue.append(one)  # for somebody else to write
                one.rouse()

    def _write(self, taken: list[Waiting], mine: Waiting | None = None) -> None:
        """Write what is taken, and with ``mine`` all that can be taken with it.

        Whatever is raised, and whenever: what is committed has its ack afterwards, and what may be is ``tried``.
        """
        entered: list[_Batch] = []

        def fill(batch: _Batch) -> None:
            entered.append(batch)
            if mine is not None:
                self._take(mine, taken)  # only now: more came while this thread waited for the write lock
            for one in taken:
                one.tried = True
                batch.add(one.record)

        try:
            self._write_batch(fill)
        finally:
            for batch in entered:
                if batch.committed:
                    for one, ack in zip(taken, batch.acks, strict=True):
                        one.ack = ack
                elif not batch.acks:
                    for one in taken:
                        one.tried = False

    def _write_alone(self, one: Waiting) -> None:
        try:
            self._write([one])
        except Exception as error:  # noqa: BLE001 - it is raised in the thread whose record it is
            if one.waits:
                one.error = error

    def _take(self, mine: Waiting, taken: list[Waiting]) -> None:
        """Move those of the log of ``mine`` from the queue: a log that is broken fails no other."""
        self._unqueue(mine)
        for _ in range(len(self._queue)):
            one = self._queue.popleft()
            fits = one.record.draft.tenant == mine.record.draft.tenant and len(taken) < MOST and not one.tried
            (taken if fits else self._queue).append(one)


def _again(error: StoreError) -> StoreError:
    """The same error for another thread: a traceback belongs to one."""
    same = type(error)(error.message, mend=error.mend, details=error.details)
    same.__cause__ = error
    return same
