"""The flows that :mod:`benchmarks.overhead` measures. Their tasks do nothing, so that nothing hides what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import prefect
from prefect.task_runners import ProcessPoolTaskRunner

from benchmarks.turns import Turns
from govflow.prefect import flow, task

TURNS = {"direct": Turns(), "submit": Turns(), "map": Turns(), "process pool": Turns()}


def pool() -> Any:
    """Prefect declares the futures of its runners without their results."""
    return ProcessPoolTaskRunner(max_workers=2)


@prefect.task
def bare_task(x: int) -> int:
    return x + 1


@task
def governed_task(x: int) -> int:
    return x + 1


@prefect.flow
def bare_direct(pairs: int, block: int) -> None:
    for pair in range(pairs):
        with TURNS["direct"].bare(pair):
            for x in range(block):
                bare_task(x)


@flow
def governed_direct(pairs: int, block: int) -> None:
    for pair in range(pairs):
        with TURNS["direct"].governed(pair):
            for x in range(block):
                governed_task(x)


@prefect.flow
def bare_submit(pairs: int, block: int) -> None:
    for pair in range(pairs):
        with TURNS["submit"].bare(pair):
            futures = []
            for x in range(block):
                futures.append(bare_task.submit(x))
            wait(futures)


@flow
def governed_submit(pairs: int, block: int) -> None:
    for pair in range(pairs):
        with TURNS["submit"].governed(pair):
            futures = []
            for x in range(block):
                futures.append(governed_task.submit(x))
            wait(futures)


@prefect.flow
def bare_map(pairs: int, block: int) -> None:
    for pair in range(pairs):
        with TURNS["map"].bare(pair):
            wait(bare_task.map(range(block)))


@flow
def governed_map(pairs: int, block: int) -> None:
    for pair in range(pairs):
        with TURNS["map"].governed(pair):
            wait(governed_task.map(range(block)))


@prefect.flow(task_runner=pool())
def bare_pool(pairs: int, block: int) -> None:
    for pair in range(pairs):
        with TURNS["process pool"].bare(pair):
            futures = []
            for x in range(block):
                futures.append(bare_task.submit(x))
            wait(futures)


@flow(task_runner=pool())
def governed_pool(pairs: int, block: int) -> None:
    for pair in range(pairs):
        with TURNS["process pool"].governed(pair):
            futures = []
            for x in range(block):
                futures.append(governed_task.submit(x))
            wait(futures)


def wait(futures: Any) -> None:
    """Until all are done."""
    for future in futures:
        future.result()


FLOWS: dict[str, tuple[Callable[[int, int], object], Callable[[int, int], object]]] = {
    "direct": (bare_direct, governed_direct),
    "submit": (bare_submit, governed_submit),
    "map": (bare_map, governed_map),
    "process pool": (bare_pool, governed_pool),
}
