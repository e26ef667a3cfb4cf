"""What governing costs: governed against bare Prefect tasks, in one run, block by block in turn.

Both kinds run in the same governed flow, on the same server, with the same body (``return x + 1``): nothing hides the
difference. A block of one kind is followed by a block of the other, first and second changing places, and each pair
gives one ratio. Wall time and the CPU of the whole process (all threads, the spool's flusher included) are taken.
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

Timing = tuple[float, float]  # wall seconds, CPU seconds


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
    """Wall and CPU clock of this process."""
    return time.perf_counter(), time.process_time()


def since(start: Timing) -> Timing:
    """What has passed on both clocks."""
    return time.perf_counter() - start[0], time.process_time() - start[1]


def _results(how: str, pairs: Sequence[tuple[Timing, Timing]]) -> list[Result]:
    wall = median_with_interval([governed[0] / bare[0] for bare, governed in pairs])
    cpu = median_with_interval([governed[1] / bare[1] for bare, governed in pairs])
    added = median_with_interval([(governed[1] - bare[1]) / BLOCK * 1e6 for bare, governed in pairs])
    bare_cpu = median_with_interval([bare[1] / BLOCK * 1e6 for bare, _ in pairs])
    tasks = len(pairs) * BLOCK
    return [
        Result(f"{how}: governed over bare, wall", wall[0], "ratio", 1.01, detail=_interval(wall, tasks)),
        Result(f"{how}: governed over bare, CPU", cpu[0], "ratio", None, detail=_interval(cpu, tasks)),
        Result(
            f"{how}: CPU added to a task",
            added[0],
            "us",
            35,
            detail={**_interval(added, tasks), "bare_task_us": round(bare_cpu[0], 1)},
        ),
    ]


def _interval(found: tuple[float, float, float], tasks: int) -> dict[str, Any]:
    return {"low": round(found[1], 4), "high": round(found[2], 4), "tasks_of_each_kind": tasks}
