"""Steps that are not validated one by one are those that validation would have given."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from govflow.ir.models import CallSite, Edge, Plan, Step
from govflow.planning.planner import plan_flow
from govflow.planning.source import MemoryTree

SOURCE = """
from prefect import flow, task

@task(retries=2)
def load(day, limit=1, **more): ...

@task
def größe(x): ...

def helper(day):
    return load(day, limit=3)

@flow
def nightly(day):
    a = load(day, limit=1)
    b = load(a, limit=2)
    c = load(b, limit=[1, {"x": "y"}])
    d = load(c, limit=True)
    for e in (c, d):
        load(e, limit=2, wait_for=[a])
    größe(helper(d))
    größe(helper(a))
    load(a, other=1.5)
    load.map([a, b], limit=None)
    list(map(load, [a]))
"""


def made() -> Plan:
    return plan_flow(MemoryTree({"f.py": SOURCE}), "f.py").plan


def test_a_plan_is_what_validation_makes_of_it() -> None:
    plan = made()
    again = Plan.model_validate(plan.model_dump())
    assert plan == again
    assert repr(plan) == repr(again)
    assert plan.model_dump_json() == again.model_dump_json()
    pairs: list[tuple[Step | Edge | CallSite, Step | Edge | CallSite]] = [
        *zip(plan.steps, again.steps, strict=True),
        *zip(plan.edges, again.edges, strict=True),
        *((one.sites[-1], other.sites[-1]) for one, other in zip(plan.steps[1:], again.steps[1:], strict=True)),
    ]
    for one, other in pairs:
        assert one.__dict__.keys() == other.__dict__.keys()
        assert one.model_copy() == other
        assert pickle.loads(pickle.dumps(one)) == other


def test_steps_share_nothing_that_one_of_them_could_change() -> None:
    steps = made().steps
    assert len({id(step.__dict__) for step in steps}) == len({id(step.constants) for step in steps}) == len(steps)
    copied = steps[1].model_copy(update={"reason": "x"})
    assert (copied.reason, steps[1].reason) == ("x", None)
    with pytest.raises(ValidationError, match="frozen"):
        steps[2].reason = "x"  # type: ignore[misc] # frozen: that is what is tested
