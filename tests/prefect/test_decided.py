"""Calls of a site that was decided before: whatever changes between two of them is noticed at the next."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from govflow.errors import GovflowError
from govflow.prefect.runtime import CURRENT, Active
from tests.prefect.conftest import POLICY, Home

FLOW = """
    from govflow.prefect import flow, task
    RAN = []
    LIMIT = 100

    def helper(x):
        return x + LIMIT

    def other_helper(x):
        return -x

    @task
    def work(x):
        RAN.append(x)
        if x == 13:
            raise ValueError("unlucky")
        return helper(x)

    @task
    def unplanned(x):
        RAN.append("unplanned")

    @task
    async def waits(x):
        RAN.append(x)
        return helper(x)

    @flow(validate_parameters=False)
    def loops(items):
        found = []
        for x in items:
            found.append(work(x))
        return found

    @flow(validate_parameters=False)
    def submits(items):
        for x in items:
            work.submit(x).result()

    @flow(validate_parameters=False)
    async def awaits(items):
        for x in items:
            await waits(x)

    @flow(validate_parameters=False)
    def tries(items):
        for x in items:
            state = work(x, return_state=True)
"""
FLOWS = ["loops", "submits", "awaits"]
SEEN: list[Active] = []


@dataclass
class Items:
    """What a flow goes through: three values, and one more that is given after something has happened."""

    last: Callable[[], Any]
    first: Iterable[Any] = (1, 2, 3)

    def __iter__(self) -> Iterator[Any]:
        yield from self.first
        active = CURRENT.get()
        assert active is not None
        assert active.decided, "what is decided was not kept: this test would show nothing"
        SEEN.append(active)
        yield self.last()


def meddling(meddle: Callable[[], object]) -> Items:
    """Four values; what runs before the last of them is given."""
    return Items(lambda: (meddle(), 4)[1])


async def play(module: ModuleType, flow: str, items: Any) -> None:
    result = getattr(module, flow)(items)
    if hasattr(result, "__await__"):
        await result


@pytest.fixture
def module(home: Home) -> ModuleType:
    home.configure(policy=POLICY, mode="enforce")
    return home.load(FLOW)


def steps(home: Home, event: str) -> Counter[str]:
    return Counter(str(body["step_id"]) for body in home.events() if body["event"] == event)


@pytest.mark.parametrize("flow", FLOWS)
async def test_every_call_is_on_record_once(home: Home, module: ModuleType, flow: str) -> None:
    await play(module, flow, meddling(lambda: None))
    assert module.RAN == [1, 2, 3, 4]
    (step_id,) = (name for name in steps(home, "step.intent") if "/" in name)
    assert steps(home, "step.intent")[step_id] == steps(home, "step.outcome")[step_id] == 4
    runs = [body["payload"]["task_run_id"] for body in home.events() if body.get("step_id") == step_id]
    assert all(count == 2 for count in Counter(runs).values())
    assert len(set(runs)) == 4
    if flow != "submits":
        assert SEEN[-1].marked, "the copy of the task was not kept"


def _exchange_helper(module: Any) -> None:
    module.helper = module.other_helper


def _exchange_constant(module: Any) -> None:
    module.LIMIT = 7


def _exchange_code_of_helper(module: Any) -> None:
    module.helper.__code__ = module.other_helper.__code__


def _exchange_code(module: Any) -> None:
    for name in ("work", "waits"):
        task = getattr(module, name)
        task.fn.fn.__code__ = module.unplanned.fn.fn.__code__


def _exchange_function(module: Any) -> None:
    module.work.fn = module.waits.fn = module.unplanned.fn


def _exchange_task(module: Any) -> None:
    module.work = module.waits = module.unplanned


def _retry_more_often(module: Any) -> None:
    module.work.retry_condition_fn = module.waits.retry_condition_fn = lambda *_: module.RAN.append("asked")
    module.work.retries = module.waits.retries = 1


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(
    "meddle",
    [
        _exchange_helper,
        _exchange_constant,
        _exchange_code_of_helper,
        _exchange_code,
        _exchange_function,
        _exchange_task,
        _retry_more_often,
    ],
)
async def test_what_was_put_in_place_between_two_calls_does_not_run(
    home: Home, module: ModuleType, flow: str, meddle: Callable[[ModuleType], None]
) -> None:
    with pytest.raises(GovflowError):
        await play(module, flow, meddling(lambda: meddle(module)))
    assert module.RAN == [1, 2, 3]
    assert steps(home, "step.refused").total() >= 1


@pytest.mark.parametrize("flow", FLOWS)
async def test_a_hook_that_was_added_between_two_calls_does_not_run(home: Home, module: ModuleType, flow: str) -> None:
    def add() -> None:
        for task in (module.work, module.waits):
            task.on_completion_hooks.append(lambda *_: module.RAN.append("hook"))

    with suppress(GovflowError):  # how a refused hook ends is the engine's matter
        await play(module, flow, meddling(add))
    assert "hook" not in module.RAN
    assert steps(home, "step.refused").total() >= 1


def test_a_call_that_fails_is_on_record_as_failed(home: Home, module: ModuleType) -> None:
    module.tries([1, 2, 13, 4])
    assert module.RAN == [1, 2, 13, 4]
    states = [body["payload"].get("error") for body in home.events() if body["event"] == "step.outcome"]
    assert states[:4] == [None, None, "ValueError", None]


WIRED = """
    from govflow.prefect import flow, task
    RAN = []

    class Made:
        pass

    @task
    def make():
        return Made()

    @task
    def make_other():
        return Made()

    @task
    def take(x):
        RAN.append(x)

    @flow(validate_parameters=False)
    def wires(items):
        held = [make.submit()]
        other = make_other.submit()
        for _ in items:
            take.submit(held[0]).result()
"""


def _rewire() -> None:
    """Hand on the result of another step than the flow's text says."""
    frame = sys._getframe()
    while "held" not in frame.f_locals:
        assert frame.f_back is not None
        frame = frame.f_back
    frame.f_locals["held"][0] = frame.f_locals["other"]


def test_what_is_given_against_the_plan_is_still_seen(home: Home) -> None:
    home.configure(policy=POLICY, mode="enforce")
    module = home.load(WIRED)
    with pytest.raises(GovflowError):
        module.wires(meddling(_rewire))
    assert len(module.RAN) == 3
