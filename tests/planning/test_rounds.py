"""How often a step may be called, as far as the source says it."""

from __future__ import annotations

import pytest

from govflow.ir.hashing import plan_hash
from govflow.ir.models import Plan
from tests.planning.reading import plan_of

HEAD = """
import somewhere
from prefect import flow, task

PAIR = ("a", "b")
N = 4
LENT = [1]
somewhere.fill(LENT)

@task
def t(x=0):
    return x

@task(retries=2)
def outer():
    t(1)

def helper(n):
    for i in range(n):
        t(i)
"""


def planned(body: str) -> Plan:
    return plan_of(body, head=HEAD, flow="f")


CASES = {
    "t()": 1,
    "if somewhere.x: t()": 1,
    "for i in range(3): t(i)": 3,
    "for i in range(2, 10, 3): t(i)": 3,
    "for i in range(5, 0, -2): t(i)": 3,
    "for i in range(N): t(i)": 4,
    "for i in [1, 2]: t(i)": 2,
    "for i in {'a': 1, 'b': 2}: t(i)": 2,
    "for i in PAIR: t(i)": 2,
    "for n, i in enumerate(PAIR): t(i)": 2,
    "for i in sorted(PAIR): t(i)": 2,
    "for a, b in zip(PAIR, somewhere.rows): t(a)": 2,
    "for i in range(2):\n        for k in PAIR:\n            t(k)": 4,
    "[t(i + k) for i in range(3) for k in PAIR if k]": 6,
    "t.map([1, 2, 3])": 3,
    "t.map(range(5))": 5,
    "for i in range(2): t.map(PAIR)": 4,
    "rows = {'a': 1}\n    for k in rows.items(): t(k)": 1,
    "for i in range(3): t(i)\n    else: t(9)": 3,
    # What the source does not tell
    "for i in somewhere.rows: t(i)": None,
    "for i in LENT: t(i)": None,
    "for i in range(size): t(i)": None,
    "while somewhere.x: t()": None,
    "for i in [*somewhere.rows]: t(i)": None,
    "rows = [1]\n    for i in rows:\n        rows.append(i)\n        t(i)": None,
    "rows = []\n    somewhere.fill(rows)\n    for i in rows: t(i)": None,
    "t.map(somewhere.rows)": None,
    "somewhere.run(t)": None,
    "for i in range(3):\n        for k in somewhere.rows:\n            t(k)": None,
}


@pytest.mark.parametrize("body", CASES)
def test_the_count_of_a_step(body: str) -> None:
    plan = planned(f"\n@flow\ndef f(size: int = 3):\n    {body}\n")
    assert plan.step("f/t#1").count == CASES[body]


def test_a_bound_given_to_a_helper_counts() -> None:
    plan = planned("\n@flow\ndef f():\n    helper(2)\n    helper(5)\n")
    assert [step.count for step in plan.steps if step.callee == "t"] == [2, 5]


def test_a_raised_bound_changes_the_hash() -> None:
    plans = [planned(f"\n@flow\ndef f():\n    for _ in range({n}): t(1)\n") for n in (3, 4)]
    assert plan_hash(plans[0]) != plan_hash(plans[1])
