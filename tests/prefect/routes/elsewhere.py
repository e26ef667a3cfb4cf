"""Task runners, workers and bundles: the body would run in another thread or process than its flow began in."""

from __future__ import annotations

from typing import Any

import pytest
from prefect import flow as bare_flow
from prefect.bundles import create_bundle_for_flow_run, execute_bundle_in_subprocess
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.deployments import run_deployment
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

from tests.prefect.deployments import approve_file
from tests.prefect.people import until
from tests.prefect.routes.bench import HEAD, Attempt, Bench, TaskAttempt, patiently
from tests.prefect.routes.table import Seen, route

RUNNERS = "Task runners"
PROCESSES = "Deployments, workers and bundles"
ASKS = "the body asks wherever it runs; its run is found by a signed permit"

SPREAD = """
{head}
@flow(task_runner={runner})
def spread(marker):
    purge.submit(marker).result()
"""


@route(RUNNERS, "thread runner", "the risky task is submitted to the flow's threads", "the body asks in its thread")
def threads(bench: Bench) -> Seen:
    return bench.start(bench.module("\n@flow\ndef spread(marker):\n    purge.submit(marker).result()\n").spread).seen()


@route(RUNNERS, "process runner", "the risky task is submitted to a pool of processes", ASKS)
def process_pool(bench: Bench) -> Seen:
    head = "from prefect.task_runners import ProcessPoolTaskRunner"
    module = bench.module(SPREAD.format(head=head, runner="ProcessPoolTaskRunner(max_workers=1)"))
    return bench.start(module.spread).seen()


@route(RUNNERS, "Dask runner", "the risky task is submitted to a Dask worker that is a process", ASKS)
def dask(bench: Bench) -> Seen:
    from distributed import LocalCluster

    made: Any = LocalCluster  # it has no types
    with made(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        runner = f"DaskTaskRunner(address={str(cluster.scheduler_address)!r})"
        module = bench.module(SPREAD.format(head="from prefect_dask import DaskTaskRunner", runner=runner))
        return bench.start(module.spread).seen()


@route(
    RUNNERS,
    "Ray runner",
    "the risky task is submitted to a Ray worker",
    ASKS,
    marks=(pytest.mark.ray,),
)
def ray(bench: Bench) -> Seen:
    runner = 'RayTaskRunner(init_kwargs={"num_cpus": 1, "include_dashboard": False})'
    module = bench.module(SPREAD.format(head="from prefect_ray import RayTaskRunner", runner=runner))
    return bench.start(module.spread).seen()


DELAYED = """
if __name__ == "__main__":
    from prefect.task_worker import serve
    serve(purge)
"""


@route(
    RUNNERS,
    "`.delay` outside any flow",
    "the risky task is left to a task worker, a process of its own",
    "a background task is a run of its own, with a plan of its own",
)
def delay(bench: Bench) -> Seen:
    module, marker, storage = bench.module(DELAYED), bench.marker(), bench.folder / "storage"
    bench.process(f"{module.__name__}.py", PREFECT_LOCAL_STORAGE_PATH=str(storage))
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: storage}):
        run_id = module.purge.delay(str(marker)).task_run_id
        return TaskAttempt(bench, run_id, marker, None).seen(shown=False)


SERVED = """
if __name__ == "__main__":
    clean.serve("routes")
"""


def _served(bench: Bench) -> str:
    """The name of a deployment that a process serves; started once."""
    with bench.once:
        if not bench.served:
            name = f"served-{bench.mark}"
            file = bench.home.write("served.py", HEAD.replace("@flow\n", f"@flow(name={name!r})\n") + SERVED)
            approve_file(file)
            bench.process("served.py", PREFECT_RUNNER_POLL_FREQUENCY="1")
            bench.served = f"{name}/routes"
            until(lambda: bench.deployed(bench.served), "the flow is served")
    return bench.served


@route(
    PROCESSES,
    "`flow.serve`",
    "a run of a served deployment is started",
    "the run is governed in the process that the runner starts",
)
def served(bench: Bench) -> Seen:
    return bench.deployment_run(_served(bench)).seen()


