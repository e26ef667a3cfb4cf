"""Law 4: a governed flow behaves as the bare one."""

from __future__ import annotations

import asyncio
import inspect
import pickle
from typing import Any

import cloudpickle
import pytest
from prefect.client.schemas.objects import State

from tests.prefect.conftest import POLICY, Home

SOURCE = '''
"""A project that somebody else wrote."""
from __future__ import annotations
import asyncio
from prefect import unmapped
from {origin} import flow, task

CALLS = []

@task
def add(x, y=1):
    return x + y

@task(retries=2, name="flaky task")
def flaky(key):
    CALLS.append(key)
    if CALLS.count(key) < 3:
        raise ValueError("not yet")
    return key

@task
async def slow(x):
    await asyncio.sleep(0)
    return x * 10

@task
def fails():
    raise RuntimeError("on purpose")

@task
def numbers(n):
    for i in range(n):
        yield i

class Box:
    @task
    def twice(self, x):
        return 2 * x

def helper(x):
    return add(x, 100)

@flow
def child(x: int) -> int:
    """A subflow."""
    return add(x, 7)

@flow(name="The Parent", retries=0)
def parent(n: int = 3) -> dict:
    """A flow with most of what flows do."""
    one = add(n)
    two, three = add(one), add(one, y=5)
    future = add.submit(three)
    mapped = add.map([1, 2, 3], unmapped(10))
    state = fails(return_state=True)
    renamed = add.with_options(name="renamed")
    return {{
        "direct": [one, two, three],
        "submit": future.result(),
        "map": [f.result() for f in mapped],
        "listcomp": [add(i) for i in range(2)],
        "retry": flaky("a"),
        "state": (state.type.value, state.name),
        "helper": helper(1),
        "child": child(n),
        "generator": list(numbers(3)),
        "method": Box().twice(4),
        "renamed": renamed(1),
        "wait_for": add(1, wait_for=[future]),
    }}

@flow
async def aparent(n: int = 2):
    both = await asyncio.gather(slow(1), slow(2))
    return both, await slow(n), add(1)

@flow
def counting(n: int):
    for i in range(n):
        yield add(i)

@flow
def broken():
    fails()
'''


@pytest.fixture(params=["observe", "enforce"])
def pair(request: pytest.FixtureRequest, home: Home) -> tuple[Any, Any]:
    if request.param == "enforce":
        home.configure(policy=POLICY, mode="enforce")
    bare = home.load(SOURCE.format(origin="prefect"), "bare_project")
    governed = home.load(SOURCE.format(origin="govflow.prefect"), "governed_project")
    return bare, governed


@pytest.mark.covers("D-09")
def test_results_states_and_names_are_the_same(pair: tuple[Any, Any]) -> None:
    bare, governed = pair
    assert governed.parent() == bare.parent()
    assert asyncio.run(governed.aparent()) == asyncio.run(bare.aparent())
    assert list(governed.counting(3)) == list(bare.counting(3)) == [1, 2, 3]


def test_failures_are_the_same(pair: tuple[Any, Any]) -> None:
    bare, governed = pair
    for module in (bare, governed):
        with pytest.raises(RuntimeError, match="on purpose"):
            module.broken()
    ours: State[Any] = governed.broken(return_state=True)
    theirs: State[Any] = bare.broken(return_state=True)
    assert (ours.type, ours.name, ours.message) == (theirs.type, theirs.name, theirs.message)


def test_tasks_and_flows_look_the_same(pair: tuple[Any, Any]) -> None:
    bare, governed = pair
    for name in ("add", "flaky", "slow", "numbers", "fails"):
        ours, theirs = getattr(governed, name), getattr(bare, name)
        for attribute in ("name", "description", "isasync", "isgenerator", "retries", "tags", "timeout_seconds"):
            assert getattr(ours, attribute) == getattr(theirs, attribute), (name, attribute)
        assert isinstance(ours, type(theirs))
        assert inspect.signature(ours.fn) == inspect.signature(theirs.fn)
        assert ours.fn.__name__ == theirs.fn.__name__
    assert governed.parent.name == bare.parent.name == "The Parent"
    assert governed.parent.parameters.model_dump() == bare.parent.parameters.model_dump()
    assert governed.add.fn(1, 2) == 3  # as in a unit test, outside any run


def test_copies_with_options_stay_governed(pair: tuple[Any, Any]) -> None:
    _, governed = pair
    for copied in (governed.add.with_options(retries=5), governed.parent.with_options(retries=5)):
        assert type(copied).__name__.startswith("Governed")
        assert copied.retries == 5


def test_a_task_survives_pickling(pair: tuple[Any, Any]) -> None:
    _, governed = pair
    again = pickle.loads(cloudpickle.dumps(governed.add))
    assert type(again) is type(governed.add)
    assert again.fn(2, 3) == 5
