"""One set of rules, two drivers: one that waits in its thread, and one that never holds up an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from govflow.audit.record import Ack
from govflow.errors import Denied, GovflowError, StoreError
from govflow.governor.call import Call
from govflow.governor.port import Command, Port, Steps, adrive, drive
from govflow.governor.run import close_run, open_run
from govflow.governor.step import after, before
from govflow.ir.models import Plan
from tests.governor.conftest import Staged
from tests.governor.plans import plan, step
from tests.governor.stage import Stage, approved_by, denied_by, nobody_is_asked

SALES = {"provider": "duckdb", "resource": "dataset://acme/sales"}
LOAD = step("etl/load#1", action="data:read", **SALES)
PURGE = step("etl/purge#1", action="data:delete", **SALES)
PAY = step("etl/pay#1", action="payment:create", provider="stripe", resource="payment://acme")


def _sync(steps: Steps[Any], port: Port) -> Any:
    return drive(steps, port)


def _async(steps: Steps[Any], port: Port) -> Any:
    return asyncio.run(adrive(steps, port))


Driver = Callable[[Steps[Any], Port], Any]


def _life(stage: Stage, driver: Driver, a_plan: Plan) -> str:
    """A whole run; what came of it."""
    try:
        run = driver(open_run(stage.facts(a_plan)), stage.port)
        for number, planned in enumerate(a_plan.steps[1:]):
            run.called.add(planned.step_id)
            call = Call(frozenset({planned.step_id}), planned.callee, f"task-run-{number}", parameters=lambda: {"n": 1})
            grant = driver(before(run, call, f"request-{number}"), stage.port)
            driver(after(run, grant, None), stage.port)
        driver(close_run(run, failed=None), stage.port)
    except GovflowError as error:
        return f"{type(error).__name__}: {error}"
    return "ended"


YES, NO = approved_by("bob", "carol"), denied_by("bob", "no")
LIVES = {
    "passes": ("enforce", nobody_is_asked, plan(LOAD)),
    "is approved": ("enforce", YES, plan(LOAD, PURGE)),
    "is denied": ("enforce", NO, plan(LOAD, PURGE)),
    "is rejected": ("enforce", nobody_is_asked, plan(PAY)),
    "is observed": ("observe", nobody_is_asked, plan(LOAD, PURGE)),
    "would be rejected": ("observe", nobody_is_asked, plan(PAY)),
}


@pytest.mark.parametrize(("mode", "answer", "a_plan"), LIVES.values(), ids=LIVES)
def test_both_drivers_give_the_same_answers_and_the_same_records(
    staged: Staged, mode: str, answer: Any, a_plan: Plan
) -> None:
    ends, events = [], []
    for name, driver in (("sync", _sync), ("async", _async)):
        stage = staged(mode=mode, database=name)
        stage.port.answer = answer
        ends.append(_life(stage, driver, a_plan))
        events.append(stage.events())
    assert ends[0] == ends[1]
    assert events[0] == events[1]
    assert events[0]


def _raises(error: Exception) -> Callable[[Port], Any]:
    def perform(port: Port) -> Any:
        raise error

    return perform


def _caught() -> Steps[list[object]]:
    """Meets every kind of answer: a value, nothing, an error that it handles."""
    seen: list[object] = [(yield Command(lambda port: port.executor)), (yield Command(lambda port: None))]
    try:
        yield Command(_raises(StoreError("down")))
    except StoreError as error:
        seen.append(error.message)
    seen.append((yield Command(lambda port: 7)))
    return seen


def _uncaught() -> Steps[None]:
    yield Command(_raises(ZeroDivisionError("in a command")))


def _own() -> Steps[None]:
    yield Command(lambda port: None)
    raise Denied("by the check itself")


def _nothing() -> Steps[str]:
    yield from ()
    return "without a question"


@pytest.mark.parametrize("driver", [_sync, _async])
def test_answers_errors_and_results_go_where_they_belong(stage: Stage, driver: Driver) -> None:
    assert driver(_caught(), stage.port) == ["executor-1", None, "down", 7]
    assert driver(_nothing(), stage.port) == "without a question"
    with pytest.raises(ZeroDivisionError, match="in a command"):
        driver(_uncaught(), stage.port)
    with pytest.raises(Denied, match="by the check itself"):
        driver(_own(), stage.port)


async def test_a_slow_command_does_not_stop_the_event_loop(stage: Stage) -> None:
    release = threading.Event()
    ticks = 0

    def slow() -> Steps[str]:
        yield Command(lambda port: release.wait(240))
        return "done"

    deciding = asyncio.create_task(adrive(slow(), stage.port))
    while ticks < 100:  # would never come to an end if the loop waited: nobody else sets the event
        await asyncio.sleep(0)
        ticks += 1
    assert not deciding.done()
    release.set()
    assert await deciding == "done"


async def test_every_command_of_a_run_leaves_the_thread_of_the_event_loop(stage: Stage) -> None:
    threads: set[int] = set()

    def watched(steps: Steps[Any]) -> Steps[Any]:
        answer: Any = None
        try:
            command = next(steps)
            while True:
                asked = command

                def perform(port: Port, asked: Command = asked) -> Any:
                    threads.add(threading.get_ident())
                    return asked.perform(port)

                answer = yield Command(perform)
                command = steps.send(answer)
        except StopIteration as end:
            return end.value

    stage.port.answer = approved_by("bob", "carol")
    run = await adrive(watched(open_run(stage.facts(plan(PURGE)))), stage.port)
    call = Call(frozenset({"etl/purge#1"}), "purge", "task-run-1")
    await adrive(watched(before(run, call, "request-1")), stage.port)
    assert threads
    assert threading.get_ident() not in threads


async def test_a_run_that_is_cancelled_while_people_decide_stops_waiting(stage: Stage) -> None:
    """The thread of the wait cannot be cancelled: it has to come back by itself, or the process would never end."""
    run = await adrive(open_run(stage.facts(plan(PURGE))), stage.port)
    stage.port.answer = lambda port, request: None
    call = Call(frozenset({"etl/purge#1"}), "purge", "task-run-1")
    deciding = asyncio.create_task(adrive(before(run, call, "request-1"), stage.port))
    while not stage.port.asked:
        await asyncio.sleep(0.01)
    deciding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deciding
    started = time.monotonic()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert time.monotonic() - started < 240
    assert "step.intent" not in stage.events()


async def test_many_durable_intents_of_one_loop_need_no_thread_each(stage: Stage) -> None:
    run = await adrive(open_run(stage.facts(plan(LOAD))), stage.port)
    there = set(threading.enumerate())
    seen: set[threading.Thread] = set()

    async def write(number: int) -> Ack:
        command = Command.append(run.draft("ir.dag_diff_failed", stage.port.now(), payload={"n": number}), durable=True)

        def steps() -> Steps[Ack]:
            ack: Ack = yield command
            seen.update(threading.enumerate())
            return ack

        return await adrive(steps(), stage.port)

    acks = await asyncio.gather(*(write(number) for number in range(64)))
    assert len({ack.seq for ack in acks}) == 64
    assert all(ack.durable for ack in acks)
    assert {thread.name for thread in seen - there} <= {"govflow-committer"}
