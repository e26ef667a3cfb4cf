"""What a diff shows: renames and moves, effects, who would have to approve, and plan files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import FLOW, Run
from tests.cli.test_check import SECRET
from tests.cli.test_plans import EDITED


@pytest.fixture
def locked(repo: Path, run: Run) -> Path:
    assert run("lock", "flows").code == 0
    return repo


@pytest.mark.covers("B-02")
def test_a_diff_names_tiers_the_verdict_and_who_would_have_to_approve(locked: Path, run: Run) -> None:
    (locked / "flows" / "etl.py").write_text(EDITED)
    out = run("diff", "flows").out
    assert "flows/etl.py:nightly: changed (tier 3, verdict escalate)" in out
    assert "nightly/purge#2: tier 3 (" in out
    assert (
        "escalate by policy rule risky; needs one person: whoever has the role owner (bob), approval rule owner" in out
    )
    step = run("diff", "flows", "--format", "json").json["flows"][0]["steps"][0]
    assert step["asks"] == {"rule": "owner", "required": 1, "approvers": ["role:owner"], "people": ["bob"]}


def test_a_renamed_task_is_one_step_and_not_two(locked: Path, run: Run) -> None:
    plain = FLOW.replace('@task(action="data:read", provider="duckdb", resource="dataset://acme/{table}")', "@task")
    (locked / "flows" / "etl.py").write_text(plain)
    assert run("lock", "flows").code == 0
    (locked / "flows" / "etl.py").write_text(
        plain.replace("def load", "def fetch").replace("load(table)", "fetch(table)")
    )
    found = run("diff", "flows", "--format", "json").json["flows"][0]["diff"]
    assert (found["added"], found["removed"]) == ([], [])
    assert [(move["old_id"], move["new_id"]) for move in found["moved"]] == [("nightly/load#1", "nightly/fetch#1")]
    fields = {one["step_id"]: [field["field"] for field in one["fields"]] for one in found["changed"]}
    assert fields["nightly/fetch#1"] == ["callee", "resource"], "the body is the same"
    assert "> nightly/fetch#1: was nightly/load#1" in run("diff", "flows").out


def test_a_renamed_task_with_another_body_is_removed_and_added(locked: Path, run: Run) -> None:
    other = FLOW.replace("def load(table: str) -> int:\n    return 1", "def fetch(table: str) -> int:\n    return 2")
    (locked / "flows" / "etl.py").write_text(other.replace("load(table)", "fetch(table)"))
    found = run("diff", "flows", "--format", "json").json["flows"][0]["diff"]
    assert [step["step_id"] for step in found["added"]] == ["nightly/fetch#1"]
    assert [step["step_id"] for step in found["removed"]] == ["nightly/load#1"]


def test_a_moved_file_is_the_same_flow(locked: Path, run: Run) -> None:
    (locked / "flows" / "deep").mkdir()
    (locked / "flows" / "etl.py").rename(locked / "flows" / "deep" / "etl.py")
    result = run("diff", "flows")
    assert result.code == 1
    assert "flows/deep/etl.py:nightly: moved" in result.out
    assert "was flows/etl.py:nightly" in result.out
    assert "+ " not in result.out and "- " not in result.out
    assert run("lock", "flows").code == 0
    assert list(json.loads((locked / "govflow.lock").read_text())["flows"]) == ["flows/deep/etl.py:nightly"]


def test_a_removed_flow_and_a_new_one_are_not_a_move(locked: Path, run: Run) -> None:
    (locked / "flows" / "etl.py").write_text(
        "from govflow.prefect import flow, task\n\n\n@task\ndef other(): ...\n\n\n@flow\ndef weekly():\n    other()\n"
    )
    kinds = {one["name"]: one["kind"] for one in run("diff", "flows", "--format", "json").json["flows"]}
    assert kinds == {"flows/etl.py:nightly": "removed", "flows/etl.py:weekly": "added"}


def test_two_plan_files_are_compared(locked: Path, run: Run) -> None:
    (locked / "old.json").write_text(run("plan", "flows", "--format", "json").out)
    (locked / "same.json").write_text(run("plan", "flows", "--format", "json").out)
    (locked / "flows" / "etl.py").write_text(EDITED)
    (locked / "new.json").write_text(run("plan", "flows", "--format", "json").out)
    assert (run("diff", "old.json", "same.json").code, run("diff", "old.json", "same.json").out) == (0, "no changes\n")
    direct = run("diff", "flows").out
    assert run("diff", "old.json", "new.json").out == direct
    assert run("diff", "govflow.lock", "new.json").out == direct, "a lock file is one too"
    assert run("diff", "old.json", "govflow.lock").code == 0


def test_a_secret_that_changed_is_a_change_and_is_not_shown(locked: Path, run: Run) -> None:
    (locked / "flows" / "etl.py").write_text(SECRET)
    (locked / "old.json").write_text(run("plan", "flows", "--format", "json").out)
    (locked / "flows" / "etl.py").write_text(SECRET.replace("gnomon-7f", "gnomon-8g"))
    (locked / "new.json").write_text(run("plan", "flows", "--format", "json").out)
    result = run("diff", "old.json", "new.json")
    assert result.code == 1
    assert "~ nightly/load#1: a value that is not shown changed" in result.out
    assert "gnomon" not in result.out + (locked / "old.json").read_text() + (locked / "new.json").read_text()


def test_a_plan_file_that_was_edited_is_refused(locked: Path, run: Run) -> None:
    document = run("plan", "flows", "--format", "json").json
    document["flows"][0]["plan"]["steps"].pop()
    (locked / "old.json").write_text(json.dumps(document))
    result = run("diff", "old.json", "govflow.lock")
    assert result.code == 2
    assert "old.json: flows[0]: its steps and its plan are not of one reading" in result.err


def test_json_of_a_diff_has_a_version(locked: Path, run: Run) -> None:
    document = run("diff", "flows", "--format", "json").json
    assert (document["version"], document["changed"], document["needs_approval"]) == (1, False, False)
