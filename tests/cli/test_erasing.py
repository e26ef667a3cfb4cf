"""Erasing values and legal holds at the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govflow.audit.record import Draft
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run

CANARY = "miller-4711@example.org"
OLGA = ("--reason", "request 12", "--as", "olga")


@pytest.fixture(autouse=True)
def log(repo: Path) -> None:
    """A log of two records with a value each."""
    workspace = open_workspace(load_settings())
    for number in (1, 2):
        now = datetime.now(UTC)
        values = {"parameters.mail": CANARY}
        draft = Draft("step.intent", "default", now, subject="alice", run_id=f"run-{number}", values=values)
        workspace.store.append(draft, durable=True)
    workspace.close()


def test_what_would_be_erased_is_said_first(run: Run) -> None:
    tried = run("audit", "erase", "--run", "run-1", *OLGA, "--dry-run")
    assert (tried.code, tried.out.split()) == (
        0,
        ["0", "parameters.mail", "1", "value(s)", "of", "1", "record(s)", "would", "be", "erased."],
    )
    done = run("audit", "erase", "--run", "run-1", *OLGA)
    assert (done.code, done.out) == (0, "1 value(s) of 1 record(s) erased.\n")
    assert run("audit", "erase", "--run", "run-1", *OLGA).out == "There is no value left to erase.\n"
    as_json = json.loads(run("audit", "erase", "--subject", "alice", *OLGA, "--format", "json").out)
    assert as_json == {"erased": 1, "found": 1, "records": [{"seq": 1, "names": ["parameters.mail"]}]}
    assert CANARY not in tried.out + done.out
    assert run("audit", "verify").code == 0


def test_erasures_are_kept_as_lines_and_given_again(run: Run, tmp_path: Path) -> None:
    run("audit", "erase", "--record", "0", *OLGA)
    lines = run("audit", "erasures").out
    assert [json.loads(line)["records"][0]["seq"] for line in lines.splitlines()] == [0]
    (tmp_path / "erasures.jsonl").write_text(lines)
    again = run("audit", "erase", "--again", str(tmp_path / "erasures.jsonl"), *OLGA)
    assert (again.code, again.out) == (0, "There is no value left to erase.\n")
    missing = run("audit", "erase", "--again", str(tmp_path / "none"), *OLGA)
    assert (missing.code, "cannot be read" in missing.err) == (2, True)


def test_a_hold_forbids_it_until_it_is_released(run: Run) -> None:
    placed = run("audit", "hold", "--run", "run-1", "--reason", "case 12", "--as", "rita")
    hold_id = placed.out.split()[0]
    assert "rita  run run-1: case 12" in placed.out
    assert run("audit", "holds").out == placed.out
    assert run("audit", "erase", "--record", "0", *OLGA, "--dry-run").code == 1, "a trial says what the act would"
    refused = run("audit", "erase", "--record", "0", *OLGA)
    assert (refused.code, "[legal-hold]" in refused.err or "legal-hold" in refused.err) == (1, True)
    assert [one["hold_id"] for one in json.loads(run("audit", "holds", "--format", "json").out)["holds"]] == [hold_id]
    assert run("audit", "release", hold_id, "--reason", "closed", "--as", "rita").code == 0
    assert run("audit", "holds").out == "no legal hold is in force\n"
    assert run("audit", "erase", "--record", "0", *OLGA).out == "1 value(s) of 1 record(s) erased.\n"


def test_what_the_log_does_not_know_is_refused_not_passed_over(run: Run) -> None:
    hold = ("--reason", "case 12", "--as", "rita")
    for words in (("--run", "run-"), ("--run", "run-9"), ("--subject", "alise")):
        held = run("audit", "hold", *words, *hold)
        assert (held.code, held.out) == (2, ""), held
        erased = run("audit", "erase", *words, *OLGA)
        assert (erased.code, "has no record of" in erased.err) == (2, True)
    assert "These begin so: run-1, run-2" in run("audit", "hold", "--run", "run-", *hold).err
    assert run("audit", "erase", "--record", "99", *OLGA).code == 2
    assert run("audit", "holds").out == "no legal hold is in force\n"
    assert "run run-9: case 12" in run("audit", "hold", "--run", "run-9", "--ahead", *hold).out


def test_what_makes_no_sense_together_is_refused(run: Run, tmp_path: Path) -> None:
    run("audit", "erase", "--record", "0", *OLGA)
    (tmp_path / "erasures.jsonl").write_text(run("audit", "erasures").out)
    both = run("audit", "erase", "--again", str(tmp_path / "erasures.jsonl"), "--run", "run-2", *OLGA)
    assert (both.code, "from the file" in both.err) == (2, True)
    unsaid = run("audit", "erase", "--run", "run-2", "--reason", " ", "--as", "olga", "--dry-run")
    assert (unsaid.code, "There is no reason" in unsaid.err) == (2, True)
