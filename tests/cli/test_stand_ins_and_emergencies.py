"""Delegations, emergencies, standing approvals and who decides, at the terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govflow.approval import ApprovalRule
from govflow.approval.models import BreakGlass, DelegationTerms
from tests.cli.conftest import Run
from tests.cli.test_approvals import ask, events

RULE = ApprovalRule(
    name="owner",
    approvers=("role:owner",),
    delegation=DelegationTerms(),
    break_glass=BreakGlass(approvers=("user:dora",), review_seconds=1),
)


def test_somebody_answers_in_anothers_stead(run: Run) -> None:
    ask(rule=RULE)
    given = run("approvals", "delegate", "req-1", "--to", "carol", "--as", "bob", "--for", "2h", "--reason", "away")
    assert (given.code, given.err) == (0, "")
    assert "carol may answer request req-1 in the stead of bob until " in given.out
    (listed,) = run("approvals", "delegations", "--format", "json").json["delegations"]
    assert (listed["giver"], listed["taker"], listed["reason"]) == ("bob", "carol", "away")
    assert "in force" in run("approvals", "delegations", "--person", "carol").out
    assert "carol for bob" in run("approvals", "who", "req-1").out
    assert run("approvals", "approve", "req-1", "--as", "carol").code == 0
    assert "carol (claimed, not authenticated), in the stead of bob: approve" in run("approvals", "show", "req-1").out
    assert ("approval.delegated", "bob") in events(run)


def test_for_a_rule_of_the_policy_file_somebody_answers_what_is_asked_later(run: Run, repo: Path) -> None:
    policy = repo / "policy.yaml"
    owners = 'approvers: ["role:owner"]'
    policy.write_text(policy.read_text().replace(owners, f"{owners}, delegation: {{depth: 1, ttl_seconds: 86400}}"))
    long = run("approvals", "delegate", "--rule", "owner", "--to", "carol", "--as", "bob", "--for", "25h")
    assert (long.code, "lives 1 to 86400 seconds" in long.err) == (2, True)
    for words in (["--rule", "owner"], ["--all"]):
        assert run("approvals", "delegate", *words, "--to", "carol", "--as", "bob", "--for", "24h").code == 0
    ask(rule=RULE)
    assert run("approvals", "approve", "req-1", "--as", "carol").code == 0


def test_a_delegation_is_taken_back(run: Run) -> None:
    ask(rule=RULE)
    words = ("approvals", "delegate", "req-1", "--to", "carol", "--as", "bob", "--for", "8h", "--format", "json")
    name = run(*words).json["delegation_id"]
    other = run("approvals", "delegations", "revoke", name, "--as", "dora")
    assert (other.code, other.err.partition("]")[0]) == (1, "error[not-eligible")
    done = run("approvals", "delegations", "revoke", name, "--as", "bob")
    assert (done.code, done.out) == (0, "carol does not answer in the stead of bob any more.\n")
    assert run("approvals", "delegations").out == "no delegations\n"
    assert "taken back" in run("approvals", "delegations", "--over").out
    assert run("approvals", "approve", "req-1", "--as", "carol").err.startswith("error[not-eligible]")


@pytest.mark.parametrize(
    "words",
    [
        ["req-1", "--to", "carol", "--as", "bob"],
        ["req-1", "--to", "carol", "--as", "bob", "--for", "1h", "--until", "2030-01-01"],
        ["req-1", "--all", "--to", "carol", "--as", "bob", "--for", "1h"],
        ["--to", "carol", "--as", "bob", "--for", "1h"],
        ["--rule", "nobody-knows", "--to", "carol", "--as", "bob", "--for", "1h"],
        ["req-1", "--to", "bob", "--as", "bob", "--for", "1h"],
        ["req-1", "--to", "carol", "--as", "bob", "--for", "900000h"],
    ],
)
def test_what_makes_no_sense_is_refused_and_says_what_to_do(run: Run, words: list[str]) -> None:
    ask(rule=RULE)
    result = run("approvals", "delegate", *words)
    assert (result.code, result.out) == (2, "")
    assert "mend:" in result.err


def test_to_the_requester_nothing_is_delegated(run: Run) -> None:
    ask(rule=RULE)
    result = run("approvals", "delegate", "req-1", "--to", "alice", "--as", "bob", "--for", "1h")
    assert (result.code, result.err.partition("]")[0]) == (1, "error[self-approval")


def test_an_emergency_is_recorded_reviewed_and_listed(run: Run) -> None:
    ask(rule=RULE)
    short = run("approvals", "break-glass", "req-1", "--as", "dora", "--reason", "now")
    assert (short.code, short.err.partition(":")[0]) == (2, "error[request]")
    done = run("approvals", "break-glass", "req-1", "--as", "dora", "--reason", "the site is down since noon")
    assert (done.code, done.err) == (0, "")
    assert "dora (claimed, not authenticated): broke the glass. Request req-1 is approved." in done.out
    assert "somebody who had no part in it reviews it by" in done.out
    assert "dora (claimed, not authenticated), alone in an emergency: approve" in run("approvals", "show", "req-1").out
    assert ("approval.break_glass", "dora") in events(run)
    (one,) = run("approvals", "reviews", "--format", "json").json["reviews"]
    assert (one["principal"], one["reviewed_by"]) == ("dora", None)
    finding = ("--finding", "right: a backup was there")
    own = run("approvals", "review", "req-1", "--as", "dora", *finding)
    assert (own.code, own.err.partition("]")[0]) == (1, "error[self-approval")
    assert "bob reviewed it" in run("approvals", "review", "req-1", "--as", "bob", *finding).out
    assert run("approvals", "reviews").out == "no reviews\n"
    assert "reviewed by bob" in run("approvals", "reviews", "--all").out


def test_an_overdue_review_is_told_by_its_list_and_by_doctor(run: Run) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    ask(rule=RULE, created_at=past, expires_at=past + timedelta(hours=2))
    reason = "the site is down since noon"
    assert run("approvals", "break-glass", "req-1", "--as", "dora", "--reason", reason, "--format", "json").code == 0
    while not run("approvals", "reviews", "--due", "--format", "json").json["reviews"]:
        pass  # it is due a second later
    late = run("approvals", "reviews", "--due")
    assert (late.code, "overdue" in late.out) == (1, True)
    assert "1 emergency approval(s) wait for a review that is overdue: req-1 (by dora" in run("doctor").out


def test_who_may_decide_is_told_in_text_and_json(run: Run) -> None:
    ask(rule=RULE)
    text = run("approvals", "who", "req-1")
    assert text.code == 0
    for words in (
        "asked now",
        "0 of 1 said yes",
        "may still answer: bob",
        "in an emergency, alone: dora",
        "alice: asked",
    ):
        assert words in text.out
    document = run("approvals", "who", "req-1", "--format", "json").json
    assert (document["needed"], document["now"], document["alone"]) == (1, ["bob"], ["dora"])
    assert document["excluded"] == [{"name": "alice", "why": "asked for the run"}]
    assert run("approvals", "who", "req-9").code == 2


def test_a_standing_approval_is_proposed_for_what_people_are_asked_about(run: Run) -> None:
    words = ["--step", "nightly/purge#1", "--runs", "1", "--until", "2030-01-01", "--as", "alice"]
    result = run("approvals", "stand", "--flow", "nightly", *words)
    assert (result.code, "no approved plan" in result.err) == (2, True)
    assert run("approvals", "standing").out == "no standing approvals\n"
