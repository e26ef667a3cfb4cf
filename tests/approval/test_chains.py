"""Stages, groups, thresholds of denial, vetoes, escalation: what one more vote leads to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from govflow.approval.models import ApprovalRule, DelegationTerms, Escalation, RequestState, Threshold, VoteDecision
from govflow.approval.progress import progress
from govflow.approval.rules import eligible
from govflow.approval.wording import progress_text, who_may
from govflow.errors import AlreadyVoted, NotAsked, NotEligible, RequestClosed, SelfApproval
from tests.approval.build import NOBODY, NOW, asked, rule
from tests.approval.chain import Play, asks, chain, group, stage

DENY = VoteDecision.DENY
OWNERS = group("owners", "role:owner", required=2)
SECURITY = group("security", "group:security", "user:sam")
TWO_STAGES = chain(stage("first", OWNERS), stage("second", SECURITY))


def test_stages_are_asked_in_order() -> None:
    play = Play(asks(TWO_STAGES))
    with pytest.raises(NotAsked) as early:
        play.cast("sam")
    assert "'first'" in early.value.mend
    assert "2 more of owners" in early.value.mend
    assert play.cast("bob", "role:owner").needed == 2
    assert play.cast("carol", "role:owner").needed == 1
    with pytest.raises(NotAsked, match="does not ask for this yes now") as late:
        play.cast("dora", "role:owner")
    assert "'second'" in late.value.mend
    assert play.cast("sam").state is RequestState.APPROVED


def test_a_no_of_a_later_stage_counts_at_once() -> None:
    assert Play(asks(TWO_STAGES)).cast("sam", decision=DENY).state is RequestState.DENIED


def test_who_is_in_two_stages_counts_in_one() -> None:
    play = Play(asks(chain(stage("first", group("a", "role:owner")), stage("second", group("b", "role:owner")))))
    assert play.cast("bob", "role:owner").state is RequestState.PENDING
    with pytest.raises(AlreadyVoted):
        play.cast("Bob", "role:owner")
    assert play.cast("carol", "role:owner").state is RequestState.APPROVED


def test_who_is_in_two_groups_fills_the_one_that_needs_them() -> None:
    both = stage("one", group("a", "user:bob", "user:carol"), group("b", "user:bob", "user:dora"))
    play = Play(asks(chain(both)))
    assert play.cast("bob").needed == 1
    assert play.cast("carol").state is RequestState.APPROVED
    given = {one.name: one.given for one in progress(play.request, play.votes, NOW).stages[0].groups}
    assert given == {"a": ("carol",), "b": ("bob",)}


def test_one_of_two_groups_is_enough_where_any_will_do() -> None:
    either = stage("one", group("a", "role:a", required=2), group("b", "role:b", required=2), need="any")
    play = Play(asks(chain(either)))
    assert play.cast("bob", "role:a", "role:b").needed == 1
    assert play.cast("carol", "role:b").state is RequestState.APPROVED
    apart = Play(asks(chain(either)))
    apart.cast("bob", "role:a")
    assert apart.cast("carol", "role:b").state is RequestState.PENDING


def test_nobody_waits_for_an_optional_stage() -> None:
    rule_ = chain(
        stage("legal", group("legal", "role:legal"), optional=True), stage("owners", group("o", "role:owner"))
    )
    play = Play(asks(rule_))
    assert play.cast("lea", "role:legal").state is RequestState.PENDING
    assert play.cast("bob", "role:owner").state is RequestState.APPROVED
    assert Play(asks(rule_)).cast("bob", "role:owner").state is RequestState.APPROVED
    assert Play(asks(rule_)).cast("lea", "role:legal", decision=DENY).state is RequestState.DENIED


def test_a_chain_of_optional_stages_is_refused() -> None:
    with pytest.raises(ValueError, match="optional"):
        chain(stage("legal", group("legal", "role:legal"), optional=True))


def test_a_rule_has_one_form() -> None:
    with pytest.raises(ValueError, match="in place of"):
        chain(stage("one", SECURITY), required=2)
    with pytest.raises(ValueError, match="one name"):
        chain(stage("one", SECURITY), stage("one", OWNERS))


def test_the_threshold_of_denial() -> None:
    play = Play(asks(rule(3).model_copy(update={"deny_threshold": 2, "veto": ("role:ciso",)})))
    first = play.cast("bob", decision=DENY)
    assert (first.state, first.needed) == (RequestState.PENDING, 3)
    with pytest.raises(AlreadyVoted):
        play.cast("BOB")
    assert play.cast("carol", decision=DENY).state is RequestState.DENIED
    vetoed = Play(asks(rule(3).model_copy(update={"deny_threshold": 2, "veto": ("role:ciso",)})))
    assert vetoed.cast("cira", "role:ciso", decision=DENY).state is RequestState.DENIED


def test_who_may_only_veto_cannot_say_yes() -> None:
    with pytest.raises(NotAsked):
        Play(asks(rule(1, "role:owner").model_copy(update={"veto": ("role:ciso",)}))).cast("cira", "role:ciso")


def test_owners_of_what_started_the_run_never_count() -> None:
    for decision in VoteDecision:
        with pytest.raises(SelfApproval):
            Play(asked(1, owners=("otto",))).cast(" OTTO", decision=decision)
    assert not eligible(rule(1), asked(1, owners=("otto",)), "Otto", NOBODY)


def test_escalation_lets_further_people_answer_and_removes_nobody() -> None:
    rule_ = rule(2, "role:owner").model_copy(
        update={"escalation": (Escalation(after_seconds=60, approvers=("role:head",)),)}
    )
    with pytest.raises(NotEligible):
        Play(asks(rule_)).cast("hans", "role:head", seconds=59.9)
    play = Play(asks(rule_))
    assert play.cast("hans", "role:head", seconds=60).needed == 1
    assert play.cast("bob", "role:owner", seconds=61).state is RequestState.APPROVED
    now = NOW + timedelta(seconds=60)
    assert eligible(rule_, asks(rule_), "hans", frozenset({"role:head"}), now=now)
    assert not eligible(rule_, asks(rule_), "hans", frozenset({"role:head"}))
    assert progress(asks(rule_), [], now).asks == {"role:owner", "role:head"}
    assert progress(asks(rule_), [], NOW).asks == {"role:owner"}


def test_a_delegated_vote_spends_everybody_in_it() -> None:
    rule_ = rule(2, "role:owner").model_copy(update={"delegation": DelegationTerms(depth=2)})
    play = Play(asks(rule_))
    done = play.cast("zoe", through=("bob", "yan"), through_selectors=("role:owner",))
    assert (done.needed, done.approved_by) == (1, ("zoe",))
    for name in ("zoe", "Bob", "yan"):
        with pytest.raises((AlreadyVoted, NotEligible)):
            play.cast(name, "role:owner")
    assert play.cast("carol", "role:owner").state is RequestState.APPROVED


def test_delegation_to_and_from_the_requester_never_counts() -> None:
    rule_ = rule(1, "role:owner", "user:alice").model_copy(update={"delegation": DelegationTerms(depth=2)})
    with pytest.raises(SelfApproval):
        Play(asks(rule_)).cast("Alice", through=("bob",), through_selectors=("role:owner",))
    with pytest.raises(SelfApproval):
        Play(asks(rule_)).cast("zoe", through=("alice",))
    with pytest.raises(SelfApproval):
        Play(asks(rule_)).cast("zoe", through=("bob", "ALICE"), through_selectors=("role:owner",))


@pytest.mark.parametrize("terms", [None, DelegationTerms(depth=0), DelegationTerms(depth=1)])
def test_a_vote_handed_on_too_often_is_refused(terms: DelegationTerms | None) -> None:
    rule_ = rule(1, "role:owner").model_copy(update={"delegation": terms})
    with pytest.raises(NotEligible, match="so often"):
        Play(asks(rule_)).cast("zoe", through=("bob", "yan"), through_selectors=("role:owner",))


def test_a_state_that_lags_behind_its_votes_takes_no_more() -> None:
    play = Play(asked(1))
    play.cast("bob")
    play.request = play.request.model_copy(update={"state": RequestState.PENDING})
    with pytest.raises(RequestClosed) as closed:
        play.cast("carol", decision=DENY)
    assert closed.value.details["state"] == "approved"


def test_progress_names_stages_groups_and_whom_it_asks() -> None:
    play = Play(asks(TWO_STAGES))
    play.cast("bob", "role:owner")
    seen = progress(play.request, play.votes, NOW)
    assert [(one.name, one.state) for one in seen.stages] == [("first", "open"), ("second", "later")]
    first = seen.stages[0].groups[0]
    assert (first.name, first.approvers, first.required, first.given, first.needed) == (
        "owners", ("role:owner",), 2, ("bob",), 1,
    )  # fmt: skip
    assert (seen.needed, seen.approved_by) == (2, ("bob",))
    assert seen.asks == {"role:owner"}
    assert progress_text(seen) == [
        "first, owners: 1 of 2 said yes (bob); asked now",
        "second, security: 0 of 1 said yes; asked later",
    ]
    play.cast("carol", "role:owner")
    assert progress(play.request, play.votes, NOW).asks == {"group:security", "user:sam"}
    play.cast("sam")
    done = progress(play.request, play.votes, NOW)
    assert (done.needed, len(done.asks)) == (0, 0)
    assert {one.state for one in done.stages} == {"done"}


def test_a_group_that_is_full_is_asked_as_long_as_its_people_can_make_room() -> None:
    both = stage("one", group("a", "role:a"), group("b", "role:b"))
    play = Play(asks(chain(both)))
    play.cast("bob", "role:a", "role:b")
    assert progress(play.request, play.votes, NOW).asks == {"role:a", "role:b"}
    apart = Play(asks(chain(both)))
    apart.cast("bob", "role:a")
    assert progress(apart.request, apart.votes, NOW).asks == {"role:b"}


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (rule(1), "one person: anyone"),
        (
            rule(2, "role:owner", "user:dora", "group:night"),
            "2 different people: whoever has the role owner or dora or whoever is in the group night",
        ),
        (
            TWO_STAGES,
            "first first (2 different people: whoever has the role owner), "
            "then second (one person: whoever is in the group security or sam)",
        ),
        (
            rule(1, "role:owner").model_copy(update={"thresholds": (Threshold(required=3),)}),
            "one person: whoever has the role owner; up to 3 of each where tier, action or resource ask for more",
        ),
        (
            chain(
                stage("say", group("a", "role:a"), group("b", "role:b"), need="any"),
                escalation=(Escalation(after_seconds=7200, approvers=("role:head",)),),
                deny_threshold=2,
                veto=("role:ciso",),
            ),
            "(one person: whoever has the role a) or (one person: whoever has the role b); "
            "after 2 hours also whoever has the role head; 2 people who say no end it; "
            "a no of whoever has the role ciso ends it at once",
        ),
    ],
)
def test_a_rule_in_words(one: ApprovalRule, words: str) -> None:
    assert who_may(one) == words
