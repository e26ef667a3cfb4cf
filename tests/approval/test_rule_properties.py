"""What holds for every approval rule and every sequence of votes; an oracle that tries everything agrees."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from govflow.approval.delegations import path
from govflow.approval.effective import rule_for
from govflow.approval.models import (
    ApprovalRule,
    Delegation,
    DelegationTerms,
    Escalation,
    Group,
    RequestState,
    Stage,
    Threshold,
    Vote,
    VoteDecision,
)
from govflow.approval.people import person_key, same_person
from govflow.approval.progress import progress
from govflow.approval.rules import eligible, judge_vote
from govflow.approval.satisfiable import unsatisfiable
from govflow.approval.stages import fewest, stages_of
from govflow.errors import VoteRefused
from govflow.ir.models import Tier
from tests.approval import oracle
from tests.approval.build import NOW, asked, vote
from tests.approval.chain import Play, asks, delegation

PEOPLE: dict[str, frozenset[str]] = {
    "bob": frozenset({"role:a"}),
    "carol": frozenset({"role:a", "role:b"}),
    "dora": frozenset({"role:b", "group:g"}),
    "erik": frozenset({"group:g"}),
    "fay": frozenset(),
}
SELECTORS = ["role:a", "role:b", "group:g", "user:bob", "user:fay", "user:alice", "*"]

groups = st.builds(
    lambda name, required, approvers: Group(name=name, required=required, approvers=tuple(approvers)),
    st.just("g"),
    st.integers(1, 2),
    st.lists(st.sampled_from(SELECTORS), min_size=1, max_size=2, unique=True),
)


def _stage(number: int, made: Sequence[Group], need: str, optional: bool) -> Stage:
    named = tuple(group.model_copy(update={"name": f"g{n}"}) for n, group in enumerate(made))
    return Stage.model_validate({"name": f"s{number}", "groups": named, "need": need, "optional": optional})


@st.composite
def rules(draw: st.DrawFn) -> ApprovalRule:
    """Chains of one to three stages of one or two groups, at least one of them waited for."""
    count = draw(st.integers(1, 3))
    waited = draw(st.integers(0, count - 1))
    stages = [
        _stage(
            number,
            draw(st.lists(groups, min_size=1, max_size=2)),
            draw(st.sampled_from(["all", "any"])),
            number != waited and draw(st.booleans()),
        )
        for number in range(count)
    ]
    return ApprovalRule(name="drawn", stages=tuple(stages))


@st.composite
def crowded(draw: st.DrawFn) -> ApprovalRule:
    """One stage of two or three groups that share people, so that people have to move between them."""
    pairs = st.lists(st.sampled_from(["role:a", "role:b", "group:g", "user:fay"]), min_size=1, max_size=2, unique=True)
    made = draw(st.lists(st.tuples(pairs, st.integers(1, 2)), min_size=2, max_size=3))
    groups_ = [Group(name="g", required=required, approvers=tuple(one)) for one, required in made]
    return ApprovalRule(name="drawn", stages=(_stage(0, groups_, "all", False),))


ORDER = st.lists(st.sampled_from([*PEOPLE, "alice", "otto"]), max_size=9)


def played(rule: ApprovalRule, order: Sequence[str], *, owners: tuple[str, ...] = ("otto",)) -> Play:
    play = Play(asks(rule, owners=owners))
    for name in order:
        try:
            play.cast(name, *sorted(PEOPLE.get(name, frozenset(SELECTORS))))
        except VoteRefused:
            continue
    return play


@given(rule=rules(), order=ORDER)
def test_the_oracle_agrees_on_what_is_taken_and_on_what_it_comes_to(rule: ApprovalRule, order: list[str]) -> None:
    play = Play(asks(rule, owners=("otto",)))
    waited: list[str] = []  # those whose yes counts for a stage that is waited for
    optional = [stage for stage in stages_of(rule) if stage.optional]
    for name in order:
        fresh = name in PEOPLE and all(one.principal != name for one in play.votes)
        counts = fresh and play.request.state is RequestState.PENDING and oracle.helps(rule, waited, name, PEOPLE)
        aside = fresh and any(oracle.names(group, name, PEOPLE[name]) for one in optional for group in one.groups)
        before = len(play.votes)
        try:
            play.cast(name, *sorted(PEOPLE.get(name, frozenset())))
        except VoteRefused:
            assert not (counts or aside) or play.request.state is not RequestState.PENDING
            continue
        assert len(play.votes) == before + 1
        assert counts or aside
        waited += [name] if counts else []
        assert (play.request.state is RequestState.APPROVED) is oracle.approved(rule, waited, PEOPLE)


@given(rule=crowded(), order=st.permutations([*PEOPLE]))
def test_people_move_between_groups_whatever_the_order(rule: ApprovalRule, order: list[str]) -> None:
    play = played(rule, order)
    taken = [one.principal for one in play.votes]
    assert (play.request.state is RequestState.APPROVED) is oracle.content(rule.stages[0], order, PEOPLE)
    seen = progress(play.request, play.votes, NOW)
    assert sum(len(group.given) for group in seen.stages[0].groups) == len(taken)
    assert len(taken) == oracle.most(rule.stages[0], order, PEOPLE)


@given(rule=rules(), order=ORDER)
def test_nobody_counts_twice_and_never_the_requester_or_an_owner(rule: ApprovalRule, order: list[str]) -> None:
    play = played(rule, order)
    seen = progress(play.request, play.votes, NOW)
    given_ = [name for stage in seen.stages for group in stage.groups for name in group.given]
    assert len(given_) == len({person_key(name) for name in given_})
    assert not {"alice", "otto"} & {*given_, *seen.approved_by}
    if play.request.state is RequestState.APPROVED:
        assert len(seen.approved_by) >= fewest(rule)
        assert all(one.state == "done" for one in seen.stages if not one.optional)


@given(rule=rules(), order=ORDER)
def test_stages_are_met_in_order(rule: ApprovalRule, order: list[str]) -> None:
    play = played(rule, order)
    states = [one.state for one in progress(play.request, play.votes, NOW).stages if not one.optional]
    assert states == sorted(states, key=["done", "open", "later"].index)
    assert states.count("open") == (play.request.state is RequestState.PENDING)


@given(rule=rules(), order=ORDER, extra=st.sampled_from(SELECTORS))
def test_whose_yes_is_said_to_be_asked_for_is_taken(rule: ApprovalRule, order: list[str], extra: str) -> None:
    play = played(rule, order)
    if play.request.state is not RequestState.PENDING:
        return
    seen = progress(play.request, play.votes, NOW)
    stranger = "newcomer"
    try:
        outcome = judge_vote(play.request, play.votes, vote(stranger, seconds=60), frozenset({extra}))
    except VoteRefused:
        assert not {extra, "*"} & seen.asks or extra.startswith("user:")
        return
    if extra in seen.asks or "*" in seen.asks:
        assert outcome.needed in {seen.needed, seen.needed - 1}


SPELLINGS = st.sampled_from(["bob", "Bob", "BOB ", " bob", "bob\n"])


@given(
    rule=rules(),
    casts=st.lists(
        st.tuples(SPELLINGS, st.lists(st.sampled_from(SELECTORS)), st.lists(SPELLINGS, max_size=2)), max_size=8
    ),
)
def test_no_votes_of_one_person_satisfy_a_rule_of_two(
    rule: ApprovalRule, casts: list[tuple[str, list[str], list[str]]]
) -> None:
    play = Play(asks(rule.model_copy(update={"delegation": DelegationTerms(depth=8)})))
    for name, selectors, through in casts:
        try:
            play.cast(name, *selectors, through=through, through_selectors=selectors)
        except VoteRefused:
            continue
    assert len(play.votes) <= 1
    if fewest(rule) >= 2:
        assert play.request.state is RequestState.PENDING


@given(rule=rules(), order=ORDER, where=st.integers(0, 5), extra=st.sampled_from(SELECTORS))
def test_adding_an_approver_never_lowers_what_is_needed(
    rule: ApprovalRule, order: list[str], where: int, extra: str
) -> None:
    places = [(s, g) for s, stage in enumerate(rule.stages) for g in range(len(stage.groups))]
    at, place = places[where % len(places)]
    stage = rule.stages[at]
    group = stage.groups[place].model_copy(update={"approvers": (*stage.groups[place].approvers, extra)})
    wider = stage.model_copy(update={"groups": (*stage.groups[:place], group, *stage.groups[place + 1 :])})
    widened = rule.model_copy(update={"stages": (*rule.stages[:at], wider, *rule.stages[at + 1 :])})
    assert fewest(widened) == fewest(rule)
    play = played(widened, order)
    if play.request.state is RequestState.APPROVED:
        assert len({person_key(one.principal) for one in play.votes}) >= fewest(rule)
    for name, selectors in PEOPLE.items():
        if eligible(rule, asks(rule), name, selectors):
            assert eligible(widened, asks(widened), name, selectors)


@given(rule=rules(), seconds=st.integers(1, 100), order=ORDER)
def test_escalation_removes_nobody_and_keeps_the_number(rule: ApprovalRule, seconds: int, order: list[str]) -> None:
    later = rule.model_copy(
        update={"escalation": (Escalation(after_seconds=seconds, approvers=("user:fay", "role:a")),)}
    )
    assert fewest(later) == fewest(rule)
    for name, selectors in PEOPLE.items():
        if eligible(rule, asks(rule), name, selectors, now=NOW):
            assert eligible(later, asks(later), name, selectors, now=NOW)
    play = played(later, order)
    if play.request.state is RequestState.APPROVED:
        assert len(play.votes) >= fewest(rule)


@given(rule=rules(), requester=st.sampled_from(["alice", *PEOPLE]))
def test_what_is_called_unsatisfiable_is_met_by_no_order_of_votes(rule: ApprovalRule, requester: str) -> None:
    known = {
        name: {
            "roles": [one.removeprefix("role:") for one in held if one.startswith("role:")],
            "groups": [one.removeprefix("group:") for one in held if one.startswith("group:")],
        }
        for name, held in PEOPLE.items()
    }
    reason = unsatisfiable(rule, known, requester)
    closed = all("*" not in group.approvers for stage in rule.stages for group in stage.groups)
    others = [name for name in [*PEOPLE, "alice"] if name != requester]
    found = any(played_by(rule, requester, order) for order in itertools.permutations(others))
    if found:
        assert reason is None
    if closed and reason is None:
        assert found


def played_by(rule: ApprovalRule, requester: str, order: Sequence[str]) -> bool:
    request = asks(rule, requester=requester)
    cast: list[Vote] = []
    for name in order:
        one = vote(name, selectors=tuple(PEOPLE.get(name, ())))
        try:
            outcome = judge_vote(request, cast, one, PEOPLE.get(name, frozenset()))
        except VoteRefused:
            continue
        cast.append(one)
        request = request.model_copy(update={"state": outcome.state})
    return request.state is RequestState.APPROVED


delegations = st.lists(
    st.builds(
        lambda giver, taker, depth, seconds: delegation(giver, taker, depth=depth, seconds=seconds),
        st.sampled_from([*PEOPLE, "alice", "otto"]),
        st.sampled_from([*PEOPLE, "alice", "otto"]),
        st.integers(0, 2),
        st.sampled_from([1, 86400]),
    ),
    max_size=8,
)


@given(rule=rules(), held=delegations, taker=st.sampled_from([*PEOPLE, "alice", "otto"]), depth=st.integers(0, 3))
def test_delegation_never_widens(rule: ApprovalRule, held: list[Delegation], taker: str, depth: int) -> None:
    request = asks(rule.model_copy(update={"delegation": DelegationTerms(depth=depth)}), owners=("otto",))
    now = vote("x", seconds=2).at
    found = path(held, taker, request, now, lambda name: PEOPLE.get(name, frozenset()))
    own = eligible(request.rule, request, taker, PEOPLE.get(taker, frozenset()))
    assert (found == ()) is own
    if not found:
        return
    assert len(found) <= depth
    assert eligible(request.rule, request, found[0], PEOPLE.get(found[0], frozenset()))
    people = [*found, taker]
    assert len({person_key(name) for name in people}) == len(people)
    assert not any(same_person(name, out) for name in people for out in ("alice", "otto"))
    for hand, (giver, to) in enumerate(itertools.pairwise(people)):
        left = len(people) - 2 - hand
        assert any((one.giver, one.taker) == (giver, to) and now < one.expires_at and one.depth >= left for one in held)
    assert found == path(list(reversed(held)), taker, request, now, lambda name: PEOPLE.get(name, frozenset()))


@given(
    rule=rules(),
    thresholds=st.lists(
        st.builds(
            lambda tiers, actions, required: Threshold(tiers=tuple(tiers), actions=tuple(actions), required=required),
            st.lists(st.sampled_from([*Tier]), max_size=2),
            st.lists(st.sampled_from(["data:*", "data:delete", "*", "file:read"]), min_size=1, max_size=2),
            st.integers(1, 4),
        ),
        max_size=3,
    ),
    tier=st.sampled_from([*Tier]),
)
def test_thresholds_only_raise(rule: ApprovalRule, thresholds: list[Threshold], tier: Tier) -> None:
    whole = rule.model_copy(update={"thresholds": tuple(thresholds)})
    frozen = rule_for(whole, tier, "data:delete", "dataset://acme/x")
    matching = [
        one.required
        for one in thresholds
        if (not one.tiers or tier in one.tiers) and {"data:*", "data:delete", "*"} & set(one.actions)
    ]
    least = max(matching, default=0)
    assert frozen.thresholds == ()
    for before, after in zip(rule.stages, frozen.stages, strict=True):
        for one, other in zip(before.groups, after.groups, strict=True):
            assert other.required == max(one.required, least)
            assert other.approvers == one.approvers


DECISIONS = st.lists(st.tuples(st.sampled_from([*PEOPLE, "alice"]), st.sampled_from([*VoteDecision])), max_size=8)


@given(order=DECISIONS, threshold=st.integers(1, 3), veto=st.sampled_from([(), ("user:bob",), ("role:b",)]))
def test_so_many_who_say_no_or_one_who_may_veto_end_it(
    order: list[tuple[str, VoteDecision]], threshold: int, veto: tuple[str, ...]
) -> None:
    rule = ApprovalRule(name="drawn", required=9, deny_threshold=threshold, veto=veto)
    play = Play(asked(rule=rule))
    noes: list[str] = []
    ended = False
    for name, decision in order:
        fresh = name != "alice" and all(one.principal != name for one in play.votes)
        try:
            outcome = play.cast(name, *sorted(PEOPLE.get(name, ())), decision=decision)
        except VoteRefused:
            assert ended or not fresh
            continue
        assert fresh
        assert not ended
        if decision is VoteDecision.DENY:
            noes.append(name)
            held = PEOPLE[name] | {f"user:{name}"}
            ended = len(noes) >= threshold or bool(held & set(veto))
        assert (outcome.state is RequestState.DENIED) is ended
