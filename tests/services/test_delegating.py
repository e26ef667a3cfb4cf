"""Letting others answer in one's stead: what it leads to, what is refused, and what the record says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from govflow.approval import ApprovalRequest, ApprovalRule, RequestState, VoteDecision
from govflow.approval.models import Delegation, DelegationTerms, Group, Stage
from govflow.errors import AlreadyVoted, GovflowError, NotEligible, RequestError, SelfApproval
from govflow.services.cast_answer import cast_answer
from govflow.services.decide_approvals import Question, decide, mint_token
from govflow.services.delegate import delegate, list_delegations, revoke_delegation
from govflow.services.workspace import Workspace
from tests.services.desks import HOUR, NOW, ask, desk, log

TERMS = DelegationTerms(depth=2, ttl_seconds=86400)
OWNERS = ApprovalRule(name="owners", approvers=("role:owner",), required=2, delegation=TERMS)
PLAIN = ApprovalRule(name="plain", approvers=("role:owner",))


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Workspace]:
    opened = desk(tmp_path, OWNERS, PLAIN, bob=("owner",), carol=("owner",), dora=(), erin=())
    yield opened
    opened.close()


def give(at: Workspace, giver: str, taker: str, **changes: Any) -> Delegation:
    given: dict[str, Any] = {"until": NOW + HOUR, "now": NOW, "new_id": f"d-{giver}-{taker}", "request_id": "req-1"}
    return delegate(at, at.principal(giver), taker, **(given | changes))


def vote(at: Workspace, name: str, decision: VoteDecision = VoteDecision.APPROVE, now: datetime = NOW) -> Question:
    return decide(at, "req-1", at.principal(name), decision, "", now)


@pytest.mark.covers("S5-77")
def test_a_vote_in_anothers_stead_counts_and_its_record_names_the_chain(at: Workspace) -> None:
    ask(at, OWNERS)
    with pytest.raises(NotEligible):
        vote(at, "dora")
    give(at, "bob", "dora", depth=1)
    give(at, "dora", "erin")
    (cast,) = vote(at, "erin").votes
    assert (cast.principal, cast.through, cast.through_selectors) == (
        "erin",
        ("bob", "dora"),
        ("role:owner", "user:bob"),
    )
    (record,) = log(at, "approval.vote")
    assert (record["subject"], record["payload"]["through"]) == ("erin", ["bob", "dora"])
    assert [one["payload"]["to"] for one in log(at, "approval.delegated")] == ["dora", "erin"]
    for spent in ("bob", "erin"):
        with pytest.raises(AlreadyVoted):
            vote(at, spent)
    assert vote(at, "carol").request.state is RequestState.APPROVED


def test_what_one_may_oneself_one_does_by_ones_own_right(at: Workspace) -> None:
    ask(at, OWNERS)
    give(at, "bob", "carol")
    assert vote(at, "carol").votes[0].through == ()
    assert vote(at, "bob").request.state is RequestState.APPROVED, "bob has not been spent by it"


@pytest.mark.parametrize("wide", [{"request_id": None, "rule": "owners"}, {"request_id": None}], ids=["rule", "all"])
def test_a_delegation_for_a_rule_and_for_all_leads_to_requests_of_later(at: Workspace, wide: dict[str, Any]) -> None:
    given = give(at, "bob", "dora", **wide)
    ask(at, OWNERS)
    assert vote(at, "dora").votes[0].through == ("bob",)
    assert list_delegations(at, NOW) == [given]
    assert list_delegations(at, NOW + HOUR) == []


def test_a_rule_that_allows_none_is_answered_by_its_own_people_alone(at: Workspace) -> None:
    give(at, "bob", "dora", request_id=None)
    ask(at, PLAIN)
    with pytest.raises(NotEligible):
        vote(at, "dora")


@pytest.mark.parametrize(
    ("giver", "taker", "changes", "error"),
    [
        ("bob", "bob", {}, RequestError),
        ("bob", "BOB", {}, RequestError),
        ("bob", "alice", {}, SelfApproval),
        ("bob", "ALICE", {}, SelfApproval),
        ("bob", "olga", {}, SelfApproval),
        ("alice", "dora", {}, SelfApproval),
        ("dora", "erin", {}, NotEligible),
        ("mallory", "erin", {"request_id": None}, NotEligible),
        ("bob", "dora", {"until": NOW + timedelta(days=1, seconds=1)}, RequestError),
        ("bob", "dora", {"until": NOW}, RequestError),
        ("bob", "dora", {"depth": 2}, RequestError),
        ("bob", "dora", {"request_id": None, "rule": "plain"}, NotEligible),
        ("bob", "dora", {"request_id": None, "rule": "other"}, RequestError),
        ("bob", "dora", {"request_id": "req-9"}, RequestError),
        ("bob", "dora smith", {}, RequestError),
    ],
)
def test_a_delegation_that_must_not_be_is_not_given(
    at: Workspace, giver: str, taker: str, changes: dict[str, Any], error: type[GovflowError]
) -> None:
    ask(at, OWNERS, owners=("olga",))
    with pytest.raises(error):
        give(at, giver, taker, **changes)
    assert list_delegations(at, NOW, over=True) == []
    assert log(at, "approval.delegated") == []


def test_what_was_given_is_not_given_again_unless_it_is_more(at: Workspace) -> None:
    ask(at, OWNERS)
    give(at, "bob", "dora")
    less: tuple[dict[str, Any], ...] = ({}, {"until": NOW + HOUR / 2})
    for changes in less:
        with pytest.raises(RequestError, match="already"):
            give(at, "bob", "Dora", new_id="again", **changes)
    wider: tuple[dict[str, Any], ...] = (
        {"until": NOW + HOUR * 2},
        {"depth": 1},
        {"request_id": None},
        {"request_id": None, "rule": "owners"},
    )
    for number, more in enumerate(wider):
        give(at, "bob", "dora", new_id=f"more-{number}", **more)
    revoke_delegation(at, "more-3", at.principal("bob"), NOW)
    give(at, "bob", "dora", new_id="anew", request_id=None, rule="owners")
    assert len(list_delegations(at, NOW)) == 5


def test_who_loses_the_role_has_nothing_left_to_hand_on(at: Workspace) -> None:
    ask(at, OWNERS)
    give(at, "bob", "dora")
    at.principals = {"carol": ("owner",)}
    with pytest.raises(NotEligible):
        vote(at, "dora")


def test_a_delegation_that_is_over_or_was_taken_back_leads_nowhere(at: Workspace) -> None:
    ask(at, OWNERS, expires_at=NOW + 3 * HOUR)
    given = give(at, "bob", "dora")
    with pytest.raises(NotEligible):
        vote(at, "dora", now=NOW + HOUR)
    with pytest.raises(NotEligible, match="between others"):
        revoke_delegation(at, given.delegation_id, at.principal("carol"), NOW)
    revoke_delegation(at, given.delegation_id, at.principal("bob"), NOW)
    with pytest.raises(NotEligible):
        vote(at, "dora")
    with pytest.raises(RequestError, match="is over"):
        revoke_delegation(at, given.delegation_id, at.principal("bob"), NOW)
    (record,) = log(at, "approval.delegation_revoked")
    assert (record["subject"], record["payload"]["from"], record["payload"]["to"]) == ("bob", "bob", "dora")


def spend(at: Workspace, asked: ApprovalRequest, secret: str) -> ApprovalRequest:
    return cast_answer(at, asked, SecretStr(secret), VoteDecision.APPROVE, "", NOW)


def test_a_token_of_somebody_who_answers_for_another_ends_with_the_delegation(at: Workspace) -> None:
    asked = ask(at, OWNERS)
    with pytest.raises(NotEligible):
        mint_token(at, "req-1", at.principal("dora"), NOW, os.urandom(32))
    given = give(at, "bob", "dora")
    secret = mint_token(at, "req-1", at.principal("dora"), NOW, os.urandom(32))
    revoke_delegation(at, given.delegation_id, at.principal("bob"), NOW)
    with pytest.raises(NotEligible):
        spend(at, asked, secret)
    give(at, "bob", "dora", new_id="again")
    spend(at, asked, secret)
    (cast,) = at.store.approvals.votes("req-1")
    assert (cast.principal, cast.through) == ("dora", ("bob",))


def test_a_right_that_counts_now_comes_before_one_that_does_not(at: Workspace) -> None:
    stages = (
        Stage(name="owners", groups=(Group(name="owners", approvers=("user:bob",)),)),
        Stage(name="security", groups=(Group(name="security", approvers=("user:carol",)),)),
    )
    rule = ApprovalRule(name="staged", stages=stages, delegation=TERMS)
    at.approvals = {"staged": rule}
    ask(at, rule)
    give(at, "bob", "dora", new_id="one")
    give(at, "carol", "dora", new_id="two")
    assert vote(at, "dora").votes[0].through == ("bob",)
    assert vote(at, "carol").request.state is RequestState.APPROVED
