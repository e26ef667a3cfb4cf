"""Several processes check one log: the verdict is that of one process, and nothing of them is left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from benchmarks.audit_logs import database, export
from govflow.audit.spans import Span
from govflow.audit.verify import Outcome
from govflow.services import export_parts
from govflow.services.verify_audit import LogVerdict, verify_log
from govflow.services.verify_export import verify_export
from govflow.services.verify_in_processes import in_processes
from govflow.settings import load_settings
from govflow.store import verifying
from govflow.store.verifying import Part
from tests.store.test_seals import PRIVATE

RECORDS = 70


@pytest.fixture
def small_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans of sixteen records: the parent alone decides where they end."""
    monkeypatch.setattr(verifying, "SPAN", 16)
    monkeypatch.setattr(export_parts, "SPAN", 16)


@pytest.fixture
def log(tmp_path: Path, small_spans: None) -> Path:
    database(tmp_path / "log.db", RECORDS)
    return tmp_path / "log.db"


def tampered(log: Path, statement: str) -> None:
    with closing(sqlite3.connect(log, isolation_level=None)) as raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute(statement)


def verified(log: Path, jobs: int, told: Callable[[int, int | None], None] = lambda done, total: None) -> LogVerdict:
    return verify_log(load_settings(), str(log), jobs=jobs, told=told)[0]


def test_a_log_and_its_export_are_verified_by_two_processes_as_by_one(log: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    two = verified(log, 2, lambda done, total: told.append((done, total)))
    assert two == verified(log, 1)
    assert (two.verdict.outcome, two.verdict.records) == (Outcome.VERIFIED, RECORDS)
    assert told == [(16, 70), (32, 70), (48, 70), (64, 70), (70, 70)]
    key = export(log, tmp_path / "log.jsonl", PRIVATE, "log.example/acme")
    told.clear()
    one, two = (
        verify_export([tmp_path / "log.jsonl"], [key], None, lambda done, total: told.append((done, total)), jobs)
        for jobs in (1, 2)
    )
    assert told == [(16, 70), (32, 70), (48, 70), (64, 70), (70, 70)] * 2, "no span had to be read record by record"
    assert one == two
    assert (two.verdict.outcome, two.verdict.records) == (Outcome.VERIFIED, RECORDS)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("statement", "record", "how"),
    [
        ("DELETE FROM audit_record WHERE seq = 32", 32, "missing"),
        ("UPDATE audit_record SET prev = zeroblob(32) WHERE seq = 48", 48, "altered"),
        ("UPDATE audit_record SET subject = 'eve' WHERE seq = 69", 69, "altered"),
    ],
)
def test_what_was_done_at_the_joint_of_two_parts_is_named(log: Path, statement: str, record: int, how: str) -> None:
    tampered(log, statement)
    two = verified(log, 2)
    assert (two.verdict.seq, two.verdict.how) == (record, how)
    assert two == verified(log, 1)


def test_an_interrupt_leaves_no_process_behind(log: Path) -> None:
    def interrupted(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verified(log, 2, interrupted)
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_does_not_change_the_verdict(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "check_part", killed)
    assert list(in_processes(partial(killed, "url"), 2)([Part("acme", 0, 1)])) == [None]
    assert verified(log, 2) == verified(log, 1)


def killed(url: str, part: Part) -> Span | None:
    """In place of the check: as the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
    return None
