"""Scripts that serve tasks or a deployment, as processes beside the test."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, PREFECT_HOME

START_SECONDS = 400


@contextmanager
def script(path: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A file run as a script, with the server and the home that are set here."""
    env = {
        **os.environ,
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "PREFECT_HOME": str(PREFECT_HOME.value()),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, str(path)], env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until_deployed(name: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server knows ``flow/deployment``, which the process says that it serves."""
    end = time.monotonic() + START_SECONDS
    with get_client(sync_client=True) as client:
        while process.poll() is None and time.monotonic() < end:
            try:
                client.read_deployment_by_name(name)
            except ObjectNotFound:
                time.sleep(0.3)
            else:
                return
    raise AssertionError(f"{name} is not served:\n{log.read_text(errors='replace')[-2000:]}")


def run_of(name: str) -> str:
    """The id of the first run that the deployment of that name had."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[name])),
            sort=FlowRunSort.START_TIME_ASC,
            limit=1,
        )
    return str(runs[0].id)
