"""Ray: the same as Dask. It starts slowly and is no dependency of the tests: ``pytest -m ray``."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.prefect.conftest import POLICY, Home

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]

RAY = """
    import os
    from govflow.prefect import flow, task
    from prefect_ray import RayTaskRunner

    @task
    def pid(x):
        return os.getpid()

    @task
    def add(x, y=1):
        return x + y

    @task
    async def twice(x):
        return x * 2

    @task
    def outer(x):
        return add(x, 10)

    @flow(task_runner=RayTaskRunner(init_kwargs={"num_cpus": 1, "include_dashboard": False}))
    def everything():
        elsewhere = pid.submit(0).result() != os.getpid()
        first = add.submit(1)
        chained = add.submit(first, y=2).result()
        mapped = add.map([1, 2, 3]).result()
        return [elsewhere, chained, mapped, twice.submit(4).result(), outer.submit(1).result()]
"""


def test_ray_runs_as_bare_and_every_attempt_is_recorded_once(
    home: Home, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("prefect_ray")
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    home.configure(policy=POLICY)
    assert home.load(RAY).everything() == [True, 4, [2, 3, 4], 8, 11]
    once = {"everything", *(f"everything/{name}" for name in ("pid#1", "add#1", "add#2", "twice#1", "outer#1"))}
    events = home.events()
    intents = Counter(str(event["step_id"]) for event in events if event["event"] == "step.intent")
    assert intents == {**dict.fromkeys(once, 1), "everything/add#3": 3, "everything/outer#1/add#1": 1}
    assert not [event for event in events if event["event"] == "step.refused"]
