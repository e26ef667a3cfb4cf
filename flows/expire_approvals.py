"""Close approval requests whose time is over, whether or not the run that asked is still alive."""

from __future__ import annotations

from contextlib import closing

from govflow.prefect import flow, task
from govflow.prefect.blocks import GovernanceStore
from govflow.services.expire_approvals import expire_approvals
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings


@task(action="approval:expire", provider="govflow", resource="approvals://{block}", tier=1)
def expire_due(block: str) -> list[str]:
    """Expire what is due and return the ids of the requests that were closed."""
    workspace = GovernanceStore.load(block).workspace() if block else open_workspace(load_settings())
    with closing(workspace):
        return [request.request_id for request in expire_approvals(workspace)]


@flow(name="expire-approvals", log_prints=True)
def expire(block: str = "") -> list[str]:
    """Sweep once.

    Args:
        block: name of a saved Governance Store block; the settings of the process when it is empty.
    """
    closed = expire_due(block)
    print(f"Closed {len(closed)} request(s).")
    return closed
