"""Questions at the terminal: list, show, approve, deny, token."""

from __future__ import annotations

import os
import pty
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from govflow.approval import ApprovalRequest, ApprovalRule, Binding, RequestState, VoteDecision, judge_vote
from govflow.audit.record import Draft
from govflow.cli.app import main
from govflow.errors import TokenInvalid
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run, drain
from tests.services.material import request as template

OWNER = ApprovalRule(name="owner", approvers=("role:owner",))


def ask(request_id: str = "req-1", **changes: Any) -> ApprovalRequest:
    """Put a question to people in the configured store, as a run under the configured policy does."""
    now = datetime.now(UTC)
    workspace = open_workspace(load_settings())
    given: dict[str, Any] = {"request_id": request_id, "rule": OWNER, "created_at": now, "binding": binding()}
    given["expires_at"] = now + timedelta(hours=1)
    asked = template(**(given | changes))
    judged_by = {"policy_digest": workspace.engine.digest}
    asked = asked.model_copy(update={"binding": asked.binding.model_copy(update=judged_by)})
    try:
        draft = Draft("ir.approval_created", asked.binding.tenant, now, subject=asked.requester)
        return workspace.store.approvals.open(asked, draft)
    finally:
        workspace.close()


def binding(**changes: Any) -> Binding:
    return template().binding.model_copy(update=changes)


def events(run: Run) -> list[tuple[str, str]]:
    return [
        (r["body"]["event"], r["body"]["subject"]) for r in run("audit", "tail", "--format", "json").json["records"]
    ]


@pytest.mark.covers("S2-090")
def test_open_questions_are_listed_newest_first(run: Run) -> None:
    ask("req-1", binding=binding(step_id="a"))
    ask("req-2", binding=binding(step_id="b"))
    listed = run("approvals", "list", "--format", "json")
    assert (listed.code, listed.err) == (0, "")
    assert [one["request_id"] for one in listed.json["requests"]] == ["req-2", "req-1"]
    assert "req-1" in run("approvals", "list").out


def test_a_question_is_shown_in_three_forms(run: Run) -> None:
    ask()
    assert "who may approve" in run("approvals", "show", "req-1").out
    assert run("approvals", "show", "req-1", "--format", "md").out.startswith("### Approval needed")
    document = run("approvals", "show", "req-1", "--format", "json").json
    assert (document["needed"], document["rule"]["approvers"]) == (1, ["role:owner"])


def test_a_second_person_approves_once(run: Run) -> None:
    ask()
    result = run("approvals", "approve", "req-1", "--as", "bob", "--reason", "counted")
    assert result.code == 0
    assert "bob (claimed, not authenticated): approve" in result.out
    assert "The run goes on." in result.out
    document = run("approvals", "show", "req-1", "--format", "json").json
    assert document["state"] == "approved"
    assert document["votes"][0] | {"at": ""} == {
        "request_id": "req-1",
        "principal": "bob",
        "assurance": "claimed, not authenticated",
        "decision": "approve",
        "reason": "counted",
        "at": "",
        "kind": "vote",
        "selectors": ["role:owner", "user:bob"],
        "through": [],
        "through_selectors": [],
    }
    again = run("approvals", "approve", "req-1", "--as", "bob")
    assert (again.code, again.out) == (1, "")
    assert again.err.startswith("error[request-closed]")


@pytest.mark.covers("S5-30")
def test_the_requester_cannot_approve(run: Run) -> None:
    ask(rule=ApprovalRule(name="anyone"))
    for name in ("alice", "ALICE"):
        result = run("approvals", "approve", "req-1", "--as", name)
        assert result.code == 1
        assert result.err.startswith("error[self-approval]")
    assert run("approvals", "show", "req-1", "--format", "json").json["state"] == "pending"
    assert ("approval.vote_refused", "alice") in events(run)


def test_a_role_comes_from_the_policy_and_not_from_the_command(run: Run) -> None:
    ask()
    result = run("approvals", "approve", "req-1", "--as", "mallory")
    assert result.code == 1
    assert result.err.startswith("error[not-eligible]")
    assert "role:owner" in result.err


