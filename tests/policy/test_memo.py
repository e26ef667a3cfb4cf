"""A memo says what its engine says, and tells apart whatever a rule could."""

from __future__ import annotations

import dataclasses
import math
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.policy import memo
from govflow.policy.engine import Engine
from govflow.policy.memo import Memo
from govflow.policy.model import PolicyEngine, PolicyRequest
from tests.policy import drawn
from tests.policy.build import ALLOW, DENY, document, engine, request, rule


@given(st.randoms(use_true_random=False))
def test_a_memo_says_what_its_engine_says(random: Random) -> None:
    standing = Engine(document(drawn.policy(random)))
    remembering: PolicyEngine = Memo(standing)
    requests = [drawn.request(random) for _ in range(10)]
    for asked in random.choices(requests, k=30):
        assert remembering.decide(asked) == standing.decide(asked)


def test_a_memo_agrees_with_its_engine_over_many_drawn_requests() -> None:
    random = Random(11)
    for _ in range(20):
        standing = Engine(document(drawn.policy(random)))
        remembering = Memo(standing)
        for _ in range(200):
            asked = drawn.request(random)
            assert remembering.decide(asked) == standing.decide(asked), asked


@pytest.mark.parametrize("value", [1, 1.0, True, "1", None, [1], (1,), [True], ["a"], {"a"}, frozenset({"a"})])
@pytest.mark.parametrize("other", [1, 1.0, True, "1", None, [1], [True], ["a", "b"], {"a", "b"}])
def test_values_that_a_rule_could_tell_apart_have_keys_apart(value: Any, other: Any) -> None:
    remembering = Memo(engine(rule("r", DENY, conditions={"parameters.x": {"equals": 1}})))
    keys = [remembering.key(request(parameters={"x": one})) for one in (value, other)]
    same = type(value) is type(other) and repr(value) == repr(other)
    assert (keys[0] == keys[1]) is same


def test_what_no_rule_reads_is_no_part_of_a_key() -> None:
    remembering = Memo(engine(rule("r", ALLOW, subjects=["role:dev"], conditions={"parameters.x": {"equals": 1}})))
    plain = request("data:read", "s3://b/k", "role:dev", parameters={"x": 1})
    noisy = request(
        "data:read", "s3://b/k", "role:dev", "user:carol", parameters={"x": 1, "y": object()}, run={"flow": "f"}
    )
    assert remembering.key(plain) == remembering.key(dataclasses.replace(noisy, provider="duckdb"))
    assert remembering.decide(plain) is remembering.decide(noisy)
    assert remembering.key(plain) != remembering.key(request("data:read", "s3://b/k", parameters={"x": 1}))


def test_another_policy_has_other_keys() -> None:
    one, two = Memo(engine(rule("r", ALLOW))), Memo(engine(rule("r", DENY)))
    assert one.key(request()) != two.key(request())
    assert one.digest != two.digest


@pytest.mark.parametrize("value", [{"a": 1}, [{"a": 1}], [[[]], {}], math.nan])
def test_a_value_without_a_key_is_decided_each_time(value: Any) -> None:
    standing = engine(rule("r", DENY, conditions={"parameters.x": {"equals": 1}}))
    asked = request(parameters={"x": value})
    assert Memo(standing).decide(asked) == standing.decide(asked)
    assert Memo(standing).decide(asked).rule == "error"


def test_a_broken_request_is_denied() -> None:
    broken = PolicyRequest("user:a", "data:read", "p", "r", {})  # type: ignore[arg-type]  # what must not break it
    assert Memo(engine(default_effect=ALLOW)).decide(broken).rule == "error"


def test_a_memo_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "MAX_KEPT", 10)
    standing = engine(rule("r", ALLOW, resources=["s3://*"]))
    remembering = Memo(standing)
    for number in range(100):
        assert remembering.decide(request(resource=f"s3://b/{number}")).rule == "r"
    assert len(remembering._kept) <= 10


def test_nothing_is_remembered_where_a_key_costs_more_than_deciding() -> None:
    def rules(count: int, paths: int) -> Memo:
        read = {f"parameters.p{number}": {"equals": number} for number in range(paths)}
        few = [rule(f"r{number}", ALLOW, conditions=read) for number in range(count)]
        return Memo(engine(*few))

    few_that_read_much, few_that_read_little, many = rules(3, 20), rules(3, 2), rules(65, 20)
    assert (few_that_read_much.remembers, few_that_read_little.remembers, many.remembers) == (False, True, True)
    for one in (few_that_read_much, few_that_read_little, many):
        asked = request(parameters={f"p{number}": number for number in range(20)})
        assert one.decide(asked) == one.decide(asked)
        assert one.decide(asked).effect is ALLOW
        assert bool(one._kept) is one.remembers
