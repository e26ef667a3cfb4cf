"""Rollout, expiry and bands: when a rule decides, and before what."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.errors import PolicyError
from govflow.policy.model import Effect, Stride
from govflow.policy.rollout import bucket
from govflow.policy.rules import Combining
from tests.policy.build import ALLOW, ASK, DENY, decide, engine, request, rule

FLOWS = [f"flow-{number}" for number in range(400)]


def inside(percent: int, effect: Effect = DENY) -> set[str]:
    standing = engine(rule("r", effect, rollout={"percent": percent}), default_effect=ASK)
    return {name for name in FLOWS if standing.decide(request(run={"flow": name})).rule == "r"}


@pytest.mark.covers("S2-098", "S2-099")
def test_a_higher_percentage_only_adds() -> None:
    shares = [inside(percent) for percent in (0, 1, 10, 25, 50, 99, 100)]
    assert shares[0] == set()
    assert shares[-1] == set(FLOWS)
    assert all(less <= more for less, more in itertools.pairwise(shares))
    assert 70 <= len(shares[3]) <= 130  # a quarter of 400


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_bucket_is_one_of_a_hundred(name: str, key: str) -> None:
    assert 0 <= bucket(name, key) <= 99
    assert bucket(name, key) == bucket(name, key)


def test_buckets_are_the_same_on_every_machine() -> None:
    assert (bucket("r", "etl"), bucket("s", "etl")) == (BUCKET_R, BUCKET_S)


BUCKET_R, BUCKET_S = 79, 86


def test_outside_its_share_a_rule_is_in_shadow() -> None:
    out = next(name for name in FLOWS if bucket("r", name) >= 50)
    rules = [rule("r", DENY, rollout={"percent": 50}, priority=1), rule("now", ALLOW)]
    decision = decide(rules, request(run={"flow": out}))
    assert (decision.rule, decision.rules) == ("now", ("shadow:r", "now"))


@pytest.mark.parametrize(("effect", "rule_name"), [(DENY, "r"), (ASK, "r"), (ALLOW, "default")])
def test_where_the_key_is_missing_a_rule_restricts_and_does_not_allow(effect: Effect, rule_name: str) -> None:
    assert decide([rule("r", effect, rollout={"percent": 1})], request()).rule == rule_name
    assert decide([rule("r", effect, rollout={"percent": 1})], request(run={"flow": 1.5})).rule == "error"


def test_the_key_of_a_rollout_is_chosen_and_is_in_the_footprint() -> None:
    standing = engine(rule("r", DENY, rollout={"percent": 50, "by": "subject.name"}), default_effect=ALLOW)
    assert standing.footprint == {"subject.name"}
    names = {standing.decide(request(subject={"name": name})).rule for name in FLOWS}
    assert names == {"r", "default"}


@pytest.mark.parametrize(
    ("by", "says"),
    [("run.flwo", "unknown attribute"), ("subject.roles", "of type list"), ("run.production", "of type bool")],
)
def test_a_rollout_by_what_tells_nothing_apart_is_refused(by: str, says: str) -> None:
    with pytest.raises(PolicyError, match=r"policy\.rules\[0\]\.rollout\.by") as caught:
        engine(rule("r", DENY, rollout={"percent": 50, "by": by}))
    assert says in caught.value.message


@pytest.mark.parametrize("effect", [*Effect])
def test_a_rule_ends_when_it_expires(effect: Effect) -> None:
    rules = [rule("r", effect, expires="2027-01-01")]
    assert decide(rules, request(run={"time": "2026-12-31T23:59:59Z"})).rule == "r"
    assert decide(rules, request(run={"time": "2027-01-01T00:00:00Z"})).rule == "default"
    assert decide(rules, request(run={"time": "soon"})).rule == "error"
    assert decide(rules, request()).rule == ("default" if effect is ALLOW else "r")
    assert engine(*rules).footprint == {"run.time"}


BANDS = {"security": {"priorities": [1, 10], "security": True}, "rest": {"priorities": [11, 99]}}


def banded(rules: list[Any], combining: Combining = Combining.FIRST_MATCH, **spaces: Any) -> Any:
    return decide(rules, request(**spaces), bands=BANDS, combining=combining, default_effect=ALLOW)


@pytest.mark.covers("S2-040")
@pytest.mark.parametrize("combining", [*Combining])
def test_a_security_deny_is_overridden_by_nothing(combining: Combining) -> None:
    rules = [rule("early", ALLOW, priority=0), rule("safe", DENY, priority=5), rule("late", ALLOW, priority=50)]
    decision = banded(rules, combining)
    assert (decision.effect, decision.rule) == (DENY, "safe")
    assert decision.rules[:2] == ("early", "safe")


@pytest.mark.parametrize("combining", [*Combining])
def test_what_security_asks_for_no_allow_takes_away(combining: Combining) -> None:
    rules = [rule("early", ALLOW, priority=0), rule("safe", ASK, priority=5), rule("late", ALLOW, priority=50)]
    assert banded(rules, combining).rule == "safe"


def test_a_deny_that_decides_is_stricter_than_what_security_asks_for() -> None:
    rules = [rule("early", DENY, priority=0), rule("safe", ASK, priority=5)]
    assert banded(rules).rule == "early"
    assert banded([rule("safe", ASK, priority=5), rule("late", DENY, priority=50)]).rule == "safe"


def test_a_security_allow_is_an_ordinary_rule() -> None:
    rules = [rule("first", DENY, priority=0), rule("safe", ALLOW, priority=5)]
    assert banded(rules).rule == "first"
    assert banded([rule("safe", ALLOW, priority=5), rule("late", DENY, priority=50)]).rule == "safe"


def test_of_two_denies_the_security_rule_is_named() -> None:
    rules = [rule("cost", DENY, priority=0), rule("safe", DENY, priority=5)]
    assert banded(rules).rule == "safe"


def test_security_rules_are_asked_behind_the_first_match_and_no_others_are() -> None:
    broken = {"parameters.n": {"gt": 1}}
    first = rule("first", ALLOW, priority=0)
    safe = [first, rule("safe", DENY, priority=5, conditions=broken)]
    assert banded(safe, parameters={"n": "x"}).rules == ("first", "error:safe")
    assert banded([first, rule("late", DENY, priority=50, conditions=broken)], parameters={"n": "x"}).rule == "first"


@pytest.mark.parametrize(
    ("bands", "place", "says"),
    [
        ({"a": {"priorities": [5, 1]}}, "a.priorities", "above the second"),
        ({"a": {"priorities": [1, 5]}, "b": {"priorities": [5, 9]}}, "a.priorities", "some of these"),
    ],
)
def test_bands_that_make_no_order_are_refused(bands: dict[str, Any], place: str, says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        engine(bands=bands)
    assert caught.value.details["field"] == f"policy.bands.{place}"
    assert says in caught.value.message


@pytest.mark.covers("S4-03")
def test_a_decision_says_what_the_rule_protects_from() -> None:
    one = rule("r", DENY, stride=["tampering", "repudiation"], compliance=["GDPR Art. 44"])
    decision = decide([one], request())
    assert decision.stride == (Stride.TAMPERING, Stride.REPUDIATION)
    assert decision.compliance == ("GDPR Art. 44",)
    assert decide([], request()).stride == ()
