"""A disk that fails, or a kill, while keys, checkpoints and copies are made: a file is whole, or is not there.

``GOVFLOW__FAULTS=all`` tries each call with each fault; without it some of them.
"""

from __future__ import annotations

import csv
import io
import shutil
import socket
import stat
import sys
from pathlib import Path

import pytest

from govflow.cli.app import main
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run
from tests.faults import ERRORS, Fault, Watched, calls_of, faults, kinds, watched, why_not
from tests.services.receipts import write_run

COMMANDS = {
    "held.txt": ("audit", "checkpoint", "--out", "held.txt"),
    "log.jsonl": ("audit", "export", "log.jsonl"),
    "days": ("audit", "export", "days"),
    "log.csv": ("audit", "export", "log.csv", "--to", "csv"),
    "one.tlog-proof": ("audit", "prove", "2", "--out", "one.tlog-proof"),
    "run.receipt.json": ("receipt", "make", "RUN", "-o", "run.receipt.json"),
    "rotated": ("keys", "rotate"),
    "later.txt": ("audit", "checkpoint", "--out", "later.txt"),
}
"""What each makes, by the name of it, in the order in which they run."""

pytestmark = [pytest.mark.once, pytest.mark.timeout(1800)]


@pytest.fixture(autouse=True)
def _here() -> None:
    if (reason := why_not()) is not None:
        pytest.skip(reason)


class Places:
    """A new folder with a log of a run for each attempt, and settings that name it; it is the working directory."""

    def __init__(self, repo: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._repo = repo
        self._folder = folder
        self._monkeypatch = monkeypatch
        opened = open_workspace(load_settings())
        write_run(opened, "RUN")
        opened.close()
        self._database = folder / "gov" / "gov.db"
        self._made = 0

    def new(self) -> Path:
        """The folder."""
        self._made += 1
        folder = self._folder / str(self._made)
        shutil.copytree(self._repo, folder)
        (folder / "days").mkdir()
        (folder / "gov").mkdir(0o700)
        shutil.copy(self._database, folder / "gov" / "gov.db")
        self._monkeypatch.setenv("HOME", str(folder / "home"))
        self._monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{folder}/gov/gov.db")
        self._monkeypatch.chdir(folder)
        return folder


@pytest.fixture
def places(repo: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    found = Places(repo, tmp_path, monkeypatch)
    found.new()
    for name, words in COMMANDS.items():  # also: all that they import is imported before any call is counted
        assert run(*words).code == 0, name
    return found


def played(trace: Path, fault: Fault | None = None) -> tuple[Watched, set[str]]:
    """All commands, one after another, and the fault: how it ended, and which commands said that they were done."""
    hear, tell = socket.socketpair()

    def work() -> None:
        sys.stdout = sys.stderr = io.StringIO()  # what a terminal shows is no write to a disk
        for name, words in COMMANDS.items():
            if main(words) == 0:
                tell.sendall(f"{name}\n".encode())

    seen = watched(work, trace, fault)
    tell.close()
    with hear, hear.makefile() as lines:
        return seen, {line.strip() for line in lines}


def made_in(folder: Path) -> dict[str, list[Path]]:
    """The files that have the names that were asked for."""
    files = {name: [folder / name] for name in COMMANDS} | {"days": sorted((folder / "days").glob("*.jsonl"))}
    return {name: found for name, found in files.items() if found and all(file.exists() for file in found)}


def holds(run: Run, name: str, files: list[Path]) -> bool:
    """Whether what a command has made is whole: whoever is handed it finds it good, with the key alone."""
    key = run("audit", "keys").out
    if name == "log.csv":
        told = run("audit", "query", "--event", "log.exported", "--format", "json").json["records"]
        rows = {one["body"]["payload"]["records"] for one in told if one["body"]["payload"]["format"] == "csv"}
        return len(list(csv.reader(files[0].read_text().splitlines()))) - 1 in rows
    words = {
        ".txt": ("audit", "verify", "--checkpoint"),
        ".tlog-proof": ("audit", "check"),
        ".json": ("receipt", "verify"),
        ".jsonl": ("audit", "verify"),
    }[files[0].suffix]
    return run(*words, *map(str, files), "--key", key).code == 0


@pytest.mark.parametrize("answers", [ERRORS, ("SIGKILL",)], ids=["errors", "kills"])
def test_a_fault_leaves_no_half_file_and_the_next_try_works(
    places: Places, run: Run, tmp_path: Path, answers: tuple[str, ...]
) -> None:
    trace = tmp_path / "trace"
    places.new()
    seen, done = played(trace)
    assert (seen.code, done) == (0, set(COMMANDS))
    calls = calls_of(seen)
    assert kinds(calls) == {"write", "sync", "size", "name", "remove"}, calls
    for fault in faults(calls, answers, most=3):
        folder = places.new()
        seen, done = played(trace, fault)
        assert seen.met(fault), (fault, "no command met it")
        made = made_in(folder)
        assert done <= made.keys() | {"rotated"}, (fault, "a command said that it was done")
        for name, files in made.items():
            # A kill between the names of the days leaves some of them: each is whole, and not all are the log.
            part = name == "days" and name not in done
            whole = all(file.read_bytes().endswith(b"}\n") for file in files) if part else holds(run, name, files)
            assert whole, (fault, name)
        if not fault.kills and not fault.call.startswith("unlink"):
            assert [*folder.glob(".*.part"), *folder.glob("days/.*.part")] == [], fault
        for name in [one for one in COMMANDS if one not in done]:
            if name != "days":  # the next export goes on behind those that are there
                for file in made.get(name, ()):
                    file.unlink()
            again = run(*COMMANDS[name])
            assert again.code == 0, (fault, name, again.err)
            assert name == "rotated" or holds(run, name, made_in(folder)[name]), (fault, name)
        assert run("audit", "verify").code == 0, fault
        keys = folder / "home" / ".govflow" / "keys"
        assert {one.name for one in keys.iterdir()} - {"signing.pem.part"} == {".lock", "signing.pem"}, fault
        assert stat.S_IMODE((keys / "signing.pem").stat().st_mode) == 0o600, fault
