"""Receipts of runs that went another way than straight on: each is whole, and says what happened and who answered."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from govflow.audit import receipt_verifier as verifier
from govflow.governor.call import Grant
from govflow.governor.governed_run import GovernedRun
from govflow.identity import Principal
from govflow.services.break_glass import break_glass, review
from govflow.services.make_receipt import make_receipt
from govflow.services.run_receipt import run_receipt
from govflow.services.seal_log import verifier_keys
from tests.governor.conftest import Staged
from tests.governor.plans import plan, step
from tests.governor.stage import POLICY, People, Stage, approved_by
from tests.governor.test_plan_approval import WHOLE, approve
from tests.governor.test_standing import PURGE, STANDING, approved, purge
from tests.servers import a_database, url_of
from tests.services.receipts import verified_alone

GLASS = POLICY.replace(
    'two: {required: 2, approvers: ["*"]}',
    'two: {required: 2, approvers: ["*"], break_glass: {approvers: ["user:dora"], review_seconds: 7200}}',
)
TWICE = PURGE.model_copy(update={"retries": 1})
LOAD = step("etl/load#1", action="data:read", provider="duckdb", resource="dataset://acme/sales")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signing key lies there."""
    monkeypatch.setenv("HOME", str(tmp_path))


def facts_of(stage: Stage, run_id: str = "run-1") -> dict[str, Any]:
    """What a stranger reads in the receipt of the run."""
    text = make_receipt(stage.workspace, run_id, stage.port.now())
    verdict = verifier.judge(text, [str(key) for key in verifier_keys(stage.workspace)])
    assert verdict.outcome == "verified", verdict.words
    return dict(verdict.facts or {})


def rows(facts: dict[str, Any], part: str, event: str) -> list[dict[str, Any]]:
    return [row for row in facts[part] if row.get("event") == event]


def ended(stage: Stage, run: GovernedRun, grant: Grant) -> None:
    stage.finish(run, grant)
    stage.close(run)


@pytest.mark.covers("B-07")
def test_under_a_standing_approval_it_names_that_one_and_who_approved_it(staged: Staged) -> None:
    stage = staged(STANDING)
    held = approved(stage, plan(PURGE))
    run = stage.open(plan(PURGE))
    ended(stage, run, purge(stage, run))
    (approval,) = facts_of(stage)["approvals"]
    assert [row["event"] for row in approval["records"]] == [
        "ir.approval_created",
        "approval.granted",
        "ir.approval_consumed",
        "approval.outcome",
    ]
    granted = approval["records"][1]
    assert (granted["standing"], granted["approved_by"]) == (held.request_id, ["bob", "carol"])


def test_an_emergency_stands_in_it_and_so_does_its_review(staged: Staged) -> None:
    stage = staged(GLASS)
    stage.approve(plan(PURGE))

    def alone(port: People, request: Any) -> None:
        why = "the disk is full and nobody answers"
        break_glass(port.workspace, request.request_id, Principal(name="dora"), why, port.now())

    stage.port.answer = alone
    run = stage.open(plan(PURGE))
    ended(stage, run, purge(stage, run))
    (approval,) = facts_of(stage)["approvals"]
    told = {row["event"]: row for row in approval["records"]}
    assert told["approval.break_glass"]["by"] == "dora" and told["approval.break_glass"]["review_by"]
    assert told["approval.vote"]["kind"] == "break_glass"
    assert told["approval.granted"]["approved_by"] == ["dora"]
    assert "approval.reviewed" not in told
    review(
        stage.workspace, approval["request_id"], Principal(name="carol"), "the disk was full indeed", stage.port.now()
    )
    (approval,) = facts_of(stage)["approvals"]
    assert approval["records"][-1]["event"] == "approval.reviewed" and approval["records"][-1]["by"] == "carol"


def test_each_attempt_of_a_retried_step_stands_in_it_under_one_approval(staged: Staged) -> None:
    stage = staged()
    stage.approve(plan(TWICE))
    stage.port.answer = approved_by("bob", "carol")
    run = stage.open(plan(TWICE))
    stage.finish(run, purge(stage, run), failed="ValueError")
    ended(stage, run, purge(stage, run, attempt=2))
    facts = facts_of(stage)
    assert [row["state"] for row in rows(facts, "conformance", "step.outcome")] == ["failed", "succeeded"]
    assert len(rows(facts, "decisions", "step.intent")) == 2
    (approval,) = facts["approvals"]
    assert [row["event"] for row in approval["records"]].count("approval.retried") == 1
    shown = run_receipt(stage.workspace, "run-1").steps
    assert [(one.calls, one.succeeded, one.failed, one.uncertain) for one in shown if one.calls] == [(2, 1, 1, False)]


WORKER = """
import sys
from datetime import UTC, datetime
from govflow.audit.record import Draft
from govflow.store import Store
store, name = Store.open(sys.argv[1]), sys.argv[2]
for number in range(20):
    for event, payload in (("step.intent", {"tier": 0}), ("step.outcome", {"state": "succeeded"})):
        payload["task_run_id"] = f"{name}-{number}"
        draft = Draft(event, "acme", datetime.now(UTC), "alice", "run-1", "etl", "etl/load#1", 1, payload=payload)
        store.append(draft, durable=False)
sys.stdout.write("written")
sys.stdout.flush()
sys.stdin.read()  # and is killed: what it acknowledged lies in its spool
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, staged: Staged) -> Iterator[Stage]:
    """A stage on a database that other processes reach."""
    if request.param == "sqlite":
        yield staged()
        return
    with a_database() as name:
        yield staged(database_url=url_of(name))


def test_two_worker_processes_of_one_run_are_both_in_it(shared: Stage, tmp_path: Path) -> None:
    stage = shared
    stage.approve(plan(LOAD))
    run = stage.open(plan(LOAD))
    url = stage.workspace.settings.database_url
    words = [sys.executable, "-c", WORKER, url]
    with ExitStack() as ending:
        for name in ("one", "two"):
            worker = ending.enter_context(
                subprocess.Popen([*words, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ})
            )
            ending.callback(worker.kill)
            assert worker.stdout is not None and worker.stdout.read(7) == b"written"
    run.called.add("etl/load#1")  # as the call seam notes it
    stage.close(run)
    facts = facts_of(stage)
    for name in ("step.intent", "step.outcome"):
        assert len(rows(facts, "decisions" if name == "step.intent" else "conformance", name)) == 40
    text = make_receipt(stage.workspace, "run-1", stage.port.now())
    assert verified_alone(tmp_path / "auditor", text.encode(), verifier_keys(stage.workspace))[0] == 0
    assert run_receipt(stage.workspace, "run-1").findings == ()


def test_a_step_that_the_approval_of_the_whole_plan_covers_rests_on_that_one(staged: Staged) -> None:
    stage = staged(WHOLE)
    stage.approve(plan(PURGE))
    run = stage.open(plan(PURGE))
    stage.port.answer = approved_by("bob", "carol")
    approve(stage, run)
    ended(stage, run, purge(stage, run))
    (approval,) = facts_of(stage)["approvals"]
    (intent,) = stage.log("step.intent")
    assert intent["payload"]["plan_request_id"] == approval["request_id"]
    records = [(seq, body) for seq, body in enumerate(stage.log()) if body.get("run_id") == "run-1"]
    assert verifier.missing_of(records) == []
    without = [one for one in records if one[1]["payload"].get("request_id") != approval["request_id"]]
    assert [words for words in verifier.missing_of(without) if approval["request_id"] in words]
