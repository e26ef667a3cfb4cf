"""Holds: one process at a time, given back however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from govflow.errors import StoreError
from govflow.store.holds import SUFFIX, Hold, Holds, beside, in_memory

pytestmark = pytest.mark.once

HOLD = """
import sys
from pathlib import Path
from govflow.store.holds import Hold, Holds, beside
holds = Holds(beside(Path(sys.argv[1])))
print(holds.take("r1", Hold.RUN), flush=True)
for line in sys.stdin:
    holds.give_back("r1", Hold.RUN)
    print("back", flush=True)
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "govflow.db"


@pytest.fixture
def other(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which holds ``r1``."""
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


def test_one_process_holds_a_run_and_every_other_knows(database: Path, other: subprocess.Popen[str]) -> None:
    holds = Holds(beside(database))
    assert not holds.take("r1", Hold.RUN)
    assert holds.is_held("r1", Hold.RUN)
    assert holds.take("r1", Hold.QUESTION), "another part of the run"
    assert holds.take("r2", Hold.RUN), "another run"
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdin.write("give it back\n")
    other.stdin.flush()
    assert other.stdout.readline() == "back\n"
    assert not holds.is_held("r1", Hold.RUN)
    assert holds.take("r1", Hold.RUN)
    for what in Hold:
        holds.give_back("r1", what)
    holds.give_back("r2", Hold.RUN)


def test_a_process_that_is_killed_holds_nothing(database: Path, other: subprocess.Popen[str]) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert not Holds(beside(database)).is_held("r1", Hold.RUN)


def test_looking_gives_back_nothing_of_this_process(database: Path) -> None:
    """Closing any file of the same name would: all of a process go through one."""
    holds, again = Holds(beside(database)), Holds(beside(database))
    assert holds.take("r1", Hold.RUN)
    assert again.take("r1", Hold.RUN), "one process may hold it as often as it likes"
    assert not again.is_held("r2", Hold.RUN)
    again.give_back("r1", Hold.RUN)
    assert _seen_from_outside(database)
    holds.give_back("r1", Hold.RUN)
    assert not _seen_from_outside(database)
    holds.give_back("r1", Hold.RUN)
    assert not holds.is_held("r1", Hold.RUN)


def _seen_from_outside(database: Path) -> bool:
    code = (
        "import sys; from pathlib import Path; from govflow.store.holds import Hold, Holds, beside;"
        "print(Holds(beside(Path(sys.argv[1]))).is_held('r1', Hold.RUN))"
    )
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": root}
    command = [sys.executable, "-c", code, str(database)]
    said = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
    return said.stdout == "True\n"


def test_a_forked_child_holds_nothing_and_takes_nothing_away(database: Path) -> None:
    holds = Holds(beside(database))
    assert holds.take("r1", Hold.RUN)
    child = os.fork()
    if not child:
        code = 1
        try:
            code = 0 if holds.is_held("r1", Hold.RUN) and not holds.take("r1", Hold.RUN) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert _seen_from_outside(database)
    holds.give_back("r1", Hold.RUN)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / f"govflow.db{SUFFIX}").mkdir()
    with pytest.raises(StoreError, match="cannot be locked"):
        Holds(beside(tmp_path / "govflow.db")).take("r1", Hold.RUN)


def test_a_database_in_memory_is_shared_with_nobody() -> None:
    holds = Holds(in_memory())
    assert holds.take("r1", Hold.RUN)
    assert holds.is_held("r1", Hold.RUN)
    assert not Holds(in_memory()).is_held("r1", Hold.RUN)
    holds.give_back("r1", Hold.RUN)
    assert not holds.is_held("r1", Hold.RUN)
