"""Records in the forms of other tools."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
import pytest

from govflow.audit.record import Draft
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
FORMULA = '=cmd|"/c calc"!A0'


@pytest.fixture
def log(repo: Path) -> None:
    """Twelve records of three days and two runs, the last one a sign-in that was refused."""
    workspace = open_workspace(load_settings())
    for number in range(11):
        payload = {"rule": "low", "tier": number % 4, "url": "postgresql://u:canary-pw@db/x"}
        at = BEGAN + timedelta(hours=6 * number)
        draft = Draft(
            "step.intent", "default", at, FORMULA, f"run-{number % 2}", "etl", "etl/load#1", payload=payload,
            values={"parameters.mail": "canary@example.org"},
        )  # fmt: skip
        workspace.store.append(draft, durable=False)
    at = BEGAN + timedelta(days=3)
    workspace.store.append(Draft("sign_in.refused", "default", at, "mallory"), durable=True)
    workspace.close()


def lines(file: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


def test_a_table_runs_nothing_and_holds_no_secret(log: None, repo: Path, run: Run) -> None:
    done = run("audit", "export", "log.csv", "--to", "csv")
    assert (done.code, done.out) == (0, "12 records, in log.csv; this form cannot be verified\n")
    text = (repo / "log.csv").read_text()
    assert "canary" not in text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [int(row["seq"]) for row in rows] == list(range(12))
    assert rows[0]["subject"] == "'" + FORMULA
    assert (rows[3]["rule"], rows[3]["tier"], rows[3]["commitments"]) == ("low", "3", "parameters.mail")
    assert orjson.loads(rows[3]["payload"])["tier"] == 3
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_cloudevents_have_what_the_specification_asks_for(log: None, repo: Path, run: Run) -> None:
    assert run("audit", "export", "events.jsonl", "--to", "cloudevents").code == 0
    events = lines(repo / "events.jsonl")
    assert len({(event["source"], event["id"]) for event in events}) == 12
    first = events[0]
    assert (first["specversion"], first["type"], first["source"]) == ("1.0", "govflow.step.intent", "/govflow/default")
    assert datetime.fromisoformat(first["time"]) == BEGAN
    assert first["data"]["run_id"] == "run-0"
    assert all(name.isalnum() and name.islower() for name in first)
    assert sorted(event["sequence"] for event in events) == [event["sequence"] for event in events]
    assert "canary" not in (repo / "events.jsonl").read_text()


def test_ocsf_knows_a_sign_in_and_names_the_rest(log: None, repo: Path, run: Run) -> None:
    assert run("audit", "export", "siem.jsonl", "--to", "ocsf").code == 0
    *steps, refused = lines(repo / "siem.jsonl")
    for event in (*steps, refused):
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["class_uid"] // 1000 == event["category_uid"]
        assert event["metadata"]["product"]["vendor_name"] == "govflow"
    assert steps[0]["time"] == int(BEGAN.timestamp() * 1000)
    assert (steps[0]["class_uid"], steps[0]["activity_name"]) == (0, "step.intent")
    assert steps[0]["unmapped"]["payload"]["rule"] == "low"
    assert (refused["class_uid"], refused["status"], refused["severity_id"]) == (3002, "Failure", 3)
    assert refused["user"] == {"name": "mallory"}
    assert "canary" not in (repo / "siem.jsonl").read_text()


def test_parquet_is_written_where_pyarrow_is_and_asked_for_where_it_is_not(log: None, repo: Path, run: Run) -> None:
    done = run("audit", "export", "log.parquet", "--to", "parquet")
    if find_spec("pyarrow") is None:
        assert (done.code, "pip install pyarrow" in done.err) == (2, True)
        assert not (repo / "log.parquet").exists()
        return
    rows = import_module("pyarrow.parquet").read_table(repo / "log.parquet").to_pylist()
    assert [row["seq"] for row in rows] == list(range(12))
    assert (rows[3]["tier"], rows[3]["subject"], rows[11]["rule"]) == (3, FORMULA, None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--run", "run-1"), [1, 3, 5, 7, 9]),
        (("--since", "2026-03-03"), [8, 9, 10, 11]),
        (("--until", "2026-03-01T12:00"), [0, 1]),
        (("--run", "run-0", "--since", "2026-03-02", "--until", "2026-03-03"), [4, 6]),
        (("--run", "none"), []),
    ],
)
def test_those_of_a_run_or_a_time(log: None, repo: Path, run: Run, words: tuple[str, ...], expected: list[int]) -> None:
    assert run("audit", "export", "some.jsonl", "--to", "cloudevents", *words).code == 0
    assert [int(event["id"]) for event in lines(repo / "some.jsonl")] == expected


def test_it_is_on_record_what_was_handed_out(log: None, repo: Path, run: Run) -> None:
    words = ("audit", "export", "some.csv", "--to", "csv", "--run", "run-1", "--since", "2026-03-02")
    said = run(*words, "--format", "json").json
    assert said == {"records": 3, "unreadable": 0, "files": ["some.csv"], "verifiable": False}
    body = run("audit", "tail", "-n", "1", "--format", "json").json["records"][0]["body"]
    assert body["event"] == "log.exported"
    assert body["payload"] == {
        "format": "csv", "records": 3, "files": 1, "run": "run-1", "since": "2026-03-02T00:00:00+00:00"
    }  # fmt: skip
    kept = (repo / "some.csv").read_bytes()
    assert "cannot be written" in run(*words).err
    assert (repo / "some.csv").read_bytes() == kept, "a file that was there stays"


def test_a_part_of_the_log_does_not_pass_for_what_verifies(log: None, repo: Path, run: Run) -> None:
    done = run("audit", "export", "some.jsonl", "--run", "run-1")
    assert done.code == 2
    assert "could not be verified" in done.err
    run("audit", "checkpoint")
    key = run("audit", "keys").out
    for form in ("ocsf", "cloudevents"):
        assert run("audit", "export", f"{form}.jsonl", "--to", form).code == 0
        assert "cannot judge" in run("audit", "verify", f"{form}.jsonl", "--key", key).out
