"""State hooks run as often as what they belong to, and no more often than the plan says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from govflow.store import Store
from tests.prefect.conftest import POLICY, Home

HEAD = """
from govflow.prefect import flow, task

TOLD = []

def told(owner, run, state):
    TOLD.append((owner.name, state.name))
"""


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    home.configure(policy=POLICY, mode="enforce")
    with home.store() as store:
        yield store


def hooks_of(home: Home) -> list[str]:
    """Events of the hook, in order."""
    return [body["event"] for body in home.events() if "/told#" in str(body.get("step_id"))]


def test_a_hook_of_a_task_runs_at_each_of_its_sites(home: Home, store: Store) -> None:
    module = home.load(
        HEAD
        + """
@task(on_completion=[told])
def load(x):
    return x

@flow
def f():
    load(1)
    load(2)
    return load(3)
"""
    )
    assert module.f() == 3
    assert module.TOLD == [("load", "Completed")] * 3
    assert hooks_of(home) == ["step.intent", "step.outcome"] * 3


def test_a_hook_of_a_task_that_is_tried_again_runs_at_each_change(home: Home, store: Store) -> None:
    module = home.load(
        HEAD
        + """
@task(retries=2, on_running=[told], on_failure=[told])
def shaky():
    raise ValueError("no")

@flow
def f():
    return shaky(return_state=True).name
"""
    )
    assert module.f() == "Failed"
    assert module.TOLD[-1] == ("shaky", "Failed")
    assert "step.refused" not in hooks_of(home)
    assert hooks_of(home) == ["step.intent", "step.outcome"] * len(module.TOLD)


def test_a_hook_that_a_task_called_once_shares_with_one_called_often_is_not_stopped(home: Home, store: Store) -> None:
    """The function does not tell whose hook it is."""
    module = home.load(
        HEAD
        + """
@task(on_completion=[told])
def a_once(x):
    return x

@task(on_completion=[told])
def often(x):
    return x

@task(on_completion=[told])
def z_once(x):
    return x

@flow
def f():
    a_once(0)
    for x in range(4):
        often(x)
    return z_once(5)
"""
    )
    assert module.f() == 5
    assert len(module.TOLD) == 6
    assert hooks_of(home) == ["step.intent", "step.outcome"] * 6


def test_a_hook_of_a_flow_that_is_tried_again_runs_at_each_change(home: Home, store: Store) -> None:
    module = home.load(
        HEAD
        + """
@task(on_running=[told])
def shaky():
    raise ValueError("no")

@flow(retries=2)
def f():
    shaky()
"""
    )
    with pytest.raises(ValueError, match="no"):
        module.f()
    assert module.TOLD == [("shaky", "Running")] * 3
    assert hooks_of(home) == ["step.intent", "step.outcome"] * 3
