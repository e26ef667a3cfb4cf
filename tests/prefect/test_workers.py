"""Workers that are processes of their own: Dask's, one that is killed, and one on which govflow is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cloudpickle
import pytest

from tests.prefect.conftest import POLICY, Home
from tests.prefect.one_log import steps_by_process
from tests.prefect.sent import SENT

pytestmark = [pytest.mark.filterwarnings("ignore")]  # Dask's are not ours


@pytest.fixture(autouse=True)
def _server(prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "ERROR")


@pytest.fixture(scope="module")
def dask_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dask's workers are started once, so they are told where things are before any test."""
    return tmp_path_factory.mktemp("dask")


@pytest.fixture(scope="module")
def dask_address(prefect_server: str, dask_folder: Path) -> Iterator[str]:
    """A cluster of one worker that is a process."""
    from distributed import LocalCluster

    policy = dask_folder / "policy.yaml"
    policy.write_text(POLICY)
    told = {
        "PREFECT_API_URL": prefect_server,
        "GOVFLOW_DATABASE_URL": f"sqlite:///{dask_folder / 'govflow.db'}",
        "GOVFLOW_POLICY": str(policy),
        "GOVFLOW_SIGNING_KEY": str(dask_folder / "no key here"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        with LocalCluster(  # type: ignore[no-untyped-call] # distributed is not typed
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster:
            yield str(cluster.scheduler_address)


DASK = """
    import os, time
    from govflow.prefect import flow, task
    from prefect_dask import DaskTaskRunner

    @task
    def pid(x):
        return os.getpid()

    @task
    def add(x, y=1):
        return x + y

    @task
    async def twice(x):
        return x * 2

    @task(retries=1)
    def flaky(path):
        with open(path, "a") as f:
            f.write("x")
        if os.path.getsize(path) < 2:
            raise ValueError("not yet")
        return os.path.getsize(path)

    @task
    def outer(x):
        return add(x, 10)

    @flow(task_runner=DaskTaskRunner(address="{address}"))
    def everything(path):
        elsewhere = pid.submit(0).result() != os.getpid()
        first = add.submit(1)
        chained = add.submit(first, y=2).result()
        mapped = add.map([1, 2, 3]).result()
        waited, retried = twice.submit(4).result(), flaky.submit(path).result()
        return [elsewhere, chained, mapped, waited, retried, outer.submit(1).result()]
"""


def steps(home: Home, event: str) -> dict[str, int]:
    return dict(Counter(str(body["step_id"]) for body in home.events() if body["event"] == event))


def test_dask_runs_as_bare_and_every_attempt_is_recorded_once(home: Home, dask_address: str, dask_folder: Path) -> None:
    home.configure(policy=POLICY, database_url=f"sqlite:///{dask_folder / 'govflow.db'}")
    module = home.load(DASK.replace("{address}", dask_address))
    assert module.everything(str(home.path / "count")) == [True, 4, [2, 3, 4], 8, 2, 11]
    once = {"everything", *(f"everything/{name}" for name in ("pid#1", "add#1", "add#2", "twice#1", "outer#1"))}
    intents = steps(home, "step.intent")
    expected = {**dict.fromkeys(once, 1), "everything/add#3": 3, "everything/flaky#1": 2, "everything/outer#1/add#1": 1}
    assert intents == expected
    assert steps(home, "step.outcome") == expected
    assert steps(home, "step.refused") == {}
    wrote = steps_by_process()
    assert len(wrote) == 2 and wrote[os.getpid()] == 2, "the flow's own body here, all else in the worker"
    assert wrote.total() == 2 * sum(expected.values())
    assert not (dask_folder / "no key here").exists()


KILLED = """
    import os, signal
    from govflow.prefect import flow, task
    from prefect.task_runners import ProcessPoolTaskRunner

    @task
    def inner(x):
        return x

    @task
    def outer():
        inner(1)
        os.kill(os.getpid(), signal.SIGKILL)

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def dies():
        outer.submit().wait()
"""


def test_what_a_killed_worker_recorded_is_not_lost(home: Home) -> None:
    home.configure(policy=POLICY)
    module = home.load(KILLED)
    with pytest.raises(Exception, match=r"terminated abruptly|process pool"):
        module.dies()
    assert steps(home, "step.intent") == {"dies": 1, "dies/outer#1": 1, "dies/outer#1/inner#1": 1}
    assert steps(home, "step.outcome") == {"dies": 1, "dies/outer#1/inner#1": 1}


def test_where_govflow_is_missing_the_error_says_what_to_install(home: Home, tmp_path: Path) -> None:
    home.configure(policy=POLICY)
    module = home.load(
        """
        from govflow.prefect import flow, task
        from tests.prefect.sent import SendingTaskRunner

        @task
        def work(where):
            open(where, "a").close()

        @flow(task_runner=SendingTaskRunner())
        def sends(where):
            work.submit(where).wait()
        """
    )
    SENT.clear()
    with suppress(ValueError):  # as Prefect does once it has made a bundle of a flow beside this package
        cloudpickle.unregister_pickle_by_value(sys.modules["govflow.prefect.arrival"])
    module.sends(str(tmp_path / "here"))
    packages = tmp_path / "packages"  # all that is installed, but govflow
    packages.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "govflow" not in entry.name.lower() and entry.suffix != ".pth":
            (packages / entry.name).symlink_to(entry)
    env = {name: value for name, value in os.environ.items() if not name.startswith("GOVFLOW")}
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import sys, cloudpickle; cloudpickle.loads(sys.stdin.buffer.read())"],
        input=SENT[0],
        env={**env, "PYTHONPATH": str(packages), "PYTHONSAFEPATH": "1"},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    said = done.stderr.decode()
    assert "ModuleNotFoundError" in said
    assert "pip install 'govflow[prefect]==" in said
