"""Flows that import Prefect alone, in a process that asked for them to be governed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from prefect.task_engine import run_task_sync

from govflow.errors import EngineError
from govflow.prefect import canary, instrument, uninstrument
from govflow.prefect.instrumentation import is_instrumented
from govflow.prefect.patches import CALLS, PATCHES, Patch
from tests.prefect.conftest import POLICY, Home

PROJECT = """
    from prefect import flow, task

    def announce(*_):
        return None

    @task
    def give(x):
        return x

    @task(on_completion=[announce])
    def tell(x):
        return x

    @task
    async def agive(x):
        return x

    @task
    def count(upto):
        yield from range(upto)

    @task
    async def acount(upto):
        for at in range(upto):
            yield at

    named = give.with_options(name="another name")

    class Ledger:
        def __init__(self, start):
            self.start = start

        @task
        def add(self, x):
            return self.start + x

        @classmethod
        @task
        def kind(cls, x):
            return (cls.__name__, x)

        @staticmethod
        @task
        def twice(x):
            return 2 * x

    @flow
    def below(x):
        return give(x)

    @flow
    def all_ways(x):
        ledger = Ledger(10)
        found = [tell(x), give(x), give.submit(x).result(), give.map([x, x + 1]).result(), named(x)]
        found += [list(count(2)), ledger.add(x), Ledger.twice(x), below(x)]
        return found

    @flow
    async def async_ways(x):
        found = [await agive(x), agive.submit(x).result()]
        found.append([at async for at in acount(2)])
        return found

    @flow
    def stream(x):
        yield give(x)
        yield give(x + 1)
"""
DECORATED = PROJECT.replace("from prefect import", "from govflow.prefect import")
RESULT = [1, 1, 1, [1, 2], 1, [0, 1], 11, 2, 1]


@pytest.fixture
def zero_code() -> Iterator[None]:
    assert instrument()
    yield
    uninstrument()


def play(module: ModuleType) -> list[Any]:
    return [module.all_ways(1), asyncio.run(module.async_ways(1)), list(module.stream(1))]


def told(home: Home) -> Counter[tuple[Any, ...]]:
    """What the log says of attempts, without ids."""
    return Counter(
        (body["event"], body["flow"], body.get("step_id"), (body.get("payload") or {}).get("reason"))
        for body in home.events()
        if body["event"].startswith("step.")
    )


@pytest.mark.covers("B-06")
def test_bare_flows_are_recorded_as_decorated_ones_and_end_as_they_did(home: Home) -> None:
    bare = home.load(PROJECT)
    results = play(bare)  # nobody watches yet
    assert results[0] == RESULT
    assert told(home) == Counter()
    instrument()
    try:
        assert play(bare) == results, "made before anybody watched"
        seen = told(home)
        decorated = home.load(DECORATED, "decorated_flow")
        assert play(decorated) == results
        both = told(home)
    finally:
        uninstrument()
    assert seen[("step.intent", "all-ways", "all_ways/give#1", None)] == 1
    assert sum(count for key, count in seen.items() if "announce" in key[2]) == 2, "before the hook and after it"
    assert not [key for key in seen if key[0] == "step.refused"]
    # Where both are active each attempt is recorded once: as often as by the decorators alone.
    assert both - seen == seen
    assert not is_instrumented()
    assert bare.below(3) == 3
    assert told(home) == both, "nobody watches any more"


def test_a_task_of_a_class_of_somebodys_own_is_seen(home: Home, zero_code: None) -> None:
    module = home.load("""
        from prefect import Task, flow

        class Shouting(Task):
            def __call__(self, *args, **kwargs):
                return super().__call__(*args, **kwargs) + "!"

        def shout(x):
            return x.upper()

        shouted = Shouting(shout)

        @flow
        def loud(x):
            return shouted(x)
    """)
    assert module.loud("a") == "A!"
    assert [key[:2] for key in told(home) if "shout" in key[2]][:1]


def test_a_risky_step_of_a_bare_flow_is_stopped_before_its_body(home: Home, zero_code: None) -> None:
    home.configure(
        policy=POLICY.replace("effect: require_approval", "effect: deny").replace("      approval: one\n", "")
    )
    module = home.load("""
        import subprocess
        from prefect import flow, task

        ran = []

        @task
        def purge(folder):
            ran.append(folder)
            subprocess.run(["rm", "-rf", folder])

        @task
        def look(folder):
            ran.append("looked")

        @flow
        def clean(folder):
            look(folder)
            return purge(folder)
    """)
    state = module.clean("/nowhere", return_state=True)
    assert state.is_failed()
    assert "/nowhere" not in module.ran


@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_a_body_that_no_call_has_marked_is_unplanned(home: Home, zero_code: None, mode: str) -> None:
    home.configure(mode=mode)
    module = home.load("""
        from prefect import flow, task

        ran = []

        @task
        def give(x):
            ran.append(x)

        @flow
        def around(start, x):
            return start(give, x)
    """)

    def start(task: Any, x: int) -> Any:
        return run_task_sync(task=task, parameters={"x": x}, return_type="state")

    state = module.around.with_options(validate_parameters=False)(start, 1, return_state=True)
    assert module.ran == ([1] if mode == "observe" else [])
    assert state.is_completed() is (mode == "observe")
    if mode == "observe":
        (refused,) = (
            body for body in home.events() if body["event"] == "step.refused" and body["payload"]["code"] == "unplanned"
        )
        assert refused["payload"]["stopped"] is False


def test_observing_goes_on_without_govflow_where_govflow_cannot_work(
    home: Home, zero_code: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.configure(mode="observe")
    module = home.load(PROJECT)
    monkeypatch.setenv("GOVFLOW_POLCIY", "misspelt")
    home.configure()
    assert play(module)[0] == RESULT


@pytest.mark.parametrize("patch", PATCHES, ids=str)
def test_the_self_test_notices_each_patch_that_is_missing(zero_code: None, patch: Patch) -> None:
    canary.prove()
    standing: Any = patch.standing
    setattr(patch.owner, patch.name, standing.__wrapped__)
    try:
        with pytest.raises(EngineError, match=patch.name):
            canary.prove()
    finally:
        setattr(patch.owner, patch.name, standing)


@pytest.mark.parametrize("patch", [patch for patch in CALLS if patch.name != "delay"], ids=str)
def test_the_self_test_notices_a_call_seam_that_does_nothing(zero_code: None, patch: Patch) -> None:
    standing: Any = patch.standing

    def idle(*_: Any, **__: Any) -> None:
        return None  # as if the call had gone its way

    idle.__wrapped__ = standing.__wrapped__  # type: ignore[attr-defined] # as functools.wraps would
    setattr(patch.owner, patch.name, idle)
    try:
        with pytest.raises(EngineError, match=patch.name):
            canary.prove()
    finally:
        setattr(patch.owner, patch.name, standing)


@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_a_prefect_of_another_shape_is_refused_or_left_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    home.configure(mode=mode)
    module = home.load(PROJECT)
    from prefect.task_engine import SyncTaskRunEngine

    original: Any = SyncTaskRunEngine.call_task_fn

    def call_task_fn(self: Any, txn: Any, more: int = 0) -> Any:
        return original(self, txn)

    monkeypatch.setattr(SyncTaskRunEngine, "call_task_fn", call_task_fn)
    try:
        if mode == "observe":
            assert instrument() is False
            assert module.below(3) == 3
            assert told(home) == Counter()
        else:
            with pytest.raises(EngineError, match="call_task_fn"):
                instrument()
            with pytest.raises(EngineError, match="call_task_fn"):
                module.below(3)
    finally:
        uninstrument()
