"""Tasks and flows of plain Prefect inside a governed run, where nobody turned zero code on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from govflow.errors import Unplanned
from tests.prefect.conftest import POLICY, Home

SOURCE = """
from collections.abc import Iterator
import prefect
from govflow.prefect import flow

RAN = []

@prefect.task
def give(x):
    RAN.append(x)
    return x

@prefect.task
async def agive(x):
    RAN.append(x)
    return x

@prefect.task
def count(x):
    RAN.append(x)
    yield x

@prefect.flow
def below(x):
    RAN.append(x)
    return x

@flow
def called(x):
    return give(x)

@flow
def submitted(x):
    return give.submit(x).result()

@flow
def mapped(x):
    return give.map([x]).result()[0]

@flow
def streamed(x):
    return list(count(x))[0]

@flow
def subflow(x):
    return below(x)

@flow
async def awaited(x):
    return await agive(x)
"""

WAYS: dict[str, Callable[[Any], Any]] = {
    **{name: lambda made: made(1) for name in ("called", "submitted", "mapped", "streamed", "subflow")},
    "awaited": lambda made: asyncio.run(made(1)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_bare_body_in_a_governed_run_is_stopped(home: Home, way: str) -> None:
    home.configure(policy=POLICY, mode="enforce")
    module = home.load(SOURCE)
    with pytest.raises(Unplanned):
        WAYS[way](getattr(module, way))
    assert module.RAN == []
    assert [body["payload"]["stopped"] for body in home.events() if body["event"] == "step.refused"] == [True]


@pytest.mark.parametrize("way", WAYS)
def test_observing_says_so_and_stops_nothing(home: Home, way: str) -> None:
    home.configure(policy=POLICY, mode="observe")
    module = home.load(SOURCE)
    assert WAYS[way](getattr(module, way)) == 1
    assert module.RAN == [1]
    refused = [body["payload"] for body in home.events() if body["event"] == "step.refused"]
    assert refused
    assert not any(payload["stopped"] for payload in refused)


def test_outside_governed_runs_prefect_is_as_it_was(home: Home) -> None:
    home.configure(policy=POLICY, mode="enforce")
    module = home.load(SOURCE)
    assert module.below(1) == 1
    assert home.events() == []
