"""Votes that were taken out: they count for nothing, spend their voter, and cost the others nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.approval.ballots import ballot_of
from govflow.approval.models import (
    ApprovalRequest,
    ApprovalRule,
    Group,
    RequestState,
    Stage,
    Vote,
    VoteDecision,
    VoteKind,
)
from govflow.approval.progress import progress
from govflow.approval.rules import judge_vote
from govflow.approval.tally import Tally
from govflow.errors import AlreadyVoted, NotAsked
from tests.approval.build import NOW, asked, vote

OUT: dict[str, Any] = {"kind": VoteKind.WITHDRAWN}
ROLES = ("owner", "security", "audit")


def stage(name: str, required: int = 1, *, optional: bool = False) -> Stage:
    return Stage(
        name=name, groups=(Group(name=name, approvers=(f"role:{name}",), required=required),), optional=optional
    )


def of(name: str, *roles: str, **changes: Any) -> Vote:
    return vote(name, selectors=tuple(f"role:{role}" for role in roles), **changes)


def staged(*stages: Stage) -> ApprovalRequest:
    return asked(rule=ApprovalRule(name="staged", stages=stages))


def test_a_vote_that_was_taken_out_counts_for_nothing_and_is_needed_again() -> None:
    request = asked(2)
    votes = [vote("bob", **OUT), vote("carol")]
    stands = progress(request, votes, NOW)
    assert (stands.needed, stands.approved_by) == (1, ("carol",))
    assert judge_vote(request, votes, vote("dora"), frozenset()).state is RequestState.APPROVED


def test_it_stays_spent() -> None:
    with pytest.raises(AlreadyVoted):
        judge_vote(asked(2), [vote("bob", **OUT)], vote("Bob"), frozenset())


def test_a_later_stage_is_not_asked_twice_and_an_earlier_one_is() -> None:
    request = staged(stage("owner"), stage("security", 2))
    votes = [of("bob", "owner", **OUT), of("carol", "security")]
    with pytest.raises(NotAsked):
        judge_vote(request, votes, of("erin", "security"), frozenset({"role:security"}))
    again = [*votes, of("dora", "owner")]
    assert judge_vote(request, votes, again[-1], frozenset({"role:owner"})).needed == 1
    outcome = judge_vote(request, again, of("erin", "security"), frozenset({"role:security"}))
    assert (outcome.state, outcome.approved_by) == (RequestState.APPROVED, ("carol", "dora", "erin"))


def test_who_fits_the_stage_that_is_open_again_counts_there() -> None:
    request = staged(stage("owner"), stage("security"))
    votes = [of("bob", "owner", **OUT), of("carol", "owner", "security")]
    # Only as a state that lags behind can both have been counted: it would have been approved.
    stands = progress(request, votes, NOW)
    assert [one.state for one in stands.stages] == ["done", "open"]


def test_a_no_cannot_be_taken_out_by_the_tally() -> None:
    request = asked(rule=ApprovalRule(name="two", deny_threshold=2))
    assert Tally(request, [vote("bob", VoteDecision.DENY), vote("carol", **OUT)]).denied_by == ["bob"]


DRAWN = st.lists(
    st.tuples(st.sampled_from("abcdefg"), st.sets(st.sampled_from(ROLES), min_size=1), st.booleans()),
    max_size=7,
    unique_by=lambda one: one[0],
)


@given(drawn=DRAWN, required=st.lists(st.integers(1, 2), min_size=1, max_size=3), optional=st.booleans())
def test_taking_votes_out_never_brings_a_request_nearer(
    drawn: list[tuple[str, set[str], bool]], required: list[int], optional: bool
) -> None:
    stages = [stage(role, number) for role, number in zip(ROLES, required, strict=False)]
    if optional:
        stages.append(stage("others", optional=True).model_copy(update={"groups": (Group(name="all"),)}))
    request = staged(*stages)
    whole: list[Vote] = []
    for name, roles, _ in drawn:
        cast = of(name, *sorted(roles))
        if Tally(request, whole).count(ballot_of(cast)):
            whole.append(cast)
    out = {name for name, _, gone in drawn if gone}
    left = [one.model_copy(update=OUT) if one.principal in out else one for one in whole]
    before, after = Tally(request, whole), Tally(request, left)
    assert after.needed >= before.needed
    assert not out & set(after.approved_by)
    assert after.approved <= before.approved
    assert set(after.approved_by) <= set(before.approved_by)
    assert Tally(request, [one for one in left if one.kind is VoteKind.VOTE]).needed >= after.needed
