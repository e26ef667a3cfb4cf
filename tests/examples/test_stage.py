"""The demo's stage ends what it started, however it ends, and shows nobody's settings to its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "01_flights"

CHILD = "import subprocess; sleep = subprocess.Popen(['sleep', '600']); print(sleep.pid, flush=True); sleep.wait()"
SCRIPT = f"""
import os, sys, time
from stage import Stage
with Stage() as stage:
    child = stage.spawn([sys.executable, "-c", {CHILD!r}], "child.log")
    while not (grandchild := (stage.home / "child.log").read_text().strip()):
        time.sleep(0.05)
    print(child.pid, grandchild, stage.home, flush=True)
    END
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z" if Path("/proc").is_dir() else True


@contextmanager
def play(end: str) -> Iterator[tuple[subprocess.Popen[str], list[int], Path]]:
    """A stage in a process of its own, with a child and a grandchild; ``end`` is what it does then."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("END", end)],
        env={**os.environ, "PYTHONPATH": str(EXAMPLE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        child, grandchild, home = process.stdout.readline().split()
        yield process, [int(child), int(grandchild)], Path(home)


def gone(pids: list[int]) -> bool:
    """Whether the processes end in good time: the last of them is reaped by init."""
    until = time.monotonic() + 240
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(map(alive, pids))


@pytest.mark.parametrize("end", ["pass", "raise RuntimeError", "sys.exit(3)"])
def test_nothing_is_left_when_the_stage_ends(end: str) -> None:
    with play(end) as (process, pids, home):
        process.wait(240)
    assert gone(pids)
    assert not home.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_when_a_signal_ends_it(number: signal.Signals) -> None:
    with play("time.sleep(600)") as (process, pids, home):
        assert all(map(alive, pids))
        process.send_signal(number)
        assert process.wait(240) != 0
    assert gone(pids)
    assert not home.exists()


def test_children_see_no_settings_of_the_person_who_runs_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", "postgresql://production/log")
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example/api")
    from stage import Stage

    with Stage() as stage:
        assert not [name for name in stage.environment if name.startswith("GOVFLOW_")]
        assert "PREFECT_API_URL" not in stage.environment
        assert stage.environment["PREFECT_HOME"].startswith(str(stage.home))
