"""Background tasks: a task worker that is a process, ``.delay()`` in a flow and outside any."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from govflow.errors import PlanNotApproved, Unbound
from govflow.planning.planner import plan_flow, plan_task
from govflow.sources import WorkingTree
from tests.prefect.conftest import POLICY, Home
from tests.prefect.people import pending, vote

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 400  # seconds

SOURCE = """
    from govflow.prefect import flow, task

    @task
    def inner(x):
        return x + 1

    @task(persist_result=True)
    def work(where, x=1):
        with open(where, "a") as file:
            file.write("ran ")
        return inner(x)

    @task(action="data:delete", resource="dataset://acme/sales", persist_result=True)
    def purge(where):
        with open(where, "a") as file:
            file.write("purged ")
        return 1

    @flow
    def sends(where):
        return work.delay(where, 5).task_run_id

    if __name__ == "__main__":
        from prefect.task_worker import serve
        serve(work, purge)
"""


@pytest.fixture(autouse=True)
def _server(prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "ERROR")


@pytest.fixture
def worker(home: Home, prefect_server: str) -> Iterator[ModuleType]:
    """The module, with a task worker that serves its tasks in a process of its own."""
    home.configure(policy=POLICY)
    module = home.load(SOURCE, "background_tasks")
    storage = str(home.path / "storage")
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(home.path))),
        "PREFECT_API_URL": prefect_server,
        "PREFECT_LOCAL_STORAGE_PATH": storage,
        "PREFECT_HOME": str(home.path / "worker"),
    }
    with (home.path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "background_tasks.py"], cwd=home.path, env=env, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield module
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def until(found: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.1)
    raise TimeoutError(what)


def closed(home: Home, run_id: str) -> list[dict[str, Any]]:
    return [event for event in home.events(run_id) if event["event"] == "run.closed"]


def intents(home: Home, run_id: str) -> list[str]:
    return [str(event["step_id"]) for event in home.events(run_id) if event["event"] == "step.intent"]


def outcomes(home: Home, run_id: str) -> list[str]:
    return [str(event["step_id"]) for event in home.events(run_id) if event["event"] == "step.outcome"]


def test_the_plan_of_a_task_has_its_body_and_what_it_calls(home: Home) -> None:
    home.write("background_tasks.py", SOURCE)
    plan = plan_task(WorkingTree(home.path), "background_tasks.py", "work").plan
    assert [(step.step_id, step.kind) for step in plan.steps] == [("work", "body"), ("work/inner#1", "task")]
    assert plan_flow(WorkingTree(home.path), "background_tasks.py", "work").plan == plan  # govflow lock FILE:work
    purge = plan_task(WorkingTree(home.path), "background_tasks.py", "purge").plan
    assert purge.steps[0].action == "data:delete"


def test_a_task_worker_runs_what_no_flow_called_as_a_run_of_its_own(home: Home, worker: ModuleType) -> None:
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: home.path / "storage"}):
        alone = str(worker.work.delay(str(home.path / "ran")).task_run_id)
        until(lambda: closed(home, alone), "the end of the background run")
        assert intents(home, alone) == ["work", "work/inner#1"]
        assert (home.path / "ran").read_text() == "ran "

        # Where policy asks, it waits for people in the store.
        asked = str(worker.purge.delay(str(home.path / "ran")).task_run_id)
        with home.store() as store:
            (request,) = until(lambda: pending(store), "a request")
            assert request.binding.run_id == asked
            assert (home.path / "ran").read_text() == "ran "
            vote(store, request, "bob")
        until(lambda: closed(home, asked), "the end of the approved run")
        assert (home.path / "ran").read_text() == "ran purged "

        # In a flow it is the step of that flow's plan, also when the flow is over by then.
        task_run = str(worker.sends(str(home.path / "ran")))
        flow_run = next(e["run_id"] for e in home.events() if e["event"] == "run.closed" and e["flow"] == "sends")
        until(lambda: "sends/work#1" in outcomes(home, flow_run), "the delayed step")
        assert intents(home, flow_run) == ["sends", "sends/work#1", "sends/work#1/inner#1"]
        assert not home.events(task_run)
        assert (home.path / "ran").read_text() == "ran purged ran "


def test_a_background_task_in_production_needs_an_approved_plan(home: Home) -> None:
    home.configure(policy=POLICY, environment="production", mode="enforce")
    module = home.load(SOURCE, "background_tasks")
    with pytest.raises(PlanNotApproved):
        module.work(str(home.path / "ran"))
    assert not (home.path / "ran").exists()


def test_a_background_task_whose_body_was_changed_does_not_run(home: Home) -> None:
    home.configure(policy=POLICY, mode="enforce")
    module = home.load(SOURCE, "background_tasks")
    module.work.fn.fn.__code__ = module.purge.fn.fn.__code__
    with pytest.raises(Unbound):
        module.work(str(home.path / "ran"))
    assert not (home.path / "ran").exists()
