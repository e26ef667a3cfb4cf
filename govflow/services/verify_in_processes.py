"""Checking the spans of a log in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeVar

from govflow.audit.spans import Span

_Part = TypeVar("_Part")
_Check = Callable[[_Part], Span | None]


def cores() -> int:
    """How many processes may run at once on this machine, as far as it lets us know."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(
    check: Callable[[_Part], Span | None], jobs: int
) -> Callable[[Sequence[_Part]], Generator[Span | None]]:
    """A checker of parts that hands them to ``jobs`` processes and gives the spans in the order of the parts.

    Where it is left early, as by Ctrl-C, no part is begun any more. Where a process was killed, the rest is not
    checked: that is told as a span in which something is wrong, and whoever reads record by record goes on.

    Args:
        check: a function of a module, or a ``partial`` of one.
        jobs: at least 1.
    """
    return partial(_spans, check, jobs)


def _spans(check: _Check[_Part], jobs: int, parts: Sequence[_Part]) -> Generator[Span | None]:
    # Not forked: this process may have threads and open connections.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_interrupts_to_the_parent)
    try:
        yield from pool.map(check, parts)
    except BrokenProcessPool:
        yield None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    """Ctrl-C goes to every process of the terminal; the parent ends the others, and one trace is enough."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
