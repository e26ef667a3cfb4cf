"""Sinks take envelopes. The fan-out brings each envelope to every sink, never raises and never waits.

A sink that fails or is slow costs news, not records: the record was acknowledged before. What could not be delivered is
counted, and said once for each sink.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from govflow.events.envelope import Envelope

QUEUE: Final = 4_096
"""Envelopes that may wait for one slow sink."""

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
    """Appends one line of JSON for each envelope to a file that only this user can read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, envelope: Envelope) -> None:
        """Append it; opened anew each time, so that the file may be rotated away."""
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, envelope.model_dump_json().encode() + b"\n")
        finally:
            os.close(file)


class FanOut:
    """Publishes to sinks, each with a queue and a thread of its own; both are made at the first envelope."""

    def __init__(self, sinks: Iterable[Sink] = (), *, capacity: int = QUEUE) -> None:
        self._sinks = tuple(sinks)
        self._capacity = capacity
        self._lanes: list[_Lane] = []
        self._pid = 0
        self._lock = threading.Lock()

    def publish(self, envelope: Envelope | None) -> None:
        """Hand an envelope to every sink; ``None`` is nothing to publish. Never raises, never waits for a sink."""
        if envelope is None or not self._sinks:
            return
        try:
            for lane in self._open():
                lane.put(envelope)
        except Exception:
            # Not even "cannot start a thread" may reach a run: its record is safe, this is news.
            _logger.exception("event %s could not be published", envelope.type)

    def flush(self, seconds: float = 5.0) -> bool:
        """Wait until everything published is delivered or given up, but not longer; whether it is."""
        deadline = time.monotonic() + seconds
        return all(lane.settled(deadline) for lane in self._lanes)

    @property
    def lost(self) -> int:
        """How many deliveries failed or found a full queue."""
        return sum(lane.lost for lane in self._lanes)

    def _open(self) -> list[_Lane]:
        if self._pid != os.getpid():  # at first, and after a fork: the child has the queues but not the threads
            self._lock = threading.Lock() if self._pid else self._lock
            with self._lock:
                if self._pid != os.getpid():
                    self._lanes = [_Lane(sink, self._capacity) for sink in self._sinks]
                    self._pid = os.getpid()
        return self._lanes


class _Lane:
    """One sink with its queue."""

    def __init__(self, sink: Sink, capacity: int) -> None:
        self._sink = sink
        self._queue: queue.Queue[Envelope] = queue.Queue(capacity)
        self._said: set[str] = set()
        self._counting = threading.Lock()
        self.lost = 0
        threading.Thread(target=self._run, daemon=True, name="govflow-events").start()

    def put(self, envelope: Envelope) -> None:
        try:
            self._queue.put_nowait(envelope)
        except queue.Full:
            self._lose("its queue is full", None)

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
            envelope = self._queue.get()
            try:
                self._sink.send(envelope)
            except Exception as error:  # noqa: BLE001  # a sink may raise what it likes; it is counted and said
                self._lose("it failed", error)
            finally:
                self._queue.task_done()

    def _lose(self, why: str, error: Exception | None) -> None:
        with self._counting:
            self.lost += 1
            first = why not in self._said
            self._said.add(why)
        if first:
            _logger.warning("events do not reach %s: %s", type(self._sink).__name__, why, exc_info=error)
