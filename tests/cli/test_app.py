"""The command line as a whole: help, exit codes, errors, colours, and what is not imported."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import govflow
from govflow.cli.app import main
from govflow.cli.failures import report
from govflow.errors import Denied, EngineError, PolicyError, StoreError
from tests.cli.conftest import Run, drain, spawn

ENV = {**os.environ, "PYTHONPATH": str(Path(govflow.__file__).parents[1])}
HEAVY = ("prefect", "fastapi", "sqlalchemy", "sqlmodel", "networkx", "alembic", "pydantic", "structlog")


def test_help_imports_no_engine_and_no_database(repo: Path) -> None:
    """A process of its own: this one has imported everything."""
    code = (
        "import sys; from govflow.cli.app import main\n"
        "for words in (['--help'], [], ['plan', '--help'], ['approvals', '--help'], ['audit', 'tail', '--help'],"
        " ['--version'], ['nosuch']):\n"
        f"    print(main(words), sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENV, cwd=repo)
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("error", "  mend"))]
    assert lines == ["0 []"] * 6 + ["2 []"]


def test_help_loads_the_command_line_and_next_to_nothing_else(repo: Path) -> None:
    """What it costs is what it imports; a stop-watch would measure the machine."""
    code = (
        "import sys; from govflow.cli.app import main; main(['--help']);"
        "print(*sorted(n for n in sys.modules if n.startswith('govflow.') or '.' not in n), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENV, cwd=repo)
    loaded = done.stderr.split()
    assert "govflow.cli.app" in loaded
    assert [name for name in loaded if "." in name and not name.startswith("govflow.cli")] == [
        "govflow.errors",
        "govflow.telemetry",
    ]
    assert not {"networkx", "prefect", "pydantic", "sqlalchemy", "sqlglot", "structlog", "yaml"} & set(loaded)


def test_help_teaches_with_examples(run: Run) -> None:
    result = run("--help")
    assert result.code == 0
    for command in ("doctor", "demo", "plan", "lock", "diff", "check", "approvals", "audit", "--install-completion"):
        assert command in result.out
    assert "govflow lock flows/" in result.out
    assert max(len(line) for line in result.out.splitlines()) <= 80


@pytest.mark.parametrize("command", ["doctor", "demo", "plan", "lock", "diff", "check"])
def test_every_command_shows_an_example(run: Run, command: str) -> None:
    assert f"govflow {command}" in run(command, "--help").out.split("Example", 1)[1]


@pytest.mark.parametrize("columns", ["0", "1", "2", "nonsense"])
@pytest.mark.parametrize("words", [["--help"], ["check", "--help"]])
def test_help_ends_where_a_terminal_has_no_columns(repo: Path, words: list[str], columns: str) -> None:
    """A process of its own, with an end: the library behind the help would go on for ever."""
    command = [sys.executable, "-m", "govflow.cli", *words]
    env = {**ENV, "COLUMNS": columns}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=repo, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage" in done.stdout


@pytest.mark.parametrize(
    ("words", "code"), [("explain GF102 >&-", 0), ("explain nosuch >&-", 2), ("nosuch 2>&-", 2), ("nosuch >&- 2>&-", 2)]
)
def test_a_closed_stream_changes_no_exit_code(repo: Path, words: str, code: int) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m govflow.cli {words}"],
        capture_output=True,
        text=True,
        env=ENV,
        cwd=repo,
        check=False,
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_a_word_too_many_is_named(run: Run) -> None:
    """And not taken for a secret, and hidden."""
    result = run("explain", "GF102", "GF103")
    assert (result.code, result.out) == (2, "")
    assert "Nothing takes these words: ['GF103']" in result.err


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").out.strip() == govflow.__version__


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["chek"], "check"),
        (["plan", "flows", "--formt", "json"], "--format"),
        (["approvals", "aprove"], "approve"),
        (["audit", "verfy"], "verify"),
    ],
)
def test_a_usage_error_names_what_was_meant(run: Run, words: list[str], meant: str) -> None:
    result = run(*words)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error[usage]: ")
    assert f'Did you mean "{meant}"?' in result.err or f"Did you mean {meant}?" in result.err


@pytest.mark.parametrize(
    "words",
    [
        ["plan"],
        ["lock"],
        ["check"],
        ["diff"],
        ["approvals", "show"],
        ["approvals", "approve", "x"],
        ["plan", "--format", "x"],
    ],
)
def test_a_missing_or_wrong_argument_is_a_usage_error(run: Run, words: list[str]) -> None:
    result = run(*words)
    assert result.code == 2
    assert result.err.startswith("error[")
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PolicyError("x", mend="y"), 2),
        (Denied("x", mend="y"), 1),
        (StoreError("x"), 2),
        (EngineError("x"), 2),
        (RuntimeError("x"), 2),
        (SystemError("x"), 2),
    ],
)
def test_an_exit_code_tells_a_refusal_from_a_failure(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) == code
    assert len(capsys.readouterr().err.splitlines()) <= 2


def test_an_internal_error_is_one_line_and_how_to_see_more(
    repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made for real: the working directory is gone under the command."""
    for debug in ("", "1"):
        (repo / "gone").mkdir()
        monkeypatch.chdir(repo / "gone")
        (repo / "gone").rmdir()
        monkeypatch.setenv("GOVFLOW_DEBUG", debug)
        result = run("plan", "x.py")
        monkeypatch.chdir(repo)
        assert (result.code, result.out) == (2, "")
        assert "error[internal]: FileNotFoundError" in result.err
        assert "GOVFLOW_DEBUG=1" in result.err
        assert ("Traceback" in result.err) is bool(debug)


def test_an_error_shows_no_secret_and_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    report(RuntimeError("postgresql://gov:canary-pw@db/gov \x1b[2J gfa_CanaryCanaryCanary"))
    shown = capsys.readouterr().err
    assert "canary" not in shown.lower()
    assert "\x1b" not in shown


def test_a_command_runs_as_a_process(repo: Path) -> None:
    result = spawn("plan", "flows/etl.py", cwd=repo)
    assert (result.code, result.err) == (0, "")
    assert "flow nightly  flows/etl.py:nightly" in result.out


def test_a_closed_pipe_is_no_traceback(repo: Path) -> None:
    """``govflow plan | head -0``."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "govflow.cli", "plan", "flows"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=repo,
        env=ENV,
    )
    os.close(writer)
    assert "Traceback" not in done.stderr
    assert done.returncode not in (0, 1)


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_only_on_a_terminal_and_never_with_no_color(
    repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    assert "\x1b" not in run("plan", "flows").out
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        assert main(["plan", "flows"]) == 0
        monkeypatch.undo()
    shown = drain(ours)
    assert b"escalate" in shown
    assert (b"\x1b" in shown) is coloured


@pytest.mark.timeout(600)
def test_an_interrupt_is_neither_success_nor_finding(repo: Path, tmp_path: Path) -> None:
    """A git that never answers is waited for; it tells through a pipe that it was started."""
    os.mkfifo(started := tmp_path / "started")
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text(f"#!/bin/sh\n: > '{started}'\nexec sleep 600\n")
    slow.chmod(0o755)
    command = [sys.executable, "-m", "govflow.cli", "diff", "HEAD~1..", "flows"]
    path = f"{slow.parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        command,
        cwd=repo,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        started.read_bytes()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=240)
    assert (process.returncode, out, err.splitlines()[-1]) == (130, "", "interrupted")


def test_main_takes_the_words_of_the_process(monkeypatch: pytest.MonkeyPatch, repo: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["govflow", "--version"])
    assert main() == 0
