"""One shape for every benchmark: what was measured, in which unit, against which goal, how sure it is."""

from __future__ import annotations

import os
import platform
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

ROUNDS = 2000  # of the bootstrap


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. ``goal`` is a number that ``value`` is at most, or at least when ``at_least``."""

    metric: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = False
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool | None:
        """Whether the goal is reached; None when there is none."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def as_json(self) -> dict[str, Any]:
        """As one object of the report."""
        known = asdict(self)
        known.pop("at_least")
        return {**known, "value": round(self.value, 4), "ok": self.ok}


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "prefect": _version("prefect"),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def report(name: str, results: Sequence[Result]) -> dict[str, Any]:
    """The JSON document of one benchmark; a line for people for each figure goes to stderr."""
    for result in results:
        mark = {True: "reached", False: "MISSED", None: "-"}[result.ok]
        goal = "" if result.goal is None else f" (goal {'>=' if result.at_least else '<='} {result.goal:g}: {mark})"
        print(f"{name}: {result.metric}: {result.value:.4g} {result.unit}{goal}", file=sys.stderr)
    return {"name": name, "machine": machine(), "results": [result.as_json() for result in results]}


def median_with_interval(values: Sequence[float], seed: int = 1) -> tuple[float, float, float]:
    """The median and its 95 % bootstrap interval."""
    generator = random.Random(seed)
    medians = sorted(statistics.median(generator.choices(values, k=len(values))) for _ in range(ROUNDS))
    return statistics.median(values), medians[int(ROUNDS * 0.025)], medians[int(ROUNDS * 0.975)]
