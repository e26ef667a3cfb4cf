"""The approved plan is the last one that a named principal approved."""

from __future__ import annotations

import json

import pytest

from govflow.ir.models import Plan, Step, StepKind
from govflow.store import Store
from tests.store.things import NOW, a_draft, digest

STEP = Step(step_id="f/body", kind=StepKind.BODY, callee="f", resource="flow://f", code=digest("e"))
PLAN = Plan(flow="f", file="f.py", function="f", steps=(STEP,))


def test_no_plan_is_approved_at_first(store: Store) -> None:
    assert store.plans.current("acme", "f") is None


def test_the_last_approval_is_in_force_and_each_is_on_record(store: Store) -> None:
    draft = a_draft("plan.approved", subject="bob")
    store.plans.approve("acme", "f", PLAN, digest("1"), "bob", NOW, draft)
    store.plans.approve("acme", "f", PLAN.model_copy(update={"retries": 2}), digest("2"), "carol", NOW, draft)
    current = store.plans.current("acme", "f")
    assert current is not None
    assert (current.number, current.plan_hash, current.principal, current.at) == (1, digest("2"), "carol", NOW)
    assert current.plan == PLAN.model_copy(update={"retries": 2})
    assert [json.loads(entry.body)["event"] for entry in store.entries("acme")] == ["plan.approved"] * 2


def test_an_approved_plan_is_one_tenants_and_one_flows(store: Store) -> None:
    store.plans.approve("acme", "f", PLAN, digest("1"), "bob", NOW, a_draft("plan.approved"))
    assert store.plans.current("rival", "f") is None
    assert store.plans.current("acme", "g") is None


@pytest.mark.parametrize("draft", [a_draft("step.intent"), a_draft("plan.approved", "rival")])
def test_a_plan_is_not_approved_under_another_name(store: Store, draft: object) -> None:
    with pytest.raises(ValueError, match=r"plan\.approved"):
        store.plans.approve("acme", "f", PLAN, digest("1"), "bob", NOW, draft)  # type: ignore[arg-type]
    assert store.plans.current("acme", "f") is None
