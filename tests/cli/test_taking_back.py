"""Questions that are taken back, and those that nobody answered in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govflow.approval import ApprovalRule
from tests.cli.conftest import Run
from tests.cli.test_approvals import ask, binding, events


def state(run: Run, request_id: str = "req-1") -> str:
    found: str = run("approvals", "show", request_id, "--format", "json").json["state"]
    return found


def test_the_requester_takes_a_question_back(run: Run) -> None:
    ask()
    result = run("approvals", "revoke", "req-1", "--as", "alice", "--reason", "wrong day")
    assert (result.code, result.err) == (0, "")
    assert "alice (claimed, not authenticated): revoked" in result.out
    assert state(run) == "revoked"
    assert ("approval.revoked", "alice") in events(run)
    assert run("approvals", "approve", "req-1", "--as", "bob").err.startswith("error[request-closed]")


def test_whoever_may_answer_takes_an_approval_back_before_it_is_used(run: Run) -> None:
    ask()
    assert run("approvals", "approve", "req-1", "--as", "bob").code == 0
    result = run("approvals", "revoke", "req-1", "--as", "bob", "--format", "json")
    assert (result.code, result.json["state"]) == (0, "revoked")
    again = run("approvals", "revoke", "req-1", "--as", "bob")
    assert (again.code, again.out) == (1, "")
    assert "it is revoked" in again.err or "is revoked; there is nothing to take back" in again.err


@pytest.mark.parametrize("name", ["mallory", "ALICE"])
def test_nobody_else_takes_it_back(run: Run, name: str) -> None:
    ask()
    result = run("approvals", "revoke", "req-1", "--as", name)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error[not-eligible]")
    assert "alice may take it back" in result.err
    assert state(run) == "pending"
    assert ("approval.vote_refused", name) in events(run)


def test_under_another_policy_only_the_requester_takes_it_back(
    run: Run, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    own = repo / "own.yaml"
    own.write_text((repo / "policy.yaml").read_text() + "  mallory: {roles: [owner]}\n")
    monkeypatch.setenv("GOVFLOW_POLICY", str(own))
    assert run("approvals", "revoke", "req-1", "--as", "mallory").err.startswith("error[policy-mismatch]")
    assert run("approvals", "revoke", "req-1", "--as", "alice").code == 0


def test_what_is_overdue_is_closed_and_named(run: Run) -> None:
    past = datetime.now(UTC) - timedelta(hours=2)
    assert run("approvals", "expire").out == "nothing was due\n"
    ask("late", created_at=past, expires_at=past + timedelta(hours=1), binding=binding(step_id="a"))
    ask("open", binding=binding(step_id="b"))
    closed = run("approvals", "expire", "--format", "json")
    assert [one["request_id"] for one in closed.json["expired"]] == ["late"]
    assert (state(run, "late"), state(run, "open")) == ("expired", "pending")
    theirs = binding(tenant="other", step_id="c")
    ask("theirs", created_at=past, expires_at=past + timedelta(hours=1), binding=theirs)
    told = run("approvals", "expire").out
    assert ("of other tenants: 1" in told, "theirs" in told) == (True, False)
    assert ("ir.approval_expired", "govflow") in events(run)


def test_the_eleventh_wrong_answer_in_a_minute_is_not_looked_at(run: Run) -> None:
    ask(rule=ApprovalRule(name="anyone"))
    codes = [run("approvals", "approve", "req-1", "--as", "alice").err.partition("]")[0] for _ in range(11)]
    assert codes == ["error[self-approval"] * 10 + ["error[too-many-attempts"]
    assert run("approvals", "approve", "req-1", "--as", "bob").code == 0
