"""Group commit for coroutines: they wait for durable records in their event loop, and a thread writes for all of them.

The thread lives as long as there is something to write. It shares its queue with the threads that wait
(:mod:`govflow.store.group_commit`): whoever writes, writes for both kinds. An event loop is told once for all that a
transaction has written, not once for each.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress

from govflow.audit.record import Ack
from govflow.store.group_commit import PATIENCE, GroupCommit, Waiting
from govflow.store.new_records import Unnumbered


class _Awaited(Waiting):
    """A record that a coroutine waits for."""

    __slots__ = ("_bridge", "_scribe", "future")

    def __init__(self, record: Unnumbered, bridge: _Bridge, scribe: AwaitedCommit) -> None:
        self.record = record  # all but the lock, which is for threads
        self.ack = self.error = None
        self.tried = False
        self._bridge = bridge
        self._scribe = scribe
        self.future: asyncio.Future[Ack] = bridge.loop.create_future()

    def rouse(self) -> None:
        """Tell the loop what became of it; while it waits still, have it written."""
        if self.waits:
            self._scribe.write_soon()
        else:
            self._bridge.tell(self)

    def resolve(self) -> None:
        """In its loop."""
        if self.future.done():
            return  # cancelled
        if self.error is not None:
            self.future.set_exception(self.error)
        elif self.ack is not None:
            self.future.set_result(self.ack)


class _Bridge:
    """What other threads have to say to an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._told: deque[_Awaited] = deque()
        self._called = False

    def tell(self, one: _Awaited) -> None:
        self._told.append(one)
        if not self._called:
            self._called = True
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        self._called = False  # first: what comes after the last look calls anew
        while self._told:
            self._told.popleft().resolve()


class AwaitedCommit:
    """Of one writer."""

    def __init__(self, together: GroupCommit) -> None:
        """Write what is waited for in ``together``."""
        self._together = together
        self._bridge: _Bridge | None = None  # to the loop that was the last to ask: there is one, mostly
        self._open: set[_Awaited] = set()
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._thread: threading.Thread | None = None

    async def append(self, record: Unnumbered) -> Ack:
        """Write a record; back when it is written. One that is cancelled may be written all the same.

        Raises:
            StoreError: the database refused.
        """
        loop = asyncio.get_running_loop()
        bridge = self._bridge
        if bridge is None or bridge.loop is not loop:
            bridge = self._bridge = _Bridge(loop)
        mine = _Awaited(record, bridge, self)
        self._open.add(mine)
        self._together.queue(mine)
        self.write_soon()
        try:
            return await mine.future
        except asyncio.CancelledError:
            self._together.leave(mine)
            raise
        finally:
            self._open.discard(mine)

    def write_soon(self) -> None:
        """Have the thread look at the queue."""
        if self._some.is_set():
            return  # it has not begun to look since somebody said so
        with self._lock:
            self._some.set()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._write_on, name="govflow-committer", daemon=True)
                self._thread.start()

    def _write_on(self) -> None:
        while True:
            self._some.clear()
            self._together.write_queued()
            if self._some.wait(PATIENCE):
                continue
            with self._lock:
                if not self._open and not self._some.is_set():
                    self._thread = None
                    return
            self._together.queue_again(list(self._open))
