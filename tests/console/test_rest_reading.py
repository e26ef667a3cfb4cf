"""The REST API: runs, the audit log, the policy, and the description of it all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from govflow.approval import VoteDecision
from govflow.approval.rules import judge_vote
from govflow.audit.record import Draft
from govflow.services.workspace import Workspace
from govflow.store.audit_search import AuditSearch
from tests.console.api_place import a_place, ask, client_of, now

IR = "sha256:" + "c" * 64


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    workspace = a_place(tmp_path)
    yield workspace
    workspace.close()


@pytest.fixture
def bob(place: Workspace) -> TestClient:
    return client_of(place, "bob")


def say(place: Workspace, event: str, run_id: str = "run-1", step_id: str | None = None, **payload: Any) -> None:
    subject = payload.pop("subject", "rita")
    draft = Draft(
        event, "default", now(), subject=subject, run_id=run_id, flow="flights", step_id=step_id, payload=payload
    )
    place.store.append(draft, durable=True)


def opened(place: Workspace, run_id: str = "run-1", **more: Any) -> None:
    place.store.runs.save(
        run_id, "default", "flights", IR, place.engine.digest, "rita", more.pop("at", now()), {"some": "permit"}
    )
    steps = {
        "flights/read#0": {"tier": 0, "verdict": "pass", "rule": "allow-the-rest"},
        "flights/purge#0": {"tier": 3, "verdict": "escalate", "rule": "ask"},
        "flights/tell#0": {"tier": 1, "verdict": "pass", "rule": "allow-the-rest"},
    }
    say(place, "ir.validated_escalate", run_id, mode="enforce", ir_hash=IR, plan_hash=IR, attempt=1, steps=steps)


def test_a_run_tells_what_happened(place: Workspace, bob: TestClient) -> None:
    opened(place)
    say(place, "step.intent", step_id="flights/read#0", task_run_id="t1", tier=0)
    say(place, "step.outcome", step_id="flights/read#0", task_run_id="t1", state="succeeded")
    ask(place, required=1)
    say(place, "step.refused", step_id="flights/other", code="unplanned", reason="No such call.", stopped=True)
    selectors = frozenset({"user:bob", "role:owner"})
    approve = VoteDecision.APPROVE
    place.store.approvals.vote("req-1", "bob", selectors, "test", approve, "fine", now(), judge_vote)
    say(place, "step.intent", step_id="flights/purge#0", task_run_id="t2", tier=3, request_id="req-1")
    say(place, "run.closed", missing=["flights/tell#0"], failed=None)

    run = bob.get("/api/v1/runs/run-1").json()
    assert (run["flow"], run["requester"], run["mode"], run["end"]) == ("flights", "rita", "enforce", "failed")
    steps = {step["step_id"]: step for step in run["steps"]}
    assert list(steps) == ["flights/read#0", "flights/other", "flights/purge#0", "flights/tell#0"]
    assert (steps["flights/read#0"]["calls"], steps["flights/read#0"]["succeeded"]) == (1, 1)
    assert (steps["flights/purge#0"]["tier"], steps["flights/purge#0"]["requests"]) == (3, ["req-1"])
    assert steps["flights/purge#0"]["uncertain"] is True
    assert steps["flights/other"]["refusals"] == {"No such call.": "unplanned"}
    (approval,) = run["approvals"]
    assert (approval["state"], approval["votes"][0]["principal"], approval["why"]) == ("approved", "bob", "fine")
    assert {one["code"] for one in run["findings"]} == {"unplanned", "step-missing", "uncertain"}
    assert run["records"] == run["last"] - run["first"] + 1
    assert run["whole"] is True


def test_runs_are_listed_newest_first(place: Workspace, bob: TestClient) -> None:
    start = now()
    for number in range(5):
        opened(place, f"run-{number}", at=start + timedelta(seconds=number // 2))  # two at one moment
    say(place, "run.closed", "run-3", missing=[], failed=None)
    say(place, "run.refused", "run-1", code="denied", reason="No.", stopped=True)
    found, before = [], None
    while True:
        page = bob.get("/api/v1/runs", params={"limit": 2} | ({} if before is None else {"before": before})).json()
        found += [(run["run_id"], run["end"]) for run in page["runs"]]
        before = page["next"]
        if before is None:
            break
    assert found == [("run-4", "open"), ("run-3", "done"), ("run-2", "open"), ("run-1", "refused"), ("run-0", "open")]
    assert bob.get("/api/v1/runs", params={"flow": "other"}).json() == {"runs": [], "next": None}


@pytest.mark.parametrize("before", ["x", "2026-01-01T00:00:00~a", "~", "1~", "12345678901234567~a"])
def test_a_place_that_is_none(bob: TestClient, before: str) -> None:
    answer = bob.get("/api/v1/runs", params={"before": before})
    assert (answer.status_code, answer.json()["code"]) == (422, "input")


def test_a_run_that_was_not_governed_is_not_there(bob: TestClient) -> None:
    answer = bob.get("/api/v1/runs/none")
    assert (answer.status_code, answer.json()["code"]) == (404, "request")


def test_the_log_is_searched(place: Workspace, bob: TestClient) -> None:
    began = now()
    for number in range(6):
        say(place, "step.outcome", f"run-{number % 2}", task_run_id=str(number), subject=f"person-{number % 3}")

    def found(**asked: Any) -> list[str]:
        page = bob.get("/api/v1/audit/records", params={"since": began.isoformat(), **asked}).json()
        return [one["payload"].get("task_run_id", "") for one in page["records"]]

    assert found(event="step.outcome") == ["5", "4", "3", "2", "1", "0"]
    assert found(run_id="run-1") == ["5", "3", "1"]
    assert found(subject="person-2") == ["5", "2"]
    assert found(run_id="run-1", subject="person-2") == ["5"]
    assert found(until=began.isoformat()) == []
    first = bob.get("/api/v1/audit/records", params={"event": "step.outcome", "limit": 4}).json()
    rest = bob.get("/api/v1/audit/records", params={"event": "step.outcome", "before": first["next"]}).json()
    assert [one["payload"]["task_run_id"] for one in rest["records"]] == ["1", "0"]
    assert rest["next"] is None


def test_a_search_says_how_far_it_looked(place: Workspace, bob: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    say(place, "step.outcome", task_run_id="first", subject="zoe")
    for number in range(10):
        say(place, "step.outcome", task_run_id=str(number))
    monkeypatch.setattr("govflow.store.audit_search.LOOKED", 4)
    assert isinstance(place.store.audit_search, AuditSearch)
    asked: dict[str, Any] = {"subject": "zoe", "event": "step.outcome"}
    pages = 0
    while True:
        page = bob.get("/api/v1/audit/records", params=asked).json()
        pages += 1
        if page["records"] or page["next"] is None:
            break
        asked["before"] = page["next"]
    assert page["records"][0]["payload"]["task_run_id"] == "first"
    assert pages > 2


def test_values_that_the_log_commits_to_are_not_shown(place: Workspace, bob: TestClient) -> None:
    values = {"reason": "personal-canary"}
    place.store.append(Draft("approval.vote", "default", now(), subject="bob", values=values), durable=True)
    answer = bob.get("/api/v1/audit/records", params={"event": "approval.vote"})
    assert answer.json()["records"][0]["commitments"] == ["reason"]
    assert "personal-canary" not in answer.text


@pytest.mark.parametrize("query", ["event=nothing", "since=2026-01-01T00:00:00", "since=x", "limit=0"])
def test_a_search_that_cannot_be(bob: TestClient, query: str) -> None:
    assert bob.get(f"/api/v1/audit/records?{query}").status_code == 422


def test_the_policy_in_force(place: Workspace, bob: TestClient) -> None:
    policy = bob.get("/api/v1/policy").json()
    (layer,) = policy["layers"]
    assert policy["digest"] == place.engine.digest
    assert [(rule["name"], rule["effect"]) for rule in layer["rules"]] == [
        ("ask", "require_approval"),
        ("allow-the-rest", "allow"),
    ]
    assert (layer["name"], layer["files"], policy["explicit"]) == ("small", ["policy.yaml"], True)
    (owners,) = policy["approvals"]
    assert (owners["name"], owners["required"], owners["approvers"]) == ("owners", 2, ["role:owner"])


def test_every_route_is_described(place: Workspace) -> None:
    document = client_of(place, None).get("/api/v1/openapi.json").json()
    for path, ways in document["paths"].items():
        for method, way in ways.items():
            told = f"{method} {path}"
            assert way["summary"], told
            assert way["description"], told
            assert way["tags"], told
            assert {"401", "422", "503"} <= set(way["responses"]), told
            refs = {
                status: answer["content"]["application/json"]["schema"]["$ref"]
                for status, answer in way["responses"].items()
            }
            problem = "#/components/schemas/Problem"
            assert all((ref == problem) == (status != "200") for status, ref in refs.items()), told


@pytest.mark.parametrize("path", ["me", "requests", "requests/x", "runs", "runs/x", "audit/records", "policy"])
def test_nothing_is_read_without_a_key(place: Workspace, path: str) -> None:
    answer = client_of(place, None).get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in-refused")
