"""What may have been decided where not everything is known. Whatever that is, the decision is among those named."""

from __future__ import annotations

import dataclasses
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.policy.engine import Engine
from govflow.policy.layers import Layer, LayeredEngine
from govflow.policy.memo import Memo
from govflow.policy.model import Decision, Effect, PolicyRequest
from govflow.policy.possible import Possible, possible
from govflow.policy.unknown import UNKNOWN
from tests.conftest import IN_CI
from tests.policy import drawn
from tests.policy.build import ALLOW, ASK, DENY, document, engine, request, rule

PATHS = [
    "parameters.x", "parameters.y", "step.tier", "run.flow", "run.production", "run.time", "subject.name",
    "subject.roles",
]  # fmt: skip
VALUES: list[Any] = [
    *drawn.WORDS, 0, 1, 2, 3, 4, -1, 2.5, True, False, None, ["a", 1], ["dev"], ["admin", "ops"], [], {"a": 1}, "3",
    "2026-12-31T23:00:00Z", "2027-06-01T12:00:00+02:00", "soon", "192.168.3.4", "fd00::1", float("nan"), object(),
]  # fmt: skip


def put(asked: PolicyRequest, values: dict[str, Any]) -> PolicyRequest:
    spaces = {name: dict(held) for name, held in asked.attributes.items()}
    for path, value in values.items():
        space, _, key = path.partition(".")
        spaces.setdefault(space, {})[key] = value
    return dataclasses.replace(asked, attributes=spaces)


def held_to(standing: Engine | LayeredEngine, random: Random, tries: int) -> Possible:
    """Draw a request, forget some of it, and see that what is said holds for many values of what was forgotten."""
    asked = drawn.request(random)
    hidden = random.sample(PATHS, random.randint(1, 3))
    told = possible(standing, put(asked, dict.fromkeys(hidden, UNKNOWN)))
    assert told.hinges <= set(hidden)
    for _ in range(tries):
        filled = put(asked, {path: random.choice(VALUES) for path in hidden})
        decision = standing.decide(filled)
        assert decision.effect in told.effects, (filled, told, decision)
        assert decision.rule in told.rules, (filled, told, decision)
    return told


@given(st.randoms(use_true_random=False))
def test_a_certain_decision_never_changes_whatever_the_unknown_is(random: Random) -> None:
    standing = Engine(document(drawn.policy(random)))
    for _ in range(3):
        held_to(standing, random, 20)


@given(st.randoms(use_true_random=False))
def test_layers_are_no_exception(random: Random) -> None:
    layers = random.sample([*Layer], random.randint(1, 3))
    standing = LayeredEngine({layer: Engine(document(drawn.policy(random))) for layer in layers})
    for _ in range(3):
        held_to(standing, random, 20)


def test_of_an_engine_that_nobody_knows_nothing_is_certain() -> None:
    class Other:
        digest, footprint = "sha256:0", frozenset[str]()

        def decide(self, asked: PolicyRequest) -> Decision:
            raise NotImplementedError

    assert possible(Other(), request()).certain is None


@pytest.mark.parametrize("seed", range(2))
def test_many_drawn_policies_and_much_that_is_certain(seed: int) -> None:
    random = Random(seed)
    said: Counter[str] = Counter()
    for _ in range(400 if IN_CI else 60):
        standing = Engine(document(drawn.policy(random)))
        for _ in range(10):
            told = held_to(standing, random, 12)
            said["certain" if told.certain else "open"] += 1
            said["certain though a rule hangs on it"] += bool(told.certain and told.hinges)
    assert min(said.values()) > 0, said  # neither is it always certain, nor never


@given(st.randoms(use_true_random=False))
def test_where_everything_is_known_the_decision_is_the_engines(random: Random) -> None:
    standing = Engine(document(drawn.policy(random)))
    for _ in range(10):
        asked = drawn.request(random)
        decision = standing.decide(asked)
        told = possible(standing, asked)
        assert (told.certain, told.hinges) == (decision.effect, frozenset())
        assert decision.rule in told.rules


def said(*rules: Any, asked: PolicyRequest | None = None, **fields: Any) -> set[str]:
    unknown = asked or request(parameters={"x": UNKNOWN}, run={"production": False})
    return {str(effect) for effect in possible(engine(*rules, **fields), unknown).effects}


