"""What governing costs: governed against bare Prefect tasks, in one run, block by block in turn.

Both kinds run in the same governed flow, on the same server, with the same body (``return x + 1``): nothing hides the
difference. A block of one kind is followed by a block of the other, first and second changing places, and each pair
gives one ratio. Three clocks are read: wall time, the CPU of the thread that runs the flow (for direct calls that is
where the task runs), and the CPU of the whole process. The last one holds Prefect's background threads, which catch up
whenever they get the chance, and the thread that brings govflow's records into the database.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.report import Result, median_with_interval
from benchmarks.server import prefect_server

BLOCK = 20
PAIRS = 110  # 2,200 tasks of each kind
WARM_UP = 5  # pairs that are run and not counted

Timing = tuple[float, float, float]  # seconds: wall, CPU of this thread, CPU of the process


def run() -> list[Result]:
    """Measure direct calls and submits."""
    with prefect_server() as home:
        os.environ.update(
            GOVFLOW_DATABASE_URL=f"sqlite:///{home / 'govflow.db'}", GOVFLOW_MODE="enforce", GOVFLOW_PRINCIPAL="bench"
        )
        from benchmarks.overhead_flow import direct, submit
        from govflow.prefect.runtime import RUNTIME

        results = []
        for how, measured in (("direct", direct), ("submit", submit)):
            pairs = measured(WARM_UP + PAIRS, BLOCK)[WARM_UP:]
            results += _results(how, pairs)
        RUNTIME.reload()
        return results


def clocks() -> Timing:
    """The three clocks."""
    return time.perf_counter(), time.thread_time(), time.process_time()


def since(start: Timing) -> Timing:
    """What has passed on each."""
    now = clocks()
    return now[0] - start[0], now[1] - start[1], now[2] - start[2]


def _results(how: str, pairs: Sequence[tuple[Timing, Timing]]) -> list[Result]:
    wall, thread, process = range(3)
    tasks = len(pairs) * BLOCK
    # A submitted task runs in a thread of its own, which the clock of this thread does not see.
    clock, whose = (thread, "thread") if how == "direct" else (process, "process")

    def ratio(which: int) -> tuple[float, float, float]:
        return median_with_interval([governed[which] / bare[which] for bare, governed in pairs])

    added = median_with_interval([(governed[clock] - bare[clock]) / BLOCK * 1e6 for bare, governed in pairs])
    mean = sum(governed[process] - bare[process] for bare, governed in pairs) / tasks * 1e6
    bare_us = median_with_interval([bare[clock] / BLOCK * 1e6 for bare, _ in pairs])[0]
    detail = {**_interval(added, tasks), "clock": whose, "bare_task_us": round(bare_us, 1)}
    return [
        Result(f"{how}: governed over bare, wall", ratio(wall)[0], "ratio", 1.01, detail=_interval(ratio(wall), tasks)),
        Result(f"{how}: governed over bare, CPU", ratio(clock)[0], "ratio", detail=_interval(ratio(clock), tasks)),
        Result(f"{how}: CPU added to a task", added[0], "us", 35, detail=detail),
        Result(f"{how}: CPU added to a task, whole process, mean", mean, "us", detail={"tasks_of_each_kind": tasks}),
    ]


def _interval(found: tuple[float, float, float], tasks: int) -> dict[str, Any]:
    return {"low": round(found[1], 4), "high": round(found[2], 4), "tasks_of_each_kind": tasks}
