"""The log at the terminal: verified, tampered at a record, and what is not a log."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govflow.audit.record import Draft
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run, files


@pytest.fixture
def log(repo: Path) -> Path:
    """A log of ten records; the database file."""
    workspace = open_workspace(load_settings())
    for number in range(10):
        payload = {"number": number, "note": "postgresql://u:canary-pw@db/x"}
        draft = Draft(
            "run.opened", "default", datetime.now(UTC), subject="alice", run_id=f"run-{number}", payload=payload
        )
        workspace.store.append(draft, durable=True)
    workspace.close()
    return repo.parent / "gov" / "gov.db"


def altered(log: Path, copy: Path) -> Path:
    """A copy in which one byte of record 4 is another one."""
    with closing(sqlite3.connect(log)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        for (name,) in target.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            target.execute(f'DROP TRIGGER "{name}"')
        body = target.execute("SELECT body FROM audit_record WHERE seq = 4").fetchone()[0]
        target.execute("UPDATE audit_record SET body = ? WHERE seq = 4", (bytes(body).replace(b"alice", b"alicf"),))
        target.commit()
    return copy


def test_a_whole_log_is_verified_with_its_number_of_records(run: Run, log: Path) -> None:
    result = run("audit", "verify")
    assert result.code == 0
    assert result.out.startswith("verified: tenant default: 10 records")
    document = run("audit", "verify", "--format", "json").json
    assert (document["verdict"], document["logs"][0]["records"]) == ("verified", 10)


@pytest.mark.parametrize("url", [False, True])
def test_one_altered_byte_in_a_copy_names_the_record(run: Run, log: Path, tmp_path: Path, url: bool) -> None:
    copy = altered(log, tmp_path / "copy.db")
    result = run("audit", "verify", f"sqlite:///{copy}" if url else str(copy))
    assert result.code == 1
    assert result.out.startswith("tampered: tenant default: Record 4 was altered")
    document = run("audit", "verify", str(copy), "--format", "json").json
    assert (document["verdict"], document["logs"][0]["record"], document["logs"][0]["how"]) == (
        "tampered",
        4,
        "altered",
    )
    assert run("audit", "verify").code == 0, "the log itself is whole"


def test_the_tail_is_read_oldest_first(run: Run, log: Path) -> None:
    records = run("audit", "tail", "-n", "3", "--format", "json").json["records"]
    assert [record["seq"] for record in records] == [7, 8, 9]
    assert [record["body"]["run_id"] for record in records] == ["run-7", "run-8", "run-9"]
    only = run("audit", "tail", "--run", "run-2", "--format", "json").json["records"]
    assert [record["seq"] for record in only] == [2]
    assert run("audit", "tail", "--event", "run.closed").out == "no records\n"
    mistyped = run("audit", "tail", "--event", "run.close")
    assert (mistyped.code, "There is no audit event 'run.close'" in mistyped.err) == (2, True)
    assert len(run("audit", "tail", "-n", "3").out.splitlines()) == 3


def test_the_tail_shows_no_secret(run: Run, log: Path) -> None:
    assert "canary-pw" not in run("audit", "tail").out + run("audit", "tail", "--format", "json").out


@pytest.mark.parametrize("command", ["verify", "tail"])
def test_a_database_that_is_not_there_is_not_made(run: Run, repo: Path, command: str) -> None:
    before = files(repo.parent)
    for words in ([], ["other.db"], ["sqlite:////nowhere/at/all.db"]):
        result = run("audit", command, *words)
        assert result.code == 2
        assert "There is no database" in result.err
    assert files(repo.parent) == before


def test_a_database_of_somebody_else_is_not_made_into_ours(run: Run, repo: Path) -> None:
    with closing(sqlite3.connect(repo / "shop.db")) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
        connection.commit()
    before = files(repo.parent)
    result = run("audit", "verify", "shop.db")
    assert result.code == 2
    assert "is not a governance database" in result.err
    assert files(repo.parent) == before


def test_a_file_that_is_no_database_is_named(run: Run, repo: Path) -> None:
    result = run("audit", "verify", "policy.yaml")
    assert result.code == 2
    assert "policy.yaml is not a governance database" in result.err


@pytest.mark.parametrize("words", [("audit", "verify", "pipe"), ("policy", "replay", "pipe")])
def test_what_is_no_file_is_not_waited_for(run: Run, repo: Path, words: tuple[str, ...]) -> None:
    os.mkfifo(repo / "pipe")
    result = run(*words)
    assert result.code == 2
    assert "pipe is no file, so there is no log to read" in result.err


def test_a_moved_log_is_still_verified(run: Run, log: Path, tmp_path: Path) -> None:
    shutil.copy(log, tmp_path / "moved.db")
    assert run("audit", "verify", str(tmp_path / "moved.db")).code == 0


@pytest.mark.parametrize("count", ["0", "-3", "many"])
def test_a_count_that_makes_no_sense_is_refused(run: Run, log: Path, count: str) -> None:
    assert run("audit", "tail", "-n", count).code == 2
