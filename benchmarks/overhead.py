"""What governing costs: governed against bare Prefect tasks, in one run, block by block in turn.

A bare flow and a governed one run at the same time in one process, on the same server, with the same body
(``return x + 1``): nothing hides the difference. A block of one is followed by a block of the other, first and second
changing places, and each pair gives one ratio. Three clocks are read: wall time, the CPU of the thread that runs the
flow (for direct calls that is where the task runs), and the CPU of the whole process with its workers. The last one
holds Prefect's background threads, which catch up whenever they get the chance, and the thread that brings govflow's
records into the database. ``GOVFLOW__OVERHEAD=direct,submit`` measures just those ways of calling.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from benchmarks.report import Result, median_with_interval
from benchmarks.server import prefect_server
from benchmarks.turns import Timing


class Shape(NamedTuple):
    """How one way of calling is measured."""

    block: int  # calls
    pairs: int
    warm_up: int  # pairs that are run and not counted
    of_thread: bool = False  # whether its tasks run in the thread of the flow


SHAPES: Final = {
    "direct": Shape(5, 440, 20, of_thread=True),
    "submit": Shape(5, 440, 20),
    "map": Shape(1000, 4, 1),
    "process pool": Shape(20, 20, 3),
}


def run() -> list[Result]:
    """Measure direct calls, submits, a map and a process pool."""
    with prefect_server() as home:
        os.environ.update(
            GOVFLOW_DATABASE_URL=f"sqlite:///{home / 'govflow.db'}", GOVFLOW_MODE="enforce", GOVFLOW_PRINCIPAL="bench"
        )
        from govflow.prefect.runtime import RUNTIME

        results = []
        for how in os.environ.get("GOVFLOW__OVERHEAD", ",".join(SHAPES)).split(","):
            results += _results(how, _measured(how, SHAPES[how]))
        RUNTIME.reload()
        return results


def _measured(how: str, shape: Shape) -> list[tuple[Timing, Timing]]:
    from benchmarks.overhead_flow import FLOWS, TURNS

    numbers = (shape.warm_up + shape.pairs, shape.block)
    threads = [threading.Thread(target=contextvars.copy_context().run, args=(play, *numbers)) for play in FLOWS[how]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(zip(*TURNS[how].timings, strict=True))[shape.warm_up :]


def _results(how: str, pairs: Sequence[tuple[Timing, Timing]]) -> list[Result]:
    wall, thread, process = range(3)
    shape = SHAPES[how]
    tasks = len(pairs) * shape.block
    # A submitted task runs in another thread or process, which the clock of this thread does not see.
    clock, whose = (thread, "thread") if shape.of_thread else (process, "process")

    def ratio(which: int) -> tuple[float, float, float]:
        return median_with_interval([governed[which] / bare[which] for bare, governed in pairs])

    added = median_with_interval([(governed[clock] - bare[clock]) / shape.block * 1e6 for bare, governed in pairs])
    mean = sum(governed[process] - bare[process] for bare, governed in pairs) / tasks * 1e6
    bare_us = median_with_interval([bare[clock] / shape.block * 1e6 for bare, _ in pairs])[0]
    detail = {**_interval(added, tasks), "clock": whose, "bare_task_us": round(bare_us, 1)}
    return [
        Result(f"{how}: governed over bare, wall", ratio(wall)[0], "ratio", 1.01, detail=_interval(ratio(wall), tasks)),
        Result(f"{how}: governed over bare, CPU", ratio(clock)[0], "ratio", detail=_interval(ratio(clock), tasks)),
        Result(f"{how}: CPU added to a task", added[0], "us", 35, detail=detail),
        Result(f"{how}: CPU added to a task, whole process, mean", mean, "us", detail={"tasks_of_each_kind": tasks}),
    ]


def _interval(found: tuple[float, float, float], tasks: int) -> dict[str, Any]:
    return {"low": round(found[1], 4), "high": round(found[2], 4), "tasks_of_each_kind": tasks}
