"""Wrong answers are limited: of each token and each person for themselves, and of nobody else."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import pytest

from govflow.approval.models import RequestState, VoteDecision
from govflow.approval.rules import judge_vote
from govflow.errors import SelfApproval, TokenInvalid, TooManyAttempts
from govflow.store import Store
from govflow.store.attempts import Limit
from tests.store.things import NOW, a_binding, a_request, opened

YES = VoteDecision.APPROVE


@pytest.fixture
def asked(store: Store) -> Store:
    """A store with one open request."""
    request = a_request()
    store.approvals.open(request, opened(request))
    return store


def vote(store: Store, who: str, *, most: int = 3, later: float = 0) -> RequestState:
    now, limit = NOW + timedelta(seconds=later), Limit(most, (f"person:{who}",))
    return store.approvals.vote("req-1", who, frozenset(), "claimed", YES, "", now, judge_vote, limit=limit).state


def spend(store: Store, secret: str, *whose: str, most: int = 3, later: float = 0) -> RequestState:
    now = NOW + timedelta(seconds=later)
    return store.tokens.spend(secret, a_binding(), YES, "", now, judge_vote, limit=Limit(most, whose)).state


def mint(store: Store, who: str = "bob") -> str:
    random = os.urandom(32)
    return store.tokens.mint("req-1", who, selectors=frozenset(), assurance="claimed", now=NOW, random=random)


def events(store: Store) -> list[str]:
    return [json.loads(entry.body)["event"] for entry in store.entries("acme")]


def test_after_so_many_refused_votes_of_a_person_none_is_looked_at_until_the_minute_is_over(asked: Store) -> None:
    for second in (0.0, 1.0, 2.0):
        with pytest.raises(SelfApproval):
            vote(asked, "rita", later=second)
    for second in (3.0, 59.9):
        with pytest.raises(TooManyAttempts) as limited:
            vote(asked, "rita", later=second)
        assert "12:01:00 UTC" in limited.value.mend
    assert events(asked).count("approval.vote_refused") == 3, "what is not looked at does not fill the log"
    assert events(asked).count("approval.limited") == 1
    with pytest.raises(SelfApproval):
        vote(asked, "rita", later=60)


def test_the_limit_of_one_person_stops_nobody_else_and_changes_no_request(asked: Store) -> None:
    for _ in range(9):
        with pytest.raises((SelfApproval, TooManyAttempts)):
            vote(asked, "rita")
    assert asked.approvals.get("req-1").state is RequestState.PENDING
    assert vote(asked, "bob") is RequestState.APPROVED


def test_a_token_that_is_tried_again_and_again_is_looked_at_so_often(asked: Store) -> None:
    wrong = "gfa_" + "x" * 43
    for _ in range(3):
        with pytest.raises(TokenInvalid):
            spend(asked, wrong)
    with pytest.raises(TooManyAttempts):
        spend(asked, wrong)
    assert spend(asked, mint(asked)) is RequestState.APPROVED, "another token is another one"


def test_a_caller_who_makes_up_tokens_is_limited_and_others_are_not(asked: Store) -> None:
    good = mint(asked)
    for number in range(3):
        with pytest.raises(TokenInvalid):
            spend(asked, f"gfa_{number:043}", "address:192.0.2.7")
    with pytest.raises(TooManyAttempts):
        spend(asked, good, "address:192.0.2.7")
    assert spend(asked, good, "address:192.0.2.8") is RequestState.APPROVED, "the owner's token is as good as before"


def test_right_answers_are_not_counted(asked: Store) -> None:
    for _ in range(5):
        mint(asked)
    assert vote(asked, "bob", most=1) is RequestState.APPROVED


def test_what_is_over_is_forgotten(asked: Store) -> None:
    for number in range(5):
        with pytest.raises(TokenInvalid):
            spend(asked, f"gfa_{number:043}", later=number * 61)
    with asked._db.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM answer_attempt").scalar() == 1


def test_a_limit_of_a_clock_that_runs_ahead_ends_with_it(asked: Store) -> None:
    for _ in range(3):
        with pytest.raises(SelfApproval):
            vote(asked, "rita", later=3000)
    with pytest.raises(SelfApproval):
        vote(asked, "rita", later=0)