@route(
    PROCESSES,
    "`run_deployment`",
    "a bare flow starts a run of the deployment",
    "the run is governed where it runs, whoever started it",
)
def by_run_deployment(bench: Bench) -> Seen:
    name, marker = _served(bench), bench.marker()

    @bare_flow
    def calls() -> object:
        return run_deployment(name, parameters={"marker": str(marker)}, timeout=0)

    run: Any = calls()
    return Attempt(bench, run.id, marker, None).seen()


def _worked(bench: Bench) -> str:
    """A work pool with a process worker; started once."""
    with bench.once:
        if not bench.pool:
            bench.pool = f"routes-{bench.mark}"
            bench.client.create_work_pool(WorkPoolCreate(name=bench.pool, type="process"))
            words = ("-m", "prefect", "worker", "start", "--pool", bench.pool, "--type", "process")
            bench.process(*words, PREFECT_WORKER_QUERY_SECONDS="1")
    return bench.pool


def _deployed(bench: Bench, name: str) -> str:
    """A deployment of an approved flow in a file of its own, with the guard behind its pull steps."""
    flow_name = f"{name}-{bench.mark}"
    file = bench.home.write(f"{name}.py", HEAD.replace("@flow\n", f"@flow(name={flow_name!r})\n"))
    approve_file(file)
    loaded: Any = bare_flow.from_source(str(bench.folder), f"{name}.py:clean")
    pool = _worked(bench)
    with bench.once:
        patiently(lambda: loaded.deploy("routes", work_pool_name=pool, print_next_steps=False))
    return f"{flow_name}/routes"


def _edit(bench: Bench, name: str) -> None:
    file = bench.folder / f"{name}.py"
    file.write_text(file.read_text().replace('file.write("ran\\n")', 'file.write("evil\\n")'))


@route(PROCESSES, "process worker", "a process worker takes up a run of a guarded deployment", ASKS)
def worker(bench: Bench) -> Seen:
    return bench.deployment_run(_deployed(bench, "worked")).seen()


@route(
    PROCESSES,
    "process worker, edited source",
    "the source that the worker pulls was changed after it was deployed",
    "the guard among the pull steps: nothing of the source is imported",
)
def drifted(bench: Bench) -> Seen:
    name = _deployed(bench, "drifted")
    _edit(bench, "drifted")
    return bench.deployment_run(name).seen()


@route(
    PROCESSES,
    "edited pull step",
    "the source was changed, and the guard was taken out of the pull steps by the API",
    "the flow itself compares its plan when its run starts; `govflow deployments audit` finds the missing guard",
)
def edited_pull_step(bench: Bench) -> Seen:
    name = _deployed(bench, "unguarded")
    found = bench.client.read_deployment_by_name(name)
    steps = [step for step in found.pull_steps or [] if "govflow.prefect.steps.guard" not in step]
    assert len(steps) == len(found.pull_steps or []) - 1
    bench.client.update_deployment(found.id, DeploymentUpdate(pull_steps=steps))
    _edit(bench, "unguarded")
    return bench.deployment_run(name).seen()


def _bundled(bench: Bench, change: str = "") -> Seen:
    module, marker = bench.module("\ndef evil(marker):\n    open(marker, 'a').write('evil\\n')\n"), bench.marker()
    if change:
        exec(change, vars(module))
    run = bench.client.create_flow_run(module.clean, parameters={"marker": str(marker)})
    bundle = create_bundle_for_flow_run(module.clean, run)["bundle"]
    bundle["dependencies"] = ""  # they are here
    process = execute_bundle_in_subprocess(bundle, cwd=bench.folder)
    try:
        return Attempt(bench, run.id, marker, None).seen()
    finally:
        process.join(400)


@route(PROCESSES, "bundle", "the flow is pickled as a bundle and run by another process", "the guards travel with it")
def bundle(bench: Bench) -> Seen:
    return _bundled(bench)


@route(
    PROCESSES,
    "bundle of changed code",
    "the body was changed in memory before the bundle was made",
    "the code in the bundle is not the code that was read",
)
def changed_bundle(bench: Bench) -> Seen:
    return _bundled(bench, "purge.fn.fn.__code__ = evil.__code__")
