"""Attacks: what somebody held before they were deactivated lets nobody vote afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from govflow.approval import ApprovalRequest, ApprovalRule, RequestState, Vote, VoteDecision, judge_vote
from govflow.approval.models import DelegationTerms
from govflow.errors import Denied, Refused
from govflow.services.cast_answer import cast_answer
from govflow.services.decide_approvals import decide, mint_token, show_request
from govflow.services.delegate import delegate
from govflow.services.describe import request_text
from govflow.services.enough_approvers import need_enough
from govflow.services.manage_people import add_principal, deactivate_principal, reactivate_principal
from govflow.services.who_decides import who
from govflow.services.workspace import Workspace
from tests.services.desks import HOUR, NOW, ask, desk, log
from tests.services.material import request

TERMS = DelegationTerms(depth=2, ttl_seconds=86400)
BY_NAME = ApprovalRule(name="by-name", approvers=("user:bob", "user:carol"), delegation=TERMS)
ANYBODY = ApprovalRule(name="anybody", delegation=TERMS)
BY_ROLE = ApprovalRule(name="by-role", approvers=("role:owner",), delegation=TERMS)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Workspace]:
    opened = desk(tmp_path, BY_NAME, ANYBODY, BY_ROLE, bob=("owner",), carol=("owner",), dora=(), erin=())
    for name in ("bob", "dora"):
        add_principal(opened, name, "root", NOW)
    yield opened
    opened.close()


def hand_on(at: Workspace, giver: str, taker: str, depth: int = 0) -> None:
    new_id = f"{giver}-{taker}"
    delegate(at, at.principal(giver), taker, until=NOW + HOUR, now=NOW, new_id=new_id, request_id="req-1", depth=depth)


@pytest.mark.parametrize("rule", [BY_NAME, BY_ROLE], ids=["named by name", "named by role"])
def test_a_delegation_from_somebody_who_was_deactivated_since_gives_no_right(at: Workspace, rule: ApprovalRule) -> None:
    ask(at, rule)
    hand_on(at, "bob", "erin")
    deactivate_principal(at, "bob", "root", NOW)
    assert who(at, "req-1", NOW).stead == ()
    with pytest.raises(Refused):
        decide(at, "req-1", at.principal("erin"), VoteDecision.APPROVE, "", NOW)
    assert at.store.approvals.get("req-1").state is RequestState.PENDING


def test_a_chain_through_somebody_who_was_deactivated_since_gives_no_right(at: Workspace) -> None:
    ask(at, BY_NAME)
    hand_on(at, "bob", "dora", depth=1)
    hand_on(at, "dora", "erin")
    deactivate_principal(at, "dora", "root", NOW)
    with pytest.raises(Refused):
        decide(at, "req-1", at.principal("erin"), VoteDecision.APPROVE, "", NOW)
    assert at.store.approvals.get("req-1").state is RequestState.PENDING


@pytest.mark.parametrize("rule", [BY_NAME, BY_ROLE, ANYBODY], ids=["named by name", "named by role", "anybody"])
def test_a_token_of_somebody_who_was_deactivated_since_buys_no_vote(at: Workspace, rule: ApprovalRule) -> None:
    asked = ask(at, rule)
    secret = SecretStr(mint_token(at, "req-1", at.principal("bob"), NOW, bytes(32)))
    deactivate_principal(at, "bob", "root", NOW)
    with pytest.raises(Refused):
        cast_answer(at, asked, secret, VoteDecision.APPROVE, "", NOW)
    assert at.store.approvals.get("req-1").state is RequestState.PENDING
    assert at.store.approvals.votes("req-1") == []


def test_somebody_who_was_deactivated_is_not_among_those_who_may_decide(at: Workspace) -> None:
    ask(at, BY_NAME)
    deactivate_principal(at, "bob", "root", NOW)
    assert who(at, "req-1", NOW).now == ("carol",)


@pytest.mark.parametrize("rule", [BY_NAME, BY_ROLE], ids=["named by name", "named by role"])
def test_no_run_waits_for_somebody_who_was_deactivated(at: Workspace, rule: ApprovalRule) -> None:
    wanted = rule.model_copy(update={"required": 2})
    need_enough(at, request(rule=wanted))
    deactivate_principal(at, "bob", "root", NOW)
    with pytest.raises(Denied):
        need_enough(at, request(rule=wanted))


BY_TWO = ApprovalRule(name="by-two", required=2, approvers=("role:owner",), delegation=TERMS)


def say(at: Workspace, name: str, decision: VoteDecision = VoteDecision.APPROVE) -> RequestState:
    return decide(at, "req-1", at.principal(name), decision, "", NOW).request.state


def test_the_yes_of_somebody_who_is_deactivated_does_not_decide_afterwards(at: Workspace) -> None:
    at.principals = {**at.principals, "fay": ("owner",)}
    ask(at, BY_TWO)
    say(at, "bob")
    assert deactivate_principal(at, "bob", "root", NOW)["votes"] == 1
    assert show_request(at, "req-1").needed == 2
    assert say(at, "carol") is RequestState.PENDING
    assert say(at, "fay") is RequestState.APPROVED
    granted = log(at, "approval.granted")[0]["payload"]
    assert granted["approved_by"] == ["carol", "fay"]
    [taken] = log(at, "approval.vote_withdrawn")
    assert (taken["subject"], taken["payload"]["principal"]) == ("root", "bob")
    text = request_text(*_shown(at))
    assert "bob" in text and "counts no more" in text


def test_a_yes_that_was_taken_out_does_not_come_back_with_the_person(at: Workspace) -> None:
    ask(at, BY_TWO)
    say(at, "bob")
    deactivate_principal(at, "bob", "root", NOW)
    reactivate_principal(at, "bob", "root", NOW)
    with pytest.raises(Refused):
        say(at, "bob")
    assert say(at, "carol") is RequestState.PENDING


def test_a_yes_in_the_stead_of_somebody_who_is_deactivated_is_taken_out(at: Workspace) -> None:
    ask(at, BY_TWO)
    hand_on(at, "bob", "erin")
    say(at, "erin")
    assert deactivate_principal(at, "bob", "root", NOW)["votes"] == 1
    assert say(at, "carol") is RequestState.PENDING


def test_the_yes_of_another_spelling_is_taken_out_too(at: Workspace) -> None:
    at.principals = {"DORA": ("owner",), "carol": ("owner",)}
    ask(at, BY_TWO)
    at.store.approvals.vote(
        "req-1", "DORA", frozenset({"role:owner"}), "claimed", VoteDecision.APPROVE, "", NOW, judge_vote
    )
    assert deactivate_principal(at, "dora", "root", NOW)["votes"] == 1
    assert say(at, "carol") is RequestState.PENDING


def test_nobody_gets_rid_of_a_no_by_deactivating_who_said_it(at: Workspace) -> None:
    ask(at, BY_TWO.model_copy(update={"deny_threshold": 2}))
    say(at, "bob", VoteDecision.DENY)
    assert deactivate_principal(at, "bob", "root", NOW)["votes"] == 0
    assert say(at, "carol", VoteDecision.DENY) is RequestState.DENIED


def test_what_was_decided_stays_decided(at: Workspace) -> None:
    ask(at, BY_TWO)
    say(at, "bob")
    assert say(at, "carol") is RequestState.APPROVED
    assert deactivate_principal(at, "bob", "root", NOW)["votes"] == 0
    assert [vote.kind for vote in at.store.approvals.votes("req-1")] == ["vote", "vote"]


def _shown(at: Workspace) -> tuple[ApprovalRequest, tuple[Vote, ...]]:
    found = show_request(at, "req-1")
    return found.request, found.votes
