"""Remove the records of the audit log that are older than the settings keep them."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from govflow.prefect import flow, task
from govflow.prefect.blocks import GovernanceStore
from govflow.services.prune_log import prunable, prune
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings


def _workspace(block: str) -> Workspace:
    if not block:
        return open_workspace(load_settings())
    named = GovernanceStore.load(block)
    assert isinstance(named, GovernanceStore)  # Prefect declares the answer of a sync and of an async caller as one
    return named.workspace()


@task(action="audit:read", provider="govflow", resource="audit://{block}", tier=0)
def count_old(block: str) -> int:
    """How many records may go."""
    with closing(_workspace(block)) as workspace:
        if workspace.settings.retention_days is None:
            print("retention_days is not set, so nothing goes.")
            return 0
        found = prunable(workspace, datetime.now(UTC))
    print(f"{found.records} records may go; the next one is kept: {found.kept_by}.")
    return found.records


@task(action="audit:prune", provider="govflow", resource="audit://{block}", tier=2)
def remove_old(block: str, count: int) -> int:
    """Have them go; how many went. ``count`` is what was announced, for whoever approves."""
    with closing(_workspace(block)) as workspace:
        reason = f"older than {workspace.settings.retention_days} days (flow enforce-retention)"
        found = prune(workspace, workspace.requester().name, reason, datetime.now(UTC))
    print(f"{found.records} of {count} records are gone.")
    return found.records


@flow(name="enforce-retention", log_prints=True)
def enforce_retention(block: str = "") -> int:
    """Prune once; how many records went. Where none may go, nothing is asked of anybody.

    Args:
        block: name of a saved Governance Store block; the settings of the process when it is empty.
    """
    count = count_old(block)
    return remove_old(block, count) if count else 0
