from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.approval.models import ApprovalRule, RequestState, Vote
from govflow.approval.rules import judge_vote
from govflow.approval.satisfiable import unsatisfiable
from govflow.errors import VoteRefused
from tests.approval.build import asked, rule, vote

KNOWN = {"alice": {"roles": ["owner"]}, "bob": {"roles": ["owner", "dev"]}, "carol": {"roles": ["dev"]}}


@pytest.mark.parametrize(
    ("one", "requester", "met"),
    [
        (rule(5, "*"), "alice", True),
        (rule(1, "user:bob"), "alice", True),
        (rule(1, "user:alice"), "alice", False),
        (rule(1, "user:Alice"), "alice", False),
        (rule(2, "user:bob", "user:BOB"), None, False),
        (rule(2, "user:bob", "user:dora"), "alice", True),
        (rule(2, "role:owner"), None, True),
        (rule(2, "role:owner"), "alice", False),
        (rule(2, "role:owner", "user:carol"), "alice", True),
        (rule(1, "role:ghost"), None, False),
        (ApprovalRule(name="rule", approvers=()), None, False),
    ],
)
def test_rules_that_can_and_cannot_be_met(one: ApprovalRule, requester: str | None, met: bool) -> None:
    reason = unsatisfiable(one, KNOWN, requester)
    assert (reason is None) is met
    if reason is not None:
        assert "'rule'" in reason
        assert str(one.required) in reason


def test_without_known_principals_roles_cannot_be_judged() -> None:
    assert unsatisfiable(rule(3, "role:ghost"), {}, None) is None
    assert unsatisfiable(rule(2, "user:bob"), {}, None) is not None


def test_the_reason_names_the_requester_who_does_not_count() -> None:
    assert "besides the requester alice" in (unsatisfiable(rule(2, "role:owner"), KNOWN, "alice") or "")


SELECTORS = st.lists(st.sampled_from(["user:alice", "user:bob", "role:owner", "role:dev", "role:ghost"]), min_size=1)


@given(required=st.integers(1, 3), approvers=SELECTORS)
def test_it_agrees_with_everybody_saying_yes(required: int, approvers: list[str]) -> None:
    request = asked(required, *approvers)
    cast: list[Vote] = []
    for name, second in zip(KNOWN, itertools.count()):
        selectors = frozenset(f"role:{role}" for role in KNOWN[name]["roles"])
        try:
            outcome = judge_vote(request, cast, vote(name, seconds=second), selectors)
        except VoteRefused:
            continue
        cast.append(vote(name, seconds=second))
        request = request.model_copy(update={"state": outcome.state})
    met = request.state is RequestState.APPROVED
    assert (unsatisfiable(request.rule, KNOWN, "alice") is None) is met
