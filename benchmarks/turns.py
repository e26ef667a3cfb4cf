"""Two flow runs of one process that do their blocks in turn, first and second changing places from pair to pair."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

Timing = tuple[float, float, float]
"""Seconds: wall, CPU of the calling thread, CPU of this process and of those that it started."""


PATIENCE = 600.0  # seconds for one block


class Turns:
    """A baton between a bare run and a governed one; each waits, without using CPU, while the other has it.

    Attributes:
        timings: of the bare run's blocks, and of the governed run's.
    """

    def __init__(self) -> None:
        self.timings: tuple[list[Timing], list[Timing]] = ([], [])
        self._done = 0  # blocks
        self._moved = threading.Condition()

    def __reduce__(self) -> tuple[type[Turns], tuple[()]]:
        """A flow is sent to its pool of processes with all that it names. Nobody takes turns there."""
        return Turns, ()

    @contextmanager
    def bare(self, pair: int) -> Iterator[None]:
        """A block of the bare run: first in even pairs."""
        with self._turn(2 * pair + pair % 2, self.timings[0]):
            yield

    @contextmanager
    def governed(self, pair: int) -> Iterator[None]:
        """A block of the governed run: first in odd pairs."""
        with self._turn(2 * pair + 1 - pair % 2, self.timings[1]):
            yield

    @contextmanager
    def _turn(self, number: int, timings: list[Timing]) -> Iterator[None]:
        with self._moved:
            if not self._moved.wait_for(lambda: self._done == number, timeout=PATIENCE):
                raise TimeoutError("The other run has not come to its end of a block.")
        start = _clocks()
        yield
        end = _clocks()
        timings.append((end[0] - start[0], end[1] - start[1], end[2] - start[2]))
        with self._moved:
            self._done += 1
            self._moved.notify_all()


def _clocks() -> Timing:
    return time.perf_counter(), time.thread_time(), time.process_time() + _children()


def _children() -> float:
    """CPU of the processes that this one has started and that live."""
    import psutil  # type: ignore[import-untyped] # it has none

    taken = 0.0
    for child in psutil.Process().children(recursive=True):
        if child.name().startswith("python"):
            used = child.cpu_times()
            taken += used.user + used.system
    return taken
