"""Sinks take envelopes. The fan-out brings each envelope to every sink, never raises and never waits.

A sink that fails or is slow costs news, not records: the record was acknowledged before. What could not be delivered is
counted, and said once for each sink.
"""

from __future__ import annotations

import atexit
import errno
import logging
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from govflow.events.envelope import Envelope
from govflow.ir.canonical import canonical

QUEUE: Final = 4_096
"""Envelopes that may wait for one slow sink."""

DRAIN: Final = 5.0
"""Seconds that the end of a process waits for envelopes, for all sinks together."""

_logger = logging.getLogger("govflow.events")


class Sink(Protocol):
    """Whatever takes envelopes. It is called from a thread of its own, one envelope at a time, and may raise."""

    def send(self, envelope: Envelope) -> None:
        """Take one envelope."""


class ListSink:
    """Keeps envelopes in memory."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    def send(self, envelope: Envelope) -> None:
        """Keep it."""
        self.envelopes.append(envelope)


class JsonlSink:
    """Appends one line of canonical JSON for each envelope to a file that only this user can read.

    ``sync``: a line is on disk before the next is taken.
    """

    def __init__(self, path: Path, *, sync: bool = False) -> None:
        self._path = path
        self._sync = sync

    def send(self, envelope: Envelope) -> None:
        """Append it; opened anew each time, so that the file may be rotated away.

        Raises:
            OSError: the line is not, or not whole, in the file.
        """
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            line = canonical(envelope.model_dump(mode="json"), envelope.type) + b"\n"
            length = os.fstat(file).st_size
            if length and os.pread(file, 1, length - 1) != b"\n":
                line = b"\n" + line  # what a full disk cut off stays a line of its own
            if os.write(file, line) != len(line):
                raise OSError(errno.ENOSPC, "the line was cut off")
            if self._sync:
                os.fdatasync(file)
        finally:
            os.close(file)


@dataclass(frozen=True, slots=True)
class Route:
    """A sink, and what reaches it: events whose name begins with one of ``prefixes``.

    ``on_high_water`` is called with the sink's figures, in a thread of its own, when ``high_water`` (a share of the
    queue's capacity) is reached; again only after the queue had fallen to half of that.
    """

    sink: Sink
    prefixes: tuple[str, ...] = ("",)
    high_water: float = 0.8
    on_high_water: Callable[[SinkStats], object] | None = None


@dataclass(frozen=True, slots=True)
class SinkStats:
    """What became of the envelopes for one sink, in this process, in numbers of envelopes."""

    sink: str
    delivered: int
    failed: int
    overflowed: int
    waiting: int


class FanOut:
    """Publishes to sinks, each with a queue and a thread of its own; both are made at the first envelope.

    What is published is waited for at the end of the process, for five seconds at most.
    """

    def __init__(self, sinks: Iterable[Sink | Route] = (), *, capacity: int = QUEUE) -> None:
        self._routes = tuple(sink if isinstance(sink, Route) else Route(sink) for sink in sinks)
        self._capacity = capacity
        self._lanes: list[_Lane] = []
        self._pid = 0
        self._lock = threading.Lock()

    def publish(self, envelope: Envelope | None) -> None:
        """Hand an envelope to every sink that wants it; ``None`` is nothing to publish. Never raises, never waits."""
        if envelope is None or not self._routes:
            return
        try:
            for lane in self._open():
                if envelope.type.startswith(lane.route.prefixes):
                    lane.put(envelope)
        except Exception:
            # Not even "cannot start a thread" may reach a run: its record is safe, this is news.
            _logger.exception("event %s could not be published", envelope.type)

    def flush(self, seconds: float = 5.0) -> bool:
        """Wait until everything published is delivered or given up, but not longer; whether it is."""
        deadline = time.monotonic() + seconds
        return all(lane.settled(deadline) for lane in self._own())

    def stats(self) -> tuple[SinkStats, ...]:
        """The figures of each sink since this process first published."""
        return tuple(lane.stats() for lane in self._own())

    @property
    def lost(self) -> int:
        """How many deliveries failed or found a full queue."""
        return sum(stats.failed + stats.overflowed for stats in self.stats())

    def _own(self) -> list[_Lane]:
        """The lanes of this process: after a fork the parent's threads are not here to wait for."""
        return self._lanes if self._pid == os.getpid() else []

    def _open(self) -> list[_Lane]:
        if self._pid != os.getpid():  # at first, and after a fork: the child has the queues but not the threads
            self._lock = threading.Lock() if self._pid else self._lock
            with self._lock:
                if self._pid != os.getpid():
                    self._lanes = [_Lane(route, self._capacity) for route in self._routes]
                    self._pid = os.getpid()
                    _opened.add(self)
        return self._lanes


_opened: weakref.WeakSet[FanOut] = weakref.WeakSet()


@atexit.register
def _drain() -> None:
    deadline = time.monotonic() + DRAIN
    for fan_out in list(_opened):
        fan_out.flush(deadline - time.monotonic())


class _Lane:
    """One sink with its queue."""

    def __init__(self, route: Route, capacity: int) -> None:
        self.route = route
        self._name = type(route.sink).__name__
        self._queue: queue.Queue[Envelope] = queue.Queue(capacity)
        self._mark = max(1, int(capacity * route.high_water))
        self._high = False
        self._said: set[str] = set()
        self._counting = threading.Lock()
        self._delivered = self._failed = self._overflowed = 0
        threading.Thread(target=self._run, daemon=True, name="govflow-events").start()

    def put(self, envelope: Envelope) -> None:
        try:
            self._queue.put_nowait(envelope)
        except queue.Full:
            with self._counting:
                self._overflowed += 1
            self._say("its queue is full", None)
        if self.route.on_high_water is not None and not self._high and self._queue.qsize() >= self._mark:
            self._rise(self.route.on_high_water)

    def stats(self) -> SinkStats:
        with self._counting:
            return SinkStats(self._name, self._delivered, self._failed, self._overflowed, self._queue.qsize())

    def settled(self, deadline: float) -> bool:
        done = self._queue.all_tasks_done
        with done:
            while self._queue.unfinished_tasks:
                left = deadline - time.monotonic()
                if left <= 0 or not done.wait(left):
                    return not self._queue.unfinished_tasks
        return True

    def _run(self) -> None:
        while True:
            self._send(self._queue.get())
            if self._high and self._queue.qsize() <= self._mark // 2:
                self._high = False
            self._queue.task_done()

    def _send(self, envelope: Envelope) -> None:
        try:
            self.route.sink.send(envelope)
            with self._counting:
                self._delivered += 1
        except Exception as error:  # noqa: BLE001  # a sink may raise what it likes; it is counted and said
            with self._counting:
                self._failed += 1
            self._say("it failed", error)

    def _rise(self, tell: Callable[[SinkStats], object]) -> None:
        with self._counting:
            if self._high:
                return
            self._high = True

        def told() -> None:
            try:
                tell(self.stats())
            except Exception as error:  # noqa: BLE001  # the user's own function; it may raise what it likes
                self._say("its high-water function failed", error)

        # Neither the caller nor the sink's thread, which may hang, waits for it.
        threading.Thread(target=told, daemon=True, name="govflow-events-high").start()

    def _say(self, why: str, error: Exception | None) -> None:
        with self._counting:
            first = why not in self._said
            self._said.add(why)
        if first:
            _logger.warning("events do not reach %s: %s", self._name, why, exc_info=error)
