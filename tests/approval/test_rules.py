from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.approval.models import ApprovalRule, RequestState, Vote, VoteDecision
from govflow.approval.people import person_key
from govflow.approval.rules import eligible, judge_vote, rule_from
from govflow.errors import AlreadyVoted, NotEligible, RequestClosed, RequestError, SelfApproval, VoteRefused
from govflow.policy.approval_shape import ApprovalShape
from tests.approval.build import NOBODY, NOW, asked, rule, vote

DENY = VoteDecision.DENY
ADMIN = frozenset({"role:admin"})


def test_one_yes_is_enough_for_a_rule_of_one() -> None:
    outcome = judge_vote(asked(1), [], vote("bob"), NOBODY)
    assert (outcome.state, outcome.needed, outcome.approved_by) == (RequestState.APPROVED, 0, ("bob",))


def test_a_rule_of_two_waits_for_the_second_person() -> None:
    first = judge_vote(asked(2), [], vote("bob"), NOBODY)
    assert (first.state, first.needed) == (RequestState.PENDING, 1)
    second = judge_vote(asked(2), [vote("bob")], vote("carol"), NOBODY)
    assert (second.state, second.approved_by) == (RequestState.APPROVED, ("bob", "carol"))


def test_one_no_is_enough() -> None:
    outcome = judge_vote(asked(3), [vote("bob")], vote("carol", DENY), NOBODY)
    assert (outcome.state, outcome.needed, outcome.approved_by) == (RequestState.DENIED, 0, ("bob",))


@pytest.mark.parametrize("name", ["alice", "Alice", "ALICE", " alice ", "alice\n"])
@pytest.mark.parametrize("decision", [*VoteDecision])
def test_self_approval_under_any_spelling_is_refused(name: str, decision: VoteDecision) -> None:
    with pytest.raises(SelfApproval):
        judge_vote(asked(1, "*", "user:alice", "user:Alice", "role:admin"), [], vote(name, decision), ADMIN)


def test_a_stored_vote_of_the_requester_never_counts() -> None:
    planted = [vote("alice"), vote("Alice")]
    assert judge_vote(asked(2), planted, vote("bob"), NOBODY).state is RequestState.PENDING


@pytest.mark.parametrize("again", ["bob", "Bob", "BOB "])
@pytest.mark.parametrize("decision", [*VoteDecision])
def test_a_second_vote_of_one_person_is_refused(again: str, decision: VoteDecision) -> None:
    with pytest.raises(AlreadyVoted):
        judge_vote(asked(2), [vote("bob")], vote(again, decision), NOBODY)


@pytest.mark.parametrize("state", [state for state in RequestState if state is not RequestState.PENDING])
def test_a_vote_on_a_closed_request_is_refused(state: RequestState) -> None:
    with pytest.raises(RequestClosed) as caught:
        judge_vote(asked(state=state), [], vote("bob"), NOBODY)
    assert caught.value.details["state"] == state.value


@pytest.mark.parametrize(("seconds", "counts"), [(3599.999999, True), (3600, False), (3601, False)])
def test_the_time_to_vote_ends_at_the_instant(seconds: float, counts: bool) -> None:
    late = vote("bob", seconds=seconds)
    if counts:
        assert judge_vote(asked(), [], late, NOBODY).state is RequestState.APPROVED
        return
    with pytest.raises(RequestClosed) as caught:
        judge_vote(asked(), [], late, NOBODY)
    assert caught.value.details["state"] == "expired"


def test_a_yes_after_a_no_that_the_state_does_not_show_yet_is_refused() -> None:
    with pytest.raises(RequestClosed):
        judge_vote(asked(1), [vote("carol", DENY)], vote("bob"), NOBODY)


def test_votes_for_another_request_do_not_count() -> None:
    foreign = vote("carol", request_id="req-2")
    assert judge_vote(asked(2), [foreign], vote("bob"), NOBODY).state is RequestState.PENDING
    assert judge_vote(asked(2), [vote("bob", request_id="req-2")], vote("bob"), NOBODY).needed == 1
    with pytest.raises(ValueError, match="req-2"):
        judge_vote(asked(), [], foreign, NOBODY)


def test_a_vote_without_a_time_zone_is_wrong_use() -> None:
    with pytest.raises(ValueError, match="time zone"):
        judge_vote(asked(), [], vote("bob", at=NOW.replace(tzinfo=None)), NOBODY)