def test_an_approvers_own_policy_file_gives_no_role(run: Run, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules are the run's; the roles would be those of whichever file the voter points at."""
    ask()
    own = repo / "own.yaml"
    own.write_text((repo / "policy.yaml").read_text() + "  mallory: {roles: [owner]}\n")
    monkeypatch.setenv("GOVFLOW_POLICY", str(own))
    for words in (["approve", "req-1"], ["deny", "req-1"], ["token", "req-1"]):
        result = run("approvals", *words, "--as", "mallory")
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith("error[policy-mismatch]: The policy here is sha256:")
        assert str(own) in result.err and "GOVFLOW_POLICY=" in result.err
    monkeypatch.delenv("GOVFLOW_POLICY")
    assert run("approvals", "show", "req-1", "--format", "json").json["state"] == "pending"
    assert events(run).count(("approval.vote_refused", "mallory")) == 3


def test_an_answer_where_no_policy_is_configured_is_told_what_to_set(
    run: Run, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask()
    (repo / "pyproject.toml").unlink()
    result = run("approvals", "approve", "req-1", "--as", "bob")
    assert result.code == 1
    assert "the starter policy, for none is configured" in result.err
    assert asked.binding.policy_digest[:19] in result.err
    assert "GOVFLOW_POLICY=/path/to/policy.yaml" in result.err
    shown = run("approvals", "show", "req-1").out
    assert "an answer from here would not count" in shown
    assert "approvals approve" not in shown, "it would be refused"
    monkeypatch.setenv("GOVFLOW_POLICY", str(repo / "policy.yaml"))
    assert "approvals approve req-1" in run("approvals", "show", "req-1").out
    assert run("approvals", "approve", "req-1", "--as", "bob").code == 0


def test_a_closed_question_says_that_it_is_closed_under_any_policy(run: Run, repo: Path) -> None:
    ask()
    assert run("approvals", "approve", "req-1", "--as", "bob").code == 0
    (repo / "pyproject.toml").unlink()
    assert run("approvals", "approve", "req-1", "--as", "bob").err.startswith("error[request-closed]")


def test_two_people_are_two_votes(run: Run) -> None:
    ask(rule=ApprovalRule(name="two", required=2))
    first = run("approvals", "approve", "req-1", "--as", "bob")
    assert "one more person must approve" in first.out
    assert "1 of 2 have said yes" in run("approvals", "show", "req-1").out
    assert run("approvals", "approve", "req-1", "--as", "bob").err.startswith("error[already-voted]")
    assert "The run goes on." in run("approvals", "approve", "req-1", "--as", "carol").out


def test_one_no_ends_it(run: Run) -> None:
    ask()
    result = run("approvals", "deny", "req-1", "--as", "bob", "--reason", "wrong table")
    assert result.code == 0
    assert "The step will not run." in result.out
    listed = run("approvals", "list", "--state", "denied", "--format", "json").json
    assert listed["requests"][0]["request_id"] == "req-1"
    assert run("approvals", "list").out == "no requests\n"


def test_an_expired_question_cannot_be_answered(run: Run) -> None:
    past = datetime.now(UTC) - timedelta(hours=2)
    ask(created_at=past, expires_at=past + timedelta(hours=1))
    result = run("approvals", "approve", "req-1", "--as", "bob")
    assert result.code == 1
    assert result.err.startswith("error[request-closed]")


def test_another_tenants_question_does_not_exist(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(binding=binding(tenant="other"))
    for words in (["show", "req-1"], ["approve", "req-1", "--as", "bob"], ["token", "req-1", "--as", "bob"]):
        result = run("approvals", *words)
        assert result.code == 2
        assert result.err.startswith("error[request]: There is no approval request 'req-1'.")
    monkeypatch.setenv("GOVFLOW_TENANT", "other")
    assert run("approvals", "show", "req-1").code == 0


@pytest.mark.parametrize("limit", ["0", "-1", "100000"])
def test_a_limit_that_makes_no_sense_is_refused(run: Run, limit: str) -> None:
    assert run("approvals", "list", "--limit", limit).code == 2


def test_a_reason_that_is_a_book_is_refused(run: Run) -> None:
    ask()
    assert run("approvals", "approve", "req-1", "--as", "bob", "--reason", "x" * 3000).code == 2


def test_a_name_that_is_no_name_is_refused(run: Run) -> None:
    ask()
    result = run("approvals", "approve", "req-1", "--as", "bob smith")
    assert result.code == 2
    assert "no name of a person" in result.err


def test_a_token_votes_once_for_one_person(run: Run) -> None:
    asked = ask()
    result = run("approvals", "token", "req-1", "--as", "bob")
    secret = result.out.strip()
    assert secret.startswith("gfa_")
    workspace = open_workspace(load_settings())
    try:
        spend = workspace.store.tokens.spend
        spent = spend(secret, asked.binding, VoteDecision.APPROVE, "", datetime.now(UTC), judge_vote)
        assert spent.state is RequestState.APPROVED
        with pytest.raises(TokenInvalid):
            spend(secret, asked.binding, VoteDecision.APPROVE, "", datetime.now(UTC), judge_vote)
    finally:
        workspace.close()
    assert ("approval.vote", "bob") in events(run)


@pytest.mark.covers("S5-23", "S5-24")
def test_a_token_is_in_no_log_and_no_database(run: Run, repo: Path) -> None:
    ask()
    secret = run("approvals", "token", "req-1", "--as", "bob", "--format", "json").json["token"]
    everything = (
        run("audit", "tail", "--format", "json").out + run("approvals", "show", "req-1", "--format", "json").out
    )
    assert secret not in everything
    for path in repo.parent.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_the_requester_gets_no_token(run: Run) -> None:
    ask(rule=ApprovalRule(name="anyone"))
    result = run("approvals", "token", "req-1", "--as", "alice")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error[self-approval]")


@pytest.mark.parametrize(
    ("answer", "code", "state"), [(b"y\n", 0, "approved"), (b"n\n", 1, "pending"), (b"\n", 1, "pending")]
)
def test_a_terminal_is_asked_before_a_vote_counts(
    run: Run, monkeypatch: pytest.MonkeyPatch, answer: bytes, code: int, state: str
) -> None:
    ask()
    ours, theirs = pty.openpty()
    with open(theirs, "r+b", buffering=0) as raw, open(os.dup(theirs), "w") as out, open(os.dup(theirs)) as typed:
        assert raw.isatty()
        os.write(ours, answer)
        with monkeypatch.context() as terminal:
            terminal.setattr(sys, "stdin", typed)
            terminal.setattr(sys, "stdout", out)
            assert main(["approvals", "approve", "req-1", "--as", "bob"]) == code
    shown = drain(ours)
    assert b"who may approve" in shown
    assert b"approve as bob? [y/N]" in shown
    assert run("approvals", "show", "req-1", "--format", "json").json["state"] == state
