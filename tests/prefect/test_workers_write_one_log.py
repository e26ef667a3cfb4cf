"""Tasks that run in several processes at once, Dask's workers or a pool's: one log has all that each has recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.prefect.conftest import POLICY, Home
from tests.prefect.one_log import steps_by_process

WORKERS = 3
INNER = 20

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # Dask's warnings are not ours

SOURCE = """
    import os
    from {module} import {runner} as Runner
    from govflow.prefect import flow, task
    from tests.prefect.gates import meet

    @task
    def inner(number):
        return number

    @task
    def outer(folder, number):
        meet(folder, number, {workers})
        for one in range({inner}):
            inner(one)
        return os.getpid()

    @flow(task_runner=Runner({how}))
    def spread(folder):
        futures = outer.map([folder] * {workers}, list(range({workers})))
        return [future.result() for future in futures]
"""


@pytest.fixture
def told(home: Home, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes hear of the server and of the settings by their environment."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "ERROR")
    home.configure(policy=POLICY, mode="enforce")


@pytest.fixture
def dask(told: None) -> Iterator[str]:
    """The address of a cluster of workers, each a process of one thread."""
    from distributed import LocalCluster

    made: Any = LocalCluster  # it has no types
    with made(n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield str(cluster.scheduler_address)


def each_has_written_its_own(home: Home, tmp_path: Path, module: str, runner: str, how: str) -> None:
    folder = tmp_path / "met"
    folder.mkdir()
    text = SOURCE.format(module=module, runner=runner, how=how, workers=WORKERS, inner=INNER)
    workers = home.load(text).spread(str(folder))
    assert len(set(workers)) == WORKERS and os.getpid() not in workers
    ours = 2  # the flow's own body began and ended
    assert steps_by_process() == {os.getpid(): ours, **dict.fromkeys(workers, 2 * (1 + INNER))}


def test_the_workers_of_a_pool_write_one_log(home: Home, told: None, tmp_path: Path) -> None:
    how = f"max_workers={WORKERS}"
    each_has_written_its_own(home, tmp_path, "prefect.task_runners", "ProcessPoolTaskRunner", how)


def test_dask_workers_write_one_log(home: Home, dask: str, tmp_path: Path) -> None:
    each_has_written_its_own(home, tmp_path, "prefect_dask", "DaskTaskRunner", f"address={dask!r}")
