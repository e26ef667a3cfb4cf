"""Flows that wait for people, for the benchmark of approvals."""

from __future__ import annotations

import time

from govflow.prefect import flow, task

WENT_ON: dict[str, float] = {}
"""When the body of a run ran, by the name that the run was given."""


@task(action="data:delete", resource="table://rows")
def purge(name: str) -> None:
    WENT_ON[name] = time.perf_counter()


@flow
def wait_once(name: str) -> None:
    """One step that needs people."""
    purge(name)
