"""CI tries what failed beside other tests once more: whose failure passes by that, and whose never does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

AGAIN = Path(__file__).resolve().parents[2] / ".ci" / "again.py"
FIRST_TIME = """
import pathlib, pytest

def fails_at_first(name):
    been = pathlib.Path(name)
    if not been.exists():
        been.touch()
        raise AssertionError(f"{name} was never here")
"""

PROPERTY = """
from hypothesis import given, strategies

@given(strategies.none())
def test_a(x): fails_at_first("a")
"""
BESIDE = ("-p", "xdist.plugin", "-n", "2", "--dist", "loadfile")


@dataclass(frozen=True)
class Ended:
    first: int
    second: int | None  # None: there was nothing to finish
    said: str


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = once\n")
    (tmp_path / "test_fine.py").write_text("def test_fine(): pass\n")
    return tmp_path


def called(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "GOVFLOW_"))}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # most of the time goes there
    command = [sys.executable, str(AGAIN), *words]
    return subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, check=False, timeout=600)


def played(project: Path, tests: str, *plugins: str) -> Ended:
    """What CI does with these tests."""
    (project / "test_it.py").write_text(FIRST_TIME + tests)
    first = called(project, "run", "notes.json", "-q", *plugins)
    if not (project / "notes.json").exists():
        return Ended(first.returncode, None, first.stdout)
    second = called(project, "finish", "notes.json")
    return Ended(first.returncode, second.returncode, first.stdout + second.stdout)


def test_tests_that_pass_leave_nothing_to_try(project: Path) -> None:
    ended = played(project, "def test_a(): pass\n")
    assert (ended.first, ended.second, "unsteady" in ended.said) == (0, None, False)


def test_what_passes_alone_is_told_loudly_with_its_first_failure(project: Path) -> None:
    tests = "@pytest.mark.parametrize('x', ['a b', 'c::d[e]'])\ndef test_a(x): fails_at_first(x.replace('/', ''))\n"
    ended = played(project, tests, *BESIDE)
    assert (ended.first, ended.second) == (0, 0), ended.said
    for name in ("a b", "c::d[e]"):
        assert f"unsteady: test_it.py::test_a[{name}]" in ended.said
        assert f"AssertionError: {name} was never here" in ended.said.partition("unsteady:")[2]


def test_an_error_of_a_fixture_is_tried_again_too(project: Path) -> None:
    ended = played(project, "@pytest.fixture\ndef a(): fails_at_first('a')\ndef test_a(a): pass\n")
    assert (ended.first, ended.second, "unsteady: test_it.py::test_a" in ended.said) == (0, 0, True)


def test_what_fails_each_time_fails(project: Path) -> None:
    ended = played(project, "def test_a(): assert False\ndef test_b(): fails_at_first('b')\n")
    assert (ended.first, ended.second) == (0, 1)
    assert "failed each time: test_it.py::test_a" in ended.said
    assert "unsteady: test_it.py::test_b" in ended.said


@pytest.mark.parametrize(
    ("tests", "plugins"),
    [
        (PROPERTY, (*BESIDE, "-p", "_hypothesis_pytestplugin")),
        ("@pytest.mark.once\ndef test_a(): fails_at_first('a')\n", BESIDE),
        ("".join(f"def test_{n}(): fails_at_first('{n}')\n" for n in range(7)), ()),
        ("import os\ndef test_a(): fails_at_first('a')\ndef test_b(): os._exit(3)\n", BESIDE),
        ("import nowhere\n", BESIDE),
    ],
    ids=["a property", "a race", "more than six", "a crash", "no import"],
)
def test_what_is_never_tried_again_fails_at_once(project: Path, tests: str, plugins: tuple[str, ...]) -> None:
    ended = played(project, tests, *plugins)
    assert ended.first == 1, ended.said
    assert ended.second is None
    assert "not tried again: " in ended.said


def test_what_cannot_be_collected_in_this_process_fails_at_once(project: Path) -> None:
    assert (played(project, "def test_a(: pass\n").first, (project / "notes.json").exists()) == (2, False)


def test_failures_of_several_calls_are_counted_together(project: Path) -> None:
    (project / "notes.json").write_text(json.dumps({f"test_x.py::test_{number}": "" for number in range(6)}))
    assert played(project, "def test_a(): fails_at_first('a')\n").first == 1


@pytest.mark.parametrize(("words", "code"), [(["--no-such-option"], 4), (["-k", "nothing"], 5)])
def test_what_runs_no_test_is_no_success(project: Path, words: list[str], code: int) -> None:
    assert called(project, "run", "notes.json", *words).returncode == code