X = {"parameters.x": {"equals": 1}}
NEVER = {"run.production": {"equals": True}, **X}


def test_a_rule_that_something_known_rules_out_hangs_on_nothing() -> None:
    assert said(rule("a", DENY, conditions=NEVER), rule("b", ALLOW)) == {"allow"}
    assert said(rule("a", DENY, conditions={"any": [{"run.production": {"equals": False}}, X]})) == {"deny"}
    assert said(rule("a", ALLOW, conditions=X)) == {"allow", "deny"}
    assert said(rule("a", DENY, conditions=X), rule("b", DENY)) == {"deny"}
    assert said(rule("a", DENY, resources=["s3://*"], conditions=X), rule("b", ALLOW)) == {"allow"}


def test_what_is_unknown_may_also_be_of_the_wrong_type_which_denies() -> None:
    assert said(rule("a", ALLOW, conditions=X), default_effect=ALLOW) == {"allow", "deny"}
    assert said(rule("a", ASK, conditions=X), default_effect=ASK) == {"deny", "require_approval"}


def test_a_real_error_is_not_taken_for_certain_where_the_unknown_may_settle_it() -> None:
    both = {"run.production": {"equals": True}, "parameters.x": {"equals": 1}}
    asked = request(parameters={"x": UNKNOWN}, run={"production": "true"})
    assert said(rule("a", ALLOW, conditions=both), default_effect=ALLOW, asked=asked) == {"allow", "deny"}


def test_an_error_behind_a_rule_that_may_have_decided_is_not_certain() -> None:
    broken = rule("b", DENY, conditions={"run.flow": {"equals": "f"}})
    asked = request(parameters={"x": UNKNOWN}, run={"flow": 3})
    assert said(rule("a", ALLOW, priority=1, conditions=X), broken, asked=asked) == {"allow", "deny"}
    assert said(rule("a", ALLOW, priority=1, conditions=X), broken, asked=asked, combining="permit_overrides") == {
        "deny"
    }


def test_unknown_is_neither_there_nor_missing() -> None:
    exists = rule("a", ALLOW, conditions={"parameters.x": {"exists": True}})
    assert said(exists) == {"allow", "deny"}
    assert said(exists, asked=request(parameters={"x": None})) == {"deny"}


def test_below_something_unknown_everything_is() -> None:
    deep = rule("a", ALLOW, conditions={"parameters.x.y": {"equals": 1}})
    assert said(deep) == {"allow", "deny"}


def test_an_exception_that_hangs_on_the_time_may_be_honoured() -> None:
    exceptions = [{"name": "e", "rule": "a", "owner": "o", "ticket": "t", "expires": "2027-01-01"}]
    soft = rule("a", DENY, level="soft-mandatory")
    asked = request(run={"time": UNKNOWN})
    assert said(soft, rule("b", ALLOW, priority=200), exceptions=exceptions, asked=asked) == {"allow", "deny"}
    assert said(soft, rule("b", DENY, priority=200), exceptions=exceptions, asked=asked) == {"deny"}


def test_a_request_with_something_unknown_is_never_allowed_by_the_rule_that_reads_it() -> None:
    standing = engine(rule("a", ALLOW, conditions=X))
    asked = request(parameters={"x": UNKNOWN})
    decision = standing.decide(asked)
    assert (decision.effect, decision.rule) == (Effect.DENY, "error")
    assert Memo(standing).decide(asked) == decision
    key = Memo(standing).key(asked)
    assert key is not None
    assert key != Memo(standing).key(request(parameters={}))


def test_a_broken_request_is_denied_for_certain() -> None:
    broken = PolicyRequest("user:a", "data:read", "p", "r", {})  # type: ignore[arg-type]  # what must not break it
    assert possible(engine(default_effect=ALLOW), broken).certain is Effect.DENY
    assert said(default_effect=ALLOW, asked=request(resource="dataset://a/../../b")) == {"deny"}


def test_a_security_rule_after_the_one_that_decided_is_never_the_first_to_match() -> None:
    banded: dict[str, Any] = {"bands": {"security": {"priorities": [5, 6], "security": True}}}
    rules = rule("a", DENY, priority=1), rule("b", ASK, priority=5)
    assert said(*rules, **banded) == {"deny"}
    assert said(*reversed(rules), **banded) == {"deny"}
