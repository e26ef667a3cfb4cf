"""The end of a run is sealed: the newest checkpoint holds the record that closes it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from govflow.prefect.runtime import RUNTIME
from tests.prefect.conftest import POLICY, Home

FLOWS = """
from govflow.prefect import flow, task

@task
def double(x): return 2 * x

@flow
def inner(x): return double(x)

@flow
def outer(): return inner(1) + double(2)

@flow
async def later(): return double(2)

@flow
def fails():
    double(1)
    raise ValueError("no")
"""


def sizes() -> list[int]:
    return [one.size for one in RUNTIME.workspace().store.seals.last("default")]


@pytest.mark.parametrize("name", ["outer", "later", "fails"])
@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_a_run_is_sealed_once_where_it_ends_however_it_ends(home: Home, name: str, mode: str) -> None:
    home.configure(policy=POLICY, mode=mode)
    found: Any = getattr(home.load(FLOWS), name)
    state = asyncio.run(found(return_state=True)) if name == "later" else found(return_state=True)
    assert state.is_completed() == (name != "fails")
    assert len(sizes()) == 1
    events = [body["event"] for body in home.events()]
    assert len(events) == sizes()[0]
    assert "run.closed" in events


def test_a_key_that_cannot_be_read_stops_no_observed_run(home: Home) -> None:
    key = home.path / "keys" / "signing.pem"
    key.parent.mkdir(mode=0o700, exist_ok=True)
    key.write_text("no key")
    key.chmod(0o600)
    assert home.load(FLOWS).outer() == 6
    assert sizes() == []
