"""The flow that :mod:`benchmarks.overhead` measures. Its tasks do nothing, so that nothing hides what they cost."""

from __future__ import annotations

import prefect

from benchmarks.overhead import Timing, clocks, since
from govflow.prefect import flow, task


@prefect.task
def bare(x: int) -> int:
    return x + 1


@task
def governed(x: int) -> int:
    return x + 1


def bare_direct(count: int) -> Timing:
    start = clocks()
    for x in range(count):
        bare(x)
    return since(start)


def governed_direct(count: int) -> Timing:
    start = clocks()
    for x in range(count):
        governed(x)
    return since(start)


def bare_submit(count: int) -> Timing:
    start = clocks()
    for future in [bare.submit(x) for x in range(count)]:
        future.result()
    return since(start)


def governed_submit(count: int) -> Timing:
    start = clocks()
    for future in [governed.submit(x) for x in range(count)]:
        future.result()
    return since(start)


@flow
def direct(pairs: int, block: int) -> list[tuple[Timing, Timing]]:
    """Direct calls: for each pair the time of the bare block and of the governed one."""
    found = []
    for pair in range(pairs):
        if pair % 2:
            second = governed_direct(block)
            first = bare_direct(block)
        else:
            first = bare_direct(block)
            second = governed_direct(block)
        found.append((first, second))
    return found


@flow
def submit(pairs: int, block: int) -> list[tuple[Timing, Timing]]:
    """Submitted calls, as :func:`direct`."""
    found = []
    for pair in range(pairs):
        if pair % 2:
            second = governed_submit(block)
            first = bare_submit(block)
        else:
            first = bare_submit(block)
            second = governed_submit(block)
        found.append((first, second))
    return found
