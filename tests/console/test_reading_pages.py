"""Pages that only show: runs, the audit log, the policy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from govflow.audit.record import Draft
from govflow.services.workspace import Workspace
from tests.console.conftest import Ask, Visit

IR = "sha256:" + "c" * 64
CANARY = "<script>alert(1)</script>"


def say(place: Workspace, event: str, run_id: str = "run-1", step_id: str | None = None, **payload: Any) -> None:
    values = payload.pop("values", {})
    at = {"run_id": run_id, "flow": "flights", "step_id": step_id, "values": values}
    place.store.append(Draft(event, "acme", datetime.now(UTC), subject="alice", payload=payload, **at), durable=True)


def begin(place: Workspace, run_id: str = "run-1") -> None:
    now, digest = datetime.now(UTC), place.engine.digest
    place.store.runs.save(run_id, "acme", "flights", IR, digest, "alice", now, {"some": "permit"})
    steps = {"flights/purge#0": {"tier": 3, "verdict": "escalate", "rule": "ask"}}
    say(place, "ir.validated_escalate", run_id, mode="enforce", ir_hash=IR, plan_hash=IR, steps=steps)


def test_a_run_is_listed_and_shown(place: Workspace, visit: Visit, ask: Ask) -> None:
    begin(place)
    ask("req-1")
    say(place, "step.intent", step_id="flights/purge#0", task_run_id="t1", tier=3, request_id="req-1")
    say(place, "step.refused", step_id="flights/other", code="unplanned", reason=CANARY, stopped=True)
    say(place, "run.closed", missing=[], failed="ValueError")
    bob = visit("bob")
    listed = bob.get("/runs").text
    assert "/runs/run-1" in listed
    assert "failed" in listed
    shown = bob.get("/runs/run-1").text
    for words in ("flights/purge#0", "ValueError", "/requests/req-1", "How it ended is not known", "unplanned"):
        assert words in shown
    assert CANARY not in shown
    assert "&lt;script&gt;" in shown


def test_a_run_that_is_not_there_is_said(visit: Visit) -> None:
    answer = visit("bob").get("/runs/none")
    assert answer.status_code == 404
    assert "no governed run" in answer.text


def test_runs_page_by_page(place: Workspace, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govflow.console.runs.PAGE", 2)
    for number in range(3):
        begin(place, f"run-{number}")
    bob = visit("bob")
    first = bob.get("/runs").text
    assert ("run-2" in first, "run-0" in first) == (True, False)
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "run-0" in bob.get(older).text
    assert bob.get("/runs?before=x").status_code in (404, 422)
    assert "Nothing is found" in bob.get("/runs?flow=other").text


def test_the_log_shows_fields_and_no_values(place: Workspace, visit: Visit) -> None:
    say(place, "approval.vote", decision="approve", note=CANARY, values={"reason": "personal-canary"})
    say(place, "step.outcome", "run-2", db_password="hunter2-canary", state="succeeded")
    bob = visit("bob")
    everything = bob.get("/audit").text
    assert "kept apart from the log" in everything
    for hidden in ("personal-canary", "hunter2-canary", CANARY):
        assert hidden not in everything
    of_run = bob.get("/audit", params={"run": "run-2"}).text
    assert ("<code>step.outcome</code>" in of_run, "<code>approval.vote</code>" in of_run) == (True, False)
    assert "Nothing is found" in bob.get("/audit", params={"until": "2020-01-01T00:00"}).text
    assert bob.get("/audit", params={"since": "2020-01-01T00:00", "who": "alice"}).text.count('<th scope="row">') == 2


@pytest.mark.parametrize("query", ["since=never", "event=nothing"])
def test_a_search_that_cannot_be(visit: Visit, query: str) -> None:
    answer = visit("bob").get(f"/audit?{query}")
    assert answer.status_code in (404, 422)
    assert "did not work" in answer.text


def test_the_policy_is_shown_in_words(place: Workspace, visit: Visit) -> None:
    page = visit("bob").get("/policy").text
    assert place.engine.digest in page
    assert "when none matches" in page
    assert "<dd>deny</dd>" in page


def test_the_menu_leads_to_each(visit: Visit) -> None:
    page = visit("bob").get("/").text
    for path in ("/runs", "/audit", "/policy"):
        assert f'{path}">' in page
