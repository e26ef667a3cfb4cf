"""Calls that leave the plan while a flow runs: too many of them, or given what they should not be given."""

from __future__ import annotations

from typing import Any

import pytest

from govflow.errors import Rewired, Unplanned
from tests.prefect.conftest import POLICY, Home
from tests.prefect.one_text import same_everywhere

HEAD = """
from collections import ChainMap
from concurrent.futures import ThreadPoolExecutor
from prefect.task_runners import ThreadPoolTaskRunner
from govflow.prefect import flow, task

RAN = []
SLOT = {}

class Rows(list):
    pass

@task
def read():
    RAN.append("read")
    return Rows([1, 2])

@task
def other():
    RAN.append("other")
    return Rows([3])

@task
def write(rows):
    RAN.append("write")
    return list(rows)
"""
WIRED = (
    HEAD
    + """
@flow
def future():
    SLOT["read"] = read.submit()
    SLOT["other"] = other.submit()
    return write.submit(SLOT["read"]).result()

@flow
def nested():
    SLOT["read"] = read.submit()
    SLOT["other"] = other.submit()
    return write({"rows": [SLOT["read"]]})

@flow
def wait_for():
    SLOT["read"] = read.submit()
    SLOT["other"] = other.submit()
    return write.submit([1], wait_for=[SLOT["read"]]).result()

@flow
def mapped():
    SLOT["read"] = read.submit()
    SLOT["other"] = other.submit()
    return write.map([SLOT["read"]]).result()
"""
)


class Swapped(dict[str, Any]):
    """Gives what was put in under another name."""

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__("other" if key == "read" else key)


@pytest.fixture(autouse=True)
def _enforced(home: Home) -> None:
    home.configure(policy=POLICY, mode="enforce")


@pytest.mark.covers("S5-41")
@pytest.mark.parametrize("flow", ["future", "nested", "wait_for", "mapped"])
def test_what_no_planned_edge_leads_to_is_not_handed_on(
    home: Home, flow: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = home.load(WIRED)
    getattr(module, flow)()
    assert module.RAN.count("write") == 1
    module.RAN.clear()
    vars(module)["SLOT"] = Swapped()
    with pytest.raises(Rewired, match="other") as caught:
        getattr(module, flow)()
    assert sorted(module.RAN) == ["other", "read"]
    refused = [body for body in home.events() if body["event"] == "step.refused"]
    same_everywhere(refused[-1]["run_id"], caught.value, capsys)


def test_observe_mode_says_what_was_rewired_and_goes_on(home: Home) -> None:
    home.configure(mode="observe")
    module = home.load(WIRED)
    vars(module)["SLOT"] = Swapped()
    assert module.future() == [3]
    assert [event["payload"]["code"] for event in home.events() if event["event"] == "step.refused"] == ["rewired"]


def test_two_steps_with_one_result_are_no_rewiring(home: Home) -> None:
    """The engine knows a result by the identity of the object, and names whoever returned it last."""
    module = home.load(
        HEAD
        + """
@task
def same(rows):
    return rows

@task
def word():
    return "done"

@task
def word_again():
    return "done"

@flow
def f():
    rows = read()
    same(rows)
    first = word()
    word_again()
    write(first)
    return write(ChainMap({"rows": rows})["rows"])
"""
    )
    assert module.f() == [1, 2]


COUNTED = (
    HEAD
    + """
PAIR = ["a", "b"]

@task(retries=2, retry_delay_seconds=0)
def outer():
    write("x")
    RAN.append("outer")
    if RAN.count("outer") < 3:
        raise RuntimeError("again")

@flow
def looped():
    for i in range(2):
        write([i])

@flow
def nested():
    for i in PAIR:
        [write(i + k) for k in ("c", "d", "e")]

@flow
def mapped():
    return write.map([[1], [2], [3]]).result()

@flow
def retried():
    outer()
"""
)


class Longer(list[Any]):
    """Goes round once more than it is long."""

    def __iter__(self) -> Any:
        yield from [*super().__iter__(), "zz"]


def test_calls_up_to_the_approved_count_go_on(home: Home) -> None:
    module = home.load(COUNTED)
    for flow, calls in (("looped", 2), ("nested", 6), ("mapped", 3), ("retried", 3)):
        module.RAN.clear()
        getattr(module, flow)()
        assert module.RAN.count("write") == calls, flow


def test_a_call_above_the_approved_count_does_not_run(home: Home) -> None:
    module = home.load(COUNTED)
    vars(module)["PAIR"] = Longer(["a", "b"])
    with pytest.raises(Unplanned, match=r"write#1 is called 7 times; the approved plan allows 6"):
        module.nested()
    assert module.RAN.count("write") == 6
