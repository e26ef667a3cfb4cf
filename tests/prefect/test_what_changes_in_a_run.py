"""What changes while a run goes on, such as the time, counts for each call: also where calls are decided once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from govflow.errors import Denied
from govflow.governor.providers import AttributeProvider, Facts
from govflow.prefect.runtime import CURRENT
from govflow.services import attribute_providers
from tests.prefect.conftest import Home

FLOW = """
    from govflow.prefect import flow, task
    RAN = []

    @task
    def work(x):
        RAN.append(x)

    @flow(validate_parameters=False)
    def loops(items):
        for x in items:
            work(x)
"""
ENDS = """
version: 1
policy:
  name: test
  rules:
    - {name: flows, effect: allow, actions: ["flow:execute"]}
    - {name: for-now, effect: allow, actions: ["task:execute"], expires: "END"}
"""
EXCEPTED = """
version: 1
policy:
  name: test
  rules:
    - {name: no-tasks, effect: deny, level: soft-mandatory, actions: ["task:execute"]}
    - {name: rest, effect: allow, priority: 200}
  exceptions:
    - {name: move, rule: no-tasks, owner: carol, ticket: CHG-1, expires: "END"}
"""
SOON = (6, 60, 300)  # seconds; each is tried where a busy machine was too slow for the one before


class TooSlow(Exception):
    """The moment came before the values that were to come before it."""


@dataclass
class Items:
    """Three values before a moment, and one after it."""

    end: datetime

    def __iter__(self) -> Iterator[int]:
        yield from (1, 2, 3)
        if datetime.now(UTC) >= self.end:
            raise TooSlow
        active = CURRENT.get()
        assert active is not None
        assert not active.decided
        while datetime.now(UTC) <= self.end:
            time.sleep(0.1)
        yield 4


@pytest.mark.parametrize(("policy", "said"), [(ENDS, "No rule matches"), (EXCEPTED, "it has expired")])
def test_what_ends_while_a_run_goes_on_has_ended_for_its_next_call(home: Home, policy: str, said: str) -> None:
    for seconds in SOON:
        end = datetime.now(UTC) + timedelta(seconds=seconds)
        home.configure(policy=policy.replace("END", end.isoformat()), mode="enforce")
        module = home.load(FLOW)
        with pytest.raises((Denied, TooSlow)) as stopped:
            module.loops(Items(end))
        if len(module.RAN) == 3 and stopped.type is Denied:
            break
    assert (stopped.type, module.RAN) == (Denied, [1, 2, 3])
    assert said in str(stopped.value)


BUDGET = """
version: 1
attributes: {context.left: int}
policy:
  name: test
  rules:
    - {name: over-budget, effect: deny, actions: ["task:execute"], conditions: {context.left: {lte: 0}}}
    - {name: rest, effect: allow}
"""
AWAITS = """
    from govflow.prefect import flow, task
    RAN = []

    @task
    async def work(x):
        RAN.append(x)

    @flow
    async def awaits():
        for x in (1, 2, 3, 4):
            await work(x)
"""


def test_a_budget_that_is_used_up_stops_the_next_call(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribute_providers, "_registered", [])
    home.configure(policy=BUDGET, mode="enforce")
    module = home.load(AWAITS)
    threads = set()

    def left(facts: Facts, wanted: frozenset[str]) -> dict[str, object]:
        threads.add(threading.current_thread())
        return {"context.left": 2 - len(module.RAN)}

    attribute_providers.register(AttributeProvider("budget", {"context.left": "int"}, left))
    with pytest.raises(Denied, match="over-budget"):
        asyncio.run(module.awaits())
    assert module.RAN == [1, 2]
    assert threading.main_thread() not in threads
