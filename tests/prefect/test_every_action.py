"""A long run of drawn calls: every body that did something risky has its row, written before it began."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.prefect.conftest import Home

SOURCE = """
import random
from govflow.prefect import flow, task
from prefect.runtime import task_run

RAN = []

def ran(name):
    RAN.append((name, str(task_run.id)))

@task
def look(n: int) -> None:
    ran("look")

@task(action="data:write", provider="duckdb", resource="table://t")
def write(n: int) -> None:
    ran("write")

@task(action="data:delete", provider="duckdb", resource="table://t")
def delete(n: int) -> None:
    ran("delete")
    if n % 7 == 0:
        raise ValueError("some fail")

@task(action="message:send", provider="email", resource="mailto:team")
def tell(n: int) -> None:
    ran("tell")

@flow
def drawn(seed: int, calls: int) -> None:
    rng = random.Random(seed)
    for n in range(calls):
        kind = rng.randrange(5)
        if kind == 0:
            look(n)
        elif kind == 1:
            write(n)
        elif kind == 2:
            delete(n, return_state=True)
        elif kind == 3:
            delete.submit(n).wait()
        else:
            tell(n)
"""


WHAT = {
    "write": ("data:write", "table://t"),
    "delete": ("data:delete", "table://t"),
    "tell": ("message:send", "mailto:team"),
}


@pytest.mark.covers("S1-47")
def test_each_of_a_thousand_drawn_calls_that_did_something_has_its_rows(home: Home) -> None:
    home.configure(mode="observe")
    module = home.load(SOURCE)
    module.drawn(4711, 1_000)
    rows = home.events()
    intents = {
        row["payload"]["task_run_id"]: row for row in rows if row["event"] == "step.intent" and "/" in row["step_id"]
    }
    places = {(row["event"], row["payload"].get("task_run_id")): place for place, row in enumerate(rows)}
    assert len(module.RAN) == 1_000
    opened = next(row for row in rows if row["event"] == "ir.validated_escalate")
    risky = Counter[str]()
    for name, task_run_id in module.RAN:
        row = intents[task_run_id]
        assert row["subject"] == "alice" and row["step_id"].startswith(f"drawn/{name}#")
        if row["payload"]["tier"] >= 2:
            risky[name] += 1
            request = row["payload"].get("request") or opened["payload"]["steps"][row["step_id"]]["request"]
            assert (request["action"], request["resource"]) == WHAT[name]
            assert (row["tenant"], row["run_id"]) == ("default", opened["run_id"]) and row["at"].endswith("Z")
            assert places["step.intent", task_run_id] < places["step.outcome", task_run_id]
    assert set(risky) >= {"delete"} and risky.total() > 200, risky
    assert len(intents) == 1_000, "and no row of what did not run"
