"""Hashes change with meaning and with nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.errors import CanonicalError
from govflow.ir.canonical import canonical_slow, digest
from govflow.ir.hashing import STEP_TYPE, ir_hash, plan_hash, step_content, step_hash, step_hashes
from govflow.ir.models import (
    IR,
    CallSite,
    Edge,
    EdgeKind,
    Effect,
    Finding,
    FlowParameter,
    Multiplicity,
    Plan,
    Step,
    StepKind,
    Tier,
)
from tests.ir import plans

GOLDEN = Path(__file__).with_name("golden.json")
SITE = CallSite(file="b.py", function="f", line=1, column=0, end_line=1, end_column=9)


def hashes() -> dict[str, Any]:
    """What ``golden.json`` holds; ``python -m tests.ir.test_hashing`` prints it for a change that is meant."""
    return {
        "plans": {name: plan_hash(made) for name, made in plans.GOLDEN_PLANS.items()},
        "steps": {step.step_id: step_hash(step) for step in plans.etl().steps},
        "ir": ir_hash(plans.ir()),
    }


@pytest.mark.covers("S5-05", "S5-06")
def test_golden_hashes_have_not_changed() -> None:
    """A change here voids every approval that anybody holds: it needs a new type number and a word in the changelog."""
    assert hashes() == json.loads(GOLDEN.read_text("utf-8"))


@pytest.mark.covers("S5-05", "D-03")
def test_hashes_are_the_same_in_another_process() -> None:
    """Another hash seed gives sets and dicts another order; the hashes stay."""
    root = Path(__file__).parents[2]
    printed = subprocess.run(
        [sys.executable, "-m", "tests.ir.test_hashing"],
        capture_output=True,
        check=True,
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": "12345"},
    )
    assert json.loads(printed.stdout) == hashes()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": StepKind.HOOK},
        {"callee": "other"},
        {"action": "data:write"},
        {"provider": "postgres"},
        {"resource": "task://other"},
        {"tier": Tier.MINIMAL},
        {"approval": "one-person"},
        {"records": 5},
        {"records": "5"},
        {"multiplicity": Multiplicity.MANY},
        {"retries": 1},
        {"parameters": ("x",)},
        {"constants": {"x": 1}},
        {"constants": {"x": True}},
        {"constants": {"x": "1"}},
        {"code": plans.code("another body")},
        {"reason": "because"},
    ],
    ids=lambda changes: ",".join(f"{key}={value}" for key, value in changes.items())[:30],
)
@pytest.mark.covers("S5-06")
def test_step_hash_changes_with_what_the_step_does(changes: dict[str, Any]) -> None:
    seen = {step_hash(plans.step("a#1")), step_hash(plans.step("a#1", **changes))}
    assert len(seen) == 2


def test_every_field_of_a_step_is_either_hashed_or_named_as_noise() -> None:
    """A field added to the model does not slip past the hash."""
    hashed = {
        "kind", "callee", "action", "provider", "resource", "tier", "approval", "records", "multiplicity",
        "count", "retries", "parameters", "constants", "code", "reason", "declared", "effects",
    }  # fmt: skip
    assert set(Step.model_fields) == hashed | {"step_id", "sites", "unseen"}
    assert set(Effect.model_fields) == {"action", "provider", "resource", "unbounded", "detail", "site"}
    assert set(Plan.model_fields) == {
        "version", "flow", "function", "retries", "parameters", "steps", "edges", "file", "findings",
    }  # fmt: skip
    assert set(IR.model_fields) == {
        "version", "tenant", "environment", "policy_digest", "plan", "parameters", "request_id", "idempotency_key",
    }  # fmt: skip


@pytest.mark.covers("S5-06")
def test_step_hash_ignores_where_the_step_stands() -> None:
    plain = step_hash(plans.step("a#1"))
    assert step_hash(plans.step("a#2", callee="a")) == plain
    assert step_hash(plans.step("a#1", sites=(SITE,))) == plain
    one = plans.step("a#1", parameters=("x", "y"), constants={"x": 1, "y": 2})
    other = plans.step("a#1", parameters=("y", "x"), constants={"y": 2, "x": 1})
    assert step_hash(one) == step_hash(other)


def test_step_hash_covers_what_the_effects_are_and_not_where_they_were_seen() -> None:
    drop = Effect(action="data:drop", provider="postgres", resource="dataset://acme/orders")
    mail = Effect(action="email:send", provider="email", resource="email://mail.acme.com")
    with_both = step_hash(plans.step("a#1", effects=(drop, mail)))
    seen = drop.model_copy(update={"detail": "DROP TABLE acme.orders", "site": SITE})
    assert step_hash(plans.step("a#1", effects=(mail, seen, drop), unseen=("acme.push",))) == with_both
    others = [
        (),
        (drop,),
        (mail,),
        (drop, mail.model_copy(update={"resource": "email://other"})),
        (drop, mail.model_copy(update={"unbounded": True})),
    ]
    hashes = {step_hash(plans.step("a#1", effects=found)) for found in others}
    hashes.add(step_hash(plans.step("a#1", effects=(drop, mail), declared=True)))
    assert len(hashes) == len(others) + 1 and with_both not in hashes


@given(plans.plans(), st.randoms())
def test_plan_hash_ignores_the_order_of_steps_and_edges(made: Plan, random: Any) -> None:
    steps, edges = list(made.steps), list(made.edges)
    random.shuffle(steps)
    random.shuffle(edges)
    assert plan_hash(made.model_copy(update={"steps": tuple(steps), "edges": tuple(edges)})) == plan_hash(made)


def test_plan_hash_ignores_file_sites_findings_and_repeated_edges() -> None:
    made = plans.etl()
    noise = {
        "file": "other.py",
        "findings": (Finding(code="x", message="y"),),
        "steps": tuple(step.model_copy(update={"sites": (SITE,)}) for step in made.steps),
        "edges": made.edges * 2,
    }
    assert plan_hash(made.model_copy(update=noise)) == plan_hash(made)


@pytest.mark.parametrize(
    "changes",
    [
        {"flow": "other"},
        {"function": "other"},
        {"retries": 2},
        {"parameters": ()},
        {"parameters": (plans.etl().parameters[1], plans.etl().parameters[0])},
        {"parameters": (FlowParameter(name="day"), plans.etl().parameters[1])},
        {"edges": ()},
        {"edges": (Edge(source="load#1", target="clean#1", kind=EdgeKind.ORDER),)},
        {"steps": (plans.step("load#1"), plans.step("clean#1"), plans.step("purge#1"))},
    ],
)  # fmt: skip
def test_plan_hash_changes_with_the_plan(changes: dict[str, Any]) -> None:
    made = plans.etl()
    assert plan_hash(made.model_copy(update=changes)) != plan_hash(made)


def test_renaming_a_step_changes_the_plan() -> None:
    assert plan_hash(plans.plan(plans.step("a#1"))) != plan_hash(plans.plan(plans.step("a#2", callee="a")))


def test_a_second_step_that_hides_behind_the_first_is_refused() -> None:
    with pytest.raises(CanonicalError, match="share the id 'a#1'"):
        plan_hash(plans.plan(plans.step("a#1", action="data:delete"), plans.step("a#1")))


def test_an_edge_out_of_the_plan_is_refused() -> None:
    with pytest.raises(CanonicalError, match="a#1 -> b#1 leads to a step that is not in the plan"):
        plan_hash(plans.plan(plans.step("a#1"), edges=(("a#1", "b#1"),)))


def test_a_constant_without_canonical_form_names_step_and_place() -> None:
    with pytest.raises(CanonicalError) as caught:
        plan_hash(plans.plan(plans.step("a#1", constants={"rates": [1.0, float("nan")]})))
    assert caught.value.message == "step a#1.constants.rates[1]: NaN has no canonical form"


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant": "other"},
        {"environment": "staging"},
        {"policy_digest": plans.code("another policy")},
        {"parameters": {"day": "2013-01-02", "n": 3}},
        {"plan": plans.plan(plans.step("a#1"))},
    ],
    ids=lambda changes: next(iter(changes)),
)
@pytest.mark.covers("S5-40")
def test_ir_hash_changes_with_what_is_approved(changes: dict[str, Any]) -> None:
    assert ir_hash(plans.ir(**changes)) != ir_hash(plans.ir())


def test_ir_hash_ignores_who_asked_and_key_order() -> None:
    other = plans.ir(request_id="req-2", idempotency_key="run-2", parameters={"n": 3, "day": "2013-01-01"})
    assert ir_hash(other) == ir_hash(plans.ir())


def test_a_flow_parameter_without_canonical_form_names_the_place() -> None:
    bad = plans.ir(parameters={"config": [0, 1, 2, {"rate": float("nan")}]})
    with pytest.raises(CanonicalError) as caught:
        ir_hash(bad)
    assert caught.value.message == "parameters.config[3].rate: NaN has no canonical form"


@given(plans.plans())
def test_hashes_given_are_the_hashes_made(made: Plan) -> None:
    bound = plans.ir(plan=made)
    assert ir_hash(bound, plan_hash(made)) == ir_hash(bound)


if __name__ == "__main__":
    print(json.dumps(hashes(), indent=2, sort_keys=True))


@given(
    st.dictionaries(
        st.text(), st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-9, 9) | st.text()
    ),
    st.text(min_size=1),
    st.none() | st.integers(0, 2**53 - 1) | st.text(),
)
def test_a_step_hash_is_that_of_the_exact_form(constants: dict[str, Any], resource: str, records: Any) -> None:
    """Only some fields are looked at before the fast path is taken: floats and keys beyond the BMP need the other."""
    effect = Effect(action="data:read", provider="postgres", resource=resource)
    step = plans.step("a#1", constants=constants, resource=resource, records=records, effects=(effect,))
    exact = digest(canonical_slow({"type": STEP_TYPE, **step_content(step)}))
    assert step_hash(step) == exact
    twin = step.model_copy(update={"step_id": "a#2"})
    assert step_hashes(plans.plan(step, plans.step("b#1"), twin)) == {
        "a#1": exact,
        "b#1": step_hash(plans.step("b#1")),
        "a#2": exact,
    }


def test_steps_that_are_hashed_together_have_the_hashes_that_each_has_alone() -> None:
    """What stands around the constants is written once for steps that share it, and for no others."""
    effects = (Effect(action="http:post", provider="http", resource="https://h/x"),)
    other: dict[str, Any] = {
        "kind": StepKind.SUBFLOW, "callee": "b", "action": "data:delete", "provider": "duckdb", "resource": "task://b",
        "tier": Tier.LOW, "approval": "two", "records": 1, "multiplicity": Multiplicity.MANY, "count": 1,
        "retries": 1, "parameters": ("x",), "declared": True, "effects": effects, "code": plans.code("v2"),
        "reason": "it is hidden",
    }  # fmt: skip
    assert {*other, "constants"} == step_content(plans.step("a#1")).keys()
    steps = [plans.step("a#1", callee="a")]
    for name, value in other.items():
        steps.append(
            plans.step(f"{name}#1", **{"callee": "a", "resource": "task://etl/a", "code": plans.code("a"), name: value})
        )
    for value in (1, True, 0, False):  # a copy is not validated: a type that a model would refuse counts too
        steps += [
            steps[0].model_copy(update={"step_id": f"{name}{value!r}", name: value})
            for name in ("records", "count", "retries", "declared")
        ]
    together = step_hashes(plans.plan(*steps))
    assert together == {step.step_id: step_hash(step) for step in steps}
