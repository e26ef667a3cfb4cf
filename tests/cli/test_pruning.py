"""Pruning at the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govflow.audit.record import Draft
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run

OLGA = ("--reason", "schedule 7.2", "--as", "olga")


@pytest.fixture
def log(repo: Path) -> None:
    """A log of 600 old records."""
    workspace = open_workspace(load_settings())
    then = datetime.now(UTC) - timedelta(days=400)
    for number in range(600):
        workspace.store.append(Draft("run.opened", "default", then, payload={"n": number}), durable=False)
    workspace.close()


@pytest.mark.usefixtures("log")
def test_what_would_go_is_said_first_and_then_goes(run: Run) -> None:
    early = run("audit", "prune", "--days", "365", *OLGA)
    assert (early.code, early.out.split(".")[0]) == (0, "No record goes")
    assert "no checkpoint covers it" in early.out
    run("audit", "checkpoint")
    tried = run("audit", "prune", "--days", "365", *OLGA, "--dry-run")
    assert tried.out.startswith("512 records would go, 0 to 511. From record 512 on all is kept.")
    done = json.loads(run("audit", "prune", "--days", "365", *OLGA, "--format", "json").out)
    assert done == {"dry_run": False, "first": 0, "until": 512, "records": 512, "kept_by": "it is not old enough"}
    verified = run("audit", "verify")
    assert verified.code == 0
    assert "Records 0 to 511 are not there: olga pruned them on" in verified.out
    gone = run("audit", "prove", "3")
    assert gone.code != 0
    assert "was pruned" in gone.err
    assert "schedule 7.2" in run("audit", "tail", "-n", "1").out


@pytest.mark.usefixtures("log")
def test_how_long_is_a_setting(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    unsaid = run("audit", "prune", *OLGA)
    assert unsaid.code == 2
    assert "Set retention_days, or give --days." in unsaid.err
    run("audit", "checkpoint")
    monkeypatch.setenv("GOVFLOW_RETENTION_DAYS", "500")
    assert run("audit", "prune", *OLGA).out.startswith("No record goes.")
    monkeypatch.setenv("GOVFLOW_RETENTION_DAYS", "399")
    assert run("audit", "prune", *OLGA).out.startswith("512 records are gone")


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    "wrong", [("0", "x", "one day at least"), ("9999999", "x", "before time began"), ("9", " ", "There is no reason")]
)
def test_what_makes_no_sense_removes_nothing(run: Run, wrong: tuple[str, str, str]) -> None:
    days, reason, said = wrong
    run("audit", "checkpoint")
    asked = run("audit", "prune", "--as", "olga", "--days", days, "--reason", reason)
    assert asked.code == 2
    assert said in asked.err
    assert "601 records verified" in run("audit", "verify").out, "the one more is that of the key"


@pytest.mark.usefixtures("log")
def test_a_legal_hold_keeps_what_it_is_for(run: Run) -> None:
    run("audit", "checkpoint")
    run("audit", "hold", "--reason", "case 12/26", "--as", "rita")
    asked = run("audit", "prune", "--days", "365", *OLGA)
    assert asked.out.startswith("No record goes.")
    assert "of rita is on it: case 12/26" in asked.out
