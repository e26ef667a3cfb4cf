"""A flow's time limit: Prefect's, without the time that people take."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from govflow.approval.models import RequestState
from govflow.errors import RequestClosed
from govflow.prefect.flow_clock import Clock
from govflow.store import Store
from tests.prefect.conftest import POLICY, Home
from tests.prefect.people import Background, until, vote

LIMITS = (4, 30, 150)  # seconds; each is tried where a busy machine was too slow for the one before

SOURCE = """
import asyncio, os, time
from {origin} import flow, task

@task{risky}
def purge():
    return "purged"

@flow
def child():
    return purge()

@flow(timeout_seconds=float(os.environ["LIMIT"]))
def waits():
    return purge()

@flow(timeout_seconds=float(os.environ["LIMIT"]))
async def awaits():
    return purge.submit().result()

@flow(timeout_seconds=float(os.environ["LIMIT"]))
def around():
    return child()

@flow(timeout_seconds=1)
def slow():
    for _ in range(600):
        time.sleep(0.1)

@flow(timeout_seconds=1)
async def aslow():
    await asyncio.sleep(60)

@task{risky}
async def erases():
    await asyncio.sleep(600)

@flow(timeout_seconds=float(os.environ["LIMIT"]))
async def cancels():
    await erases()

@flow(timeout_seconds=60)
def quick():
    return 1
"""
RISKY = '(action="data:delete", resource="table://rows")'


@pytest.fixture
def store(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("LIMIT", str(LIMITS[0]))
    home.configure(policy=POLICY, mode="enforce")
    with home.store() as store:
        yield store


def run(module: ModuleType, name: str, **options: Any) -> Any:
    made = getattr(module, name)(**options)
    return asyncio.run(made) if asyncio.iscoroutine(made) else made


@pytest.mark.parametrize(("name", "here"), [("waits", True), ("waits", False), ("awaits", True), ("around", True)])
def test_the_time_that_people_take_is_not_the_flows(
    home: Home, store: Store, monkeypatch: pytest.MonkeyPatch, name: str, here: bool
) -> None:
    for limit in LIMITS:
        monkeypatch.setenv("LIMIT", str(limit))  # the code stays the same: a change of it would be a drift
        module = home.load(SOURCE.format(origin="govflow.prefect", risky=RISKY))
        over = threading.Event()
        answering = Background(_says_yes, store, over, limit + 0.5)
        state = (
            run(module, name, return_state=True) if here else Background(run, module, name, return_state=True).join()
        )
        over.set()
        if answering.join() and state.is_completed():
            break
    assert state.is_completed(), state.message
    assert state.result() == "purged"


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("name", ["slow", "aslow"])
def test_a_flow_that_is_too_slow_ends_as_the_bare_one_does(home: Home, store: Store, name: str, here: bool) -> None:
    states = []
    for origin in ("prefect", "govflow.prefect"):
        source = SOURCE.format(origin=origin, risky="")
        module = home.load(source, origin.replace(".", "_") + "_project")
        state = (
            run(module, name, return_state=True) if here else Background(run, module, name, return_state=True).join()
        )
        states.append((state.type, state.name, state.message))
    assert states[0] == states[1]
    assert states[0][1] == "TimedOut"
    closed = [one for one in home.events() if one["event"] == "run.closed"]
    assert [one["payload"]["failed"] for one in closed] == ["CancelledError"]


def test_a_risky_step_that_the_limit_ends_has_an_outcome(
    home: Home, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in LIMITS:
        monkeypatch.setenv("LIMIT", str(limit))  # the code stays the same: a change of it would be a drift
        module = home.load(SOURCE.format(origin="govflow.prefect", risky=RISKY))
        over = threading.Event()
        answering = Background(_says_yes, store, over, 0)
        assert run(module, "cancels", return_state=True).name == "TimedOut"
        over.set()
        answering.join()
        began = [one for one in home.events() if one["event"] == "step.intent" and "erases" in one["step_id"]]
        if began:
            break
    (outcome,) = [one for one in home.events() if one["event"] == "step.outcome" and "erases" in one["step_id"]]
    assert outcome["payload"]["state"] == "failed"


def _says_yes(store: Store, over: threading.Event, seconds: float) -> bool:
    """Answer the request after some time; False if its run ended before, since it was too slow."""
    asked = until(lambda: store.approvals.list("default", RequestState.PENDING) or over.is_set(), "a request")
    if asked is True:
        return False
    time.sleep(seconds)
    try:
        vote(store, asked[0], "bob")
    except RequestClosed:
        return False
    return True


def test_a_flow_that_ends_in_time_leaves_no_clock_behind(home: Home, store: Store) -> None:
    assert home.load(SOURCE.format(origin="govflow.prefect", risky="")).quick() == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "govflow-flow-clock"]


def test_a_clock_that_is_stopped_twice_goes_on_when_both_let_it() -> None:
    rung: list[float] = []
    clock = Clock(3600, lambda: rung.append(time.monotonic()))
    clock.stop()
    clock.stop()
    clock._left = 0.0  # an hour later
    clock.go()
    time.sleep(0.2)
    assert rung == []
    clock.go()
    until(lambda: rung, "the clock rang")
    clock.end()
    assert len(rung) == 1
