"""Steps that are said to do the same without a hash have the same hash."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from govflow.ir.diff import diff
from govflow.ir.hashing import plan_hash, step_content, step_hashes
from govflow.ir.models import Effect, Multiplicity, Plan, Step, StepKind, Tier
from govflow.ir.sameness import surely_same
from tests.ir import plans

_OTHER: dict[str, Any] = {
    "kind": StepKind.SUBFLOW,
    "callee": "b",
    "action": "data:delete",
    "provider": "duckdb",
    "resource": "task://b",
    "tier": Tier.HIGH,
    "approval": "two-people",
    "records": 1,
    "multiplicity": Multiplicity.MANY,
    "count": 3,
    "retries": 1,
    "parameters": ("x",),
    "constants": {"x": 1},
    "declared": True,
    "effects": (Effect(action="http:post", provider="http", resource="https://h/x"),),
    "code": plans.code("another"),
    "reason": "it is computed",
}


@given(plans.plans(), plans.plans())
def test_what_is_surely_the_same_has_the_same_hash(left: Plan, right: Plan) -> None:
    before, after = step_hashes(left), step_hashes(right)
    assert all(before[name] == after[name] for name in surely_same(left, right))


@given(plans.plans(), plans.plans())
def test_a_diff_with_hashes_given_says_the_same(left: Plan, right: Plan) -> None:
    assert diff(left, right, approved_hash=plan_hash(left), loaded_hash=plan_hash(right)) == diff(left, right)


def test_a_plan_is_the_same_as_itself_read_again() -> None:
    made = plans.wide(5)
    assert surely_same(made, Plan.model_validate(made.model_dump())) == {step.step_id for step in made.steps}


def test_every_field_that_is_hashed_has_a_case_below() -> None:
    assert _OTHER.keys() == step_content(plans.step("a#1")).keys()


@pytest.mark.parametrize("field", _OTHER)
def test_every_field_that_is_hashed_tells_two_steps_apart(field: str) -> None:
    one = plans.step("a#1")
    other = Step(**(dict(one) | {field: _OTHER[field]}))
    assert surely_same(plans.plan(one), plans.plan(other)) == frozenset()


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), ([1], [1]), (0, None), ("1", 1)])
def test_values_that_only_look_equal_are_left_to_the_hash(old: Any, new: Any) -> None:
    left, right = (plans.plan(plans.step("a#1", constants={"x": value})) for value in (old, new))
    assert surely_same(left, right) == frozenset()


def test_a_plan_with_an_id_twice_is_left_to_the_hash() -> None:
    twice = plans.plan(plans.step("a#1"), plans.step("a#1"))
    assert surely_same(twice, twice) == frozenset()
