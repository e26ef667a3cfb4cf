"""What reading source costs: a scan of a repository, a very large flow, a check of a small repository.

Each measurement is CPU time of a process of its own, after its imports: a fork of one that has imported everything and
done nothing else. Sizes take turns round by round, so that a busy machine meets all of them alike; figures are medians.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.generated import large_flow
from benchmarks.generated_project import project, ring
from benchmarks.report import Result, median_with_interval

ROUNDS = 7
SIZES = (75, 150, 300)  # flow files
SELDOM = 300  # takes as long as all others together: measured in every other round
CHAINS = (100, 200)  # files, each of which imports the next
SMALL = 5
STEPS = 10_000


def run() -> list[Result]:
    """Measure."""
    with tempfile.TemporaryDirectory(prefix="govflow-bench-") as folder:
        root = Path(folder)
        for size in (SMALL, *SIZES):
            project(root / f"project-{size}", size)
        for size in CHAINS:
            ring(root / f"chain-{size}", size)
        (root / "before.py").write_text(large_flow(STEPS))
        (root / "after.py").write_text(large_flow(STEPS, changed=STEPS // 2))
        with _Task(root) as task:
            task.measure(root / f"project-{SMALL}", "command", "lock", "flows")
            rounds = [
                _round(task, root, [size for size in SIZES if size != SELDOM or number % 2 == 0])
                for number in range(ROUNDS)
            ]
    return [*_scans(rounds), *_large(rounds), *_checks(rounds), _loop(rounds)]


def _round(task: _Task, root: Path, sizes: Sequence[int]) -> dict[str, dict[str, float]]:
    """Each thing once."""
    found = {
        f"scan {size}": task.measure(root / f"project-{size}", "command", "scan", ".", "--format", "json")
        for size in sizes
    }
    for size in CHAINS:
        found[f"chain {size}"] = task.measure(root / f"chain-{size}", "command", "scan", ".", "--format", "json")
    found["large"] = task.measure(root, "large", str(root / "before.py"), str(root / "after.py"))
    found["check"] = task.measure(root / f"project-{SMALL}", "command", "check", "flows")
    return found


class _Task:
    """The process whose forks measure."""

    def __init__(self, root: Path) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "HOME": str(root / "home"),
            "GOVFLOW_DATABASE_URL": f"sqlite:///{root}/gov.db",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.planner_task", "serve"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> _Task:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()

    def measure(self, folder: Path, *words: str) -> dict[str, float]:
        """One measurement, in a folder."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(folder), *words]) + "\n")
        self._process.stdin.flush()
        measured: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in measured or measured.get("code", 0) not in (0, 1):
            raise RuntimeError(f"{' '.join(words)}: {measured.get('error', measured)}")
        return measured


def _scans(rounds: list[dict[str, dict[str, float]]]) -> list[Result]:
    results = []
    for size in SIZES:
        values = [found[f"scan {size}"]["cpu"] for found in rounds if f"scan {size}" in found]
        goal = 2.0 if size == 150 else None
        results.append(_result(f"scan of {size} flow files, CPU", values, "s", goal))
    for size, twice in ((75, 150), (150, 300)):
        both = [found for found in rounds if f"scan {twice}" in found]
        values = [found[f"scan {twice}"]["cpu"] / found[f"scan {size}"]["cpu"] for found in both]
        results.append(_result(f"scan: {twice} over {size} flow files", values, "ratio", 2.2))
    small, large = CHAINS
    values = [found[f"chain {large}"]["cpu"] / found[f"chain {small}"]["cpu"] for found in rounds]
    results.append(_result(f"scan: {large} over {small} files that import one another", values, "ratio", 2.2))
    return results


def _large(rounds: list[dict[str, dict[str, float]]]) -> list[Result]:
    def values(key: str) -> list[float]:
        return [found["large"][key] for found in rounds]

    return [
        _result(f"plan, hash and diff of {STEPS:,} steps, CPU", values("cpu"), "s", 1.0),
        *(_result(f"of it: {key}", values(key), "s") for key in ("plan", "hash", "diff")),
        _result(f"unchanged plan of {STEPS:,} steps, CPU", [value * 1000 for value in values("unchanged")], "ms", 10.0),
    ]


def _checks(rounds: list[dict[str, dict[str, float]]]) -> list[Result]:
    values = [found["check"]["cpu"] for found in rounds]
    return [_result(f"check of {SMALL} flow files, CPU", values, "s", 0.3)]


def _loop(rounds: list[dict[str, dict[str, float]]]) -> Result:
    """How fast this machine was meanwhile: no goal, but what the other figures are read against."""
    values = [found["loop"] for one in rounds for found in one.values()]
    return _result("for comparison: two million additions, CPU", values, "s")


def _result(metric: str, values: list[float], unit: str, goal: float | None = None) -> Result:
    middle, low, high = median_with_interval(values)
    detail: dict[str, Any] = {"low": round(low, 4), "high": round(high, 4), "rounds": len(values)}
    return Result(metric, middle, unit, goal, detail=detail)
