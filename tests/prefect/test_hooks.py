"""Hooks of flows and tasks: judged and recorded once, wherever the engine calls them from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.runner._hook_runner import HookRunner
from prefect.states import Cancelling, Crashed

from govflow.audit.record import Draft
from govflow.errors import Denied, PlanDrift
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import plan_key
from govflow.planning.planner import plan_flow
from govflow.sources import WorkingTree
from govflow.store import Store
from tests.prefect.conftest import POLICY, Home

HEAD = """
from __future__ import annotations
import shutil
from prefect.transactions import transaction
from {origin} import flow, task

TOLD = []

def began(flow, flow_run, state):
    TOLD.append(("began", state.name))

def ended(flow, flow_run, state):
    TOLD.append(("ended", state.name))

async def slowly(flow, flow_run, state):
    TOLD.append(("slowly", state.name))

def wipes(flow, flow_run, state):
    shutil.rmtree("/nonexistent/data")

@task(on_running=[began], on_completion=[ended, slowly])
def add(x):
    return x + 1

@task(on_failure=[ended])
async def fails():
    raise RuntimeError("on purpose")

@task
def staged():
    return 1

@staged.on_commit
def kept(txn):
    TOLD.append("kept")

@staged.on_rollback
def undone(txn):
    TOLD.append("undone")

@staged.on_rollback
async def undone_slowly(txn):
    TOLD.append("undone slowly")

@flow(on_running=[began], on_completion=[ended, slowly], on_failure=[ended])
def child(x):
    return add(x)

@flow(on_running=[began, slowly], on_completion=[ended])
def parent(x):
    return child(x) + add.submit(x).result()

@flow(on_running=[began, slowly], on_completion=[ended, slowly])
async def aparent(x):
    try:
        await fails()
    except RuntimeError:
        return child(x)

@flow(retries=1, on_running=[began], on_failure=[ended])
def twice():
    if not [one for one in TOLD if one == "first"]:
        TOLD.append("first")
        raise RuntimeError("once")
    return 2

@flow
def transacts():
    with transaction():
        staged()
    try:
        with transaction():
            staged()
            raise RuntimeError("no")
    except RuntimeError:
        return "rolled back"

@flow(on_running=[wipes])
def risky():
    return add(1)

@flow(on_running=[began], on_failure=[ended], on_crashed=[ended], on_cancellation=[slowly])
def plain():
    return add(1)
"""


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    home.configure(policy=POLICY, mode="enforce")
    with home.store() as store:
        yield store


def called(home: Home, event: str) -> list[str]:
    """Steps of hooks with a record of that kind, in order."""
    found = [one["step_id"] for one in home.events() if one["event"] == event]
    return [step for step in found if step and ("@" in step or step.startswith("hook "))]


@pytest.mark.parametrize("name", ["parent", "aparent", "twice", "transacts"])
def test_hooks_are_called_as_bare_ones_and_each_call_is_on_record_once(home: Home, store: Store, name: str) -> None:
    told, results = [], []
    for origin in ("prefect", "govflow.prefect"):
        module = home.load(HEAD.format(origin=origin), origin.replace(".", "_") + "_project")
        made = getattr(module, name)(*(() if name in ("twice", "transacts") else (1,)))
        results.append(asyncio.run(made) if asyncio.iscoroutine(made) else made)
        told.append(module.TOLD)
    assert results[0] == results[1]
    assert told[0] == told[1]
    intents = called(home, "step.intent")
    assert len(intents) == len([one for one in told[1] if one != "first"])
    assert sorted(called(home, "step.outcome")) == sorted(intents)
    assert called(home, "step.refused") == []


def _approve(home: Home, store: Store, file: str, function: str) -> None:
    plan, now = plan_flow(WorkingTree(home.path), file, function).plan, datetime.now(UTC)
    draft = Draft(event="plan.approved", tenant="default", at=now, subject="bob", flow=plan.flow, payload={})
    store.plans.approve("default", plan_key(plan), plan, plan_hash(plan), "bob", now, draft)


def test_no_hook_of_a_flow_that_is_not_the_approved_one_is_called(home: Home, store: Store) -> None:
    source = HEAD.format(origin="govflow.prefect")
    home.write("project_flow.py", source)
    _approve(home, store, "project_flow.py", "plain")
    module = home.load(source.replace('TOLD.append(("began"', 'print("planted"); TOLD.append(("began"'))
    with pytest.raises(PlanDrift):
        module.plain()
    assert module.TOLD == []
    assert len(called(home, "step.refused")) == 2


def test_a_hook_that_needs_people_where_nobody_can_be_asked_is_refused(home: Home, store: Store) -> None:
    module = home.load(HEAD.format(origin="govflow.prefect"))
    assert module.risky() == 2
    (refused,) = [one for one in home.events() if one["event"] == "step.refused"]
    assert "nobody can be asked" in refused["payload"]["reason"]
    assert refused["step_id"] == "risky/@on_running/wipes#1"


DENYING = POLICY.replace(
    "  rules:\n",
    "  rules:\n    - {name: no-tasks, effect: deny, resources: ['task://*'], priority: 1}\n",
)


def test_a_run_that_is_refused_still_tells_its_hooks(home: Home, store: Store) -> None:
    home.configure(policy=DENYING)
    module = home.load(HEAD.format(origin="govflow.prefect"))
    with pytest.raises(Denied):
        module.plain()
    assert module.TOLD == [("began", "Running"), ("ended", "Denied")]


@pytest.mark.parametrize("approved", [True, False])
def test_hooks_that_a_runner_calls_are_judged_where_the_run_never_was(home: Home, store: Store, approved: bool) -> None:
    source = HEAD.format(origin="govflow.prefect")
    home.write("project_flow.py", source)
    _approve(home, store, "project_flow.py", "plain")
    module = home.load(source if approved else source.replace('"slowly"', '"planted"').replace('"ended"', '"planted"'))
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run(module.plain)

    async def resolve(_: Any) -> Any:
        return module.plain

    async def tell() -> None:
        runner = HookRunner(resolve_flow=resolve)
        await runner.run_crashed_hooks(flow_run, Crashed())
        await runner.run_cancellation_hooks(flow_run, Cancelling())

    asyncio.run(tell())
    wanted = [("ended", "Crashed"), ("slowly", "Cancelling")] if approved else []
    assert wanted == module.TOLD
    assert len(called(home, "step.intent")) == (2 if approved else 0)
    assert len(called(home, "step.refused")) == (0 if approved else 2)
