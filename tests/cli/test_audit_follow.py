"""A log is shown as it grows, by a process of its own, until somebody ends it."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govflow.audit.record import Draft
from govflow.store import Store
from tests.cli.conftest import Run
from tests.store.things import eventually

Say = Callable[..., None]


@pytest.fixture
def url(tmp_path: Path, repo: Path) -> str:
    return f"sqlite:///{tmp_path}/gov/gov.db"


@pytest.fixture
def say(url: str) -> Iterator[Say]:
    with Store.open(url) as store:

        def _say(number: int, *, durable: bool = True, run_id: str = "r-1", event: str = "run.opened") -> None:
            draft = Draft(event, "default", datetime.now(UTC), subject="ann", run_id=run_id, payload={"n": number})
            store.append(draft, durable=durable)

        yield _say


@contextmanager
def following(*words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "govflow.cli", "audit", "tail", "--follow", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_each_record_is_shown_when_it_is_written_whoever_writes_it_and_however(say: Say) -> None:
    for number in range(3):
        say(number)
    with following("-n", "2", "--format", "json") as process:
        assert [json.loads(read(process))["seq"] for _ in range(2)] == [1, 2]
        say(3)
        assert json.loads(read(process))["body"]["payload"] == {"n": 3}
        for number in range(4, 9):
            say(number, durable=False)
        assert [json.loads(read(process))["body"]["payload"]["n"] for _ in range(5)] == [4, 5, 6, 7, 8]
        process.send_signal(signal.SIGINT)
        assert (process.wait(60), process.stderr and process.stderr.read()) == (0, "")


def test_of_one_run_or_event_only_its_records_are_shown(say: Say) -> None:
    with following("--run", "r-2", "--event", "run.closed") as process:
        say(0)
        say(1, run_id="r-2")
        say(2, run_id="r-2", event="run.closed")
        assert "n=2" in read(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_log_that_was_set_back_meanwhile_is_an_error(say: Say, url: str) -> None:
    say(0)
    say(1)
    with following() as process:
        read(process), read(process)
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as raw:
            raw.executescript("DROP TRIGGER audit_record_no_delete; DELETE FROM audit_record; DELETE FROM audit_head;")
        assert process.wait(60) == 2
        assert process.stderr is not None
        assert "The log had 2 records and has fewer now" in process.stderr.read()


def test_a_database_that_is_not_there_is_no_reason_to_wait(repo: Path, run: Run) -> None:
    assert run("audit", "tail", "--follow", "nothing.db").code == 2
    assert run("audit", "tail", "--follow", "-n", "0").code == 2
    assert not eventually((repo / "nothing.db").exists, 0.1)
