"""Hold the runs of Prefect's server against the log, and put on record where the two disagree."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from govflow.prefect import flow, task
from govflow.prefect.blocks import GovernanceStore
from govflow.prefect.run_reading import read_runs
from govflow.services.describe.reconciliation import reconciliation_text
from govflow.services.reconcile_runs import logged_since, reconcile_runs
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings


def _workspace(block: str) -> Workspace:
    if not block:
        return open_workspace(load_settings())
    named = GovernanceStore.load(block)
    assert isinstance(named, GovernanceStore)  # Prefect declares the answer of a sync and of an async caller as one
    return named.workspace()


@task(action="run:reconcile", provider="govflow", resource="runs://{block}", tier=1)
def compare(block: str, hours: int) -> dict[str, Any]:
    """Compare the runs of the last hours; return what was found, as JSON values."""
    now = datetime.now(UTC)
    since = now - timedelta(hours=hours)
    with closing(_workspace(block)) as workspace:
        found = reconcile_runs(workspace, read_runs(since, logged_since(workspace, since)), now)
    print(reconciliation_text(found))
    return found.to_dict()


@flow(name="reconcile-runs", log_prints=True)
def reconcile(block: str = "", hours: int = 25) -> dict[str, Any]:
    """Compare once. The run fails where something new and wrong was found, so that Prefect's own alerts see it.

    Args:
        block: name of a saved Governance Store block; the settings of the process when it is empty.
        hours: how far back.
    """
    found = compare(block, hours)
    if found["new"] and not found["clean"]:
        raise RuntimeError(f"{found['new']} finding(s) that were not on record; the run's log lists them.")
    return found