@pytest.mark.parametrize(
    ("approvers", "name", "selectors", "may"),
    [
        (("*",), "bob", NOBODY, True),
        (("user:bob",), "bob", NOBODY, True),
        (("user:bob",), "Bob", NOBODY, False),
        (("user:bob",), "bobby", NOBODY, False),
        (("user:bob",), "mallory", frozenset({"user:bob"}), False),  # the recorded name counts, not a claim
        (("role:admin",), "bob", ADMIN, True),
        (("role:admin",), "bob", NOBODY, False),
        (("role:admin",), "bob", frozenset({"role:Admin", "role:administrator"}), False),
        (("role:admin", "user:carol"), "carol", NOBODY, True),
        (("role:admin",), "role:admin", NOBODY, False),
        (("*",), "alice", ADMIN, False),
        (("*",), " ", NOBODY, False),
    ],
)
def test_who_may_answer(approvers: tuple[str, ...], name: str, selectors: frozenset[str], may: bool) -> None:
    assert eligible(rule(1, *approvers), asked(), name, selectors) is may


def test_a_rule_that_names_nobody_lets_nobody_in() -> None:
    assert not eligible(ApprovalRule(name="r", approvers=()), asked(), "bob", ADMIN)


def test_a_stranger_is_told_whom_to_ask() -> None:
    with pytest.raises(NotEligible) as caught:
        judge_vote(asked(1, "role:owner", "user:dora"), [], vote("bob"), ADMIN)
    assert "role:owner, user:dora" in caught.value.mend


NAMES = st.sampled_from(["alice", "Alice", "bob", "Bob", "carol", "dora"])
VOTES = st.lists(st.tuples(NAMES, st.sampled_from([*VoteDecision, VoteDecision.APPROVE])), max_size=8)


@given(required=st.integers(1, 3), votes=VOTES)
def test_approved_is_as_many_distinct_other_people_as_the_rule_says(
    required: int, votes: list[tuple[str, VoteDecision]]
) -> None:
    request, cast = asked(required), list[Vote]()
    for second, (name, decision) in enumerate(votes):
        new = vote(name, decision, seconds=second)
        try:
            outcome = judge_vote(request, cast, new, NOBODY)
        except VoteRefused:
            continue
        cast.append(new)
        request = request.model_copy(update={"state": outcome.state})
    people = {person_key(one.principal) for one in cast if one.decision is VoteDecision.APPROVE}
    assert "alice" not in people
    assert len(cast) == len({person_key(one.principal) for one in cast})
    denied = any(one.decision is DENY for one in cast)
    expected = (
        RequestState.DENIED if denied else RequestState.APPROVED if len(people) >= required else RequestState.PENDING
    )
    assert request.state is expected


@given(count=st.integers(1, 10))
def test_no_number_of_votes_by_one_person_satisfies_a_rule_of_two(count: int) -> None:
    cast: list[Vote] = []
    for number in range(count):
        spelling = "bob" if number % 2 else "BOB"
        try:
            outcome = judge_vote(asked(2), cast, vote(spelling, seconds=number), NOBODY)
        except AlreadyVoted:
            continue
        assert outcome.state is RequestState.PENDING
        cast.append(vote(spelling, seconds=number))
    assert len(cast) == 1


def test_a_rule_is_made_from_what_a_policy_file_holds() -> None:
    made = rule_from("two", {"required": 2, "approvers": ["role:owner"], "ttl_seconds": 60})
    assert made == ApprovalRule(name="two", required=2, approvers=("role:owner",), ttl_seconds=60)


def test_the_defaults_of_policy_files_are_those_of_approval_rules() -> None:
    assert rule_from("one", ApprovalShape().model_dump(mode="json")) == rule_from("one", {}) == ApprovalRule(name="one")


@pytest.mark.parametrize(
    "raw", [{"ttl_seconds": 0}, {"ttl_seconds": -1}, {"required": 0}, {"approvers": 5}, {"required": "2"}, {"x": 1}]
)
def test_a_rule_that_cannot_be_used_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="Approval rule 'one'") as caught:
        rule_from("one", raw)
    assert next(iter(raw)) in caught.value.message


def test_a_vote_that_comes_before_the_request_by_a_slow_clock_counts() -> None:
    early = vote("bob", at=NOW - timedelta(seconds=2))
    assert judge_vote(asked(), [], early, NOBODY).state is RequestState.APPROVED
