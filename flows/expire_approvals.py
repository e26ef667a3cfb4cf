"""Close approval requests whose time is over, whether or not the run that asked is still alive."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from govflow.prefect import flow, task
from govflow.prefect.blocks import GovernanceStore
from govflow.prefect.events import publish_expired
from govflow.prefect.resume import resume
from govflow.services.expire_approvals import expire_approvals
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings


def _workspace(block: str) -> Workspace:
    if not block:
        return open_workspace(load_settings())
    named = GovernanceStore.load(block)
    assert isinstance(named, GovernanceStore)  # Prefect declares the answer of a sync and of an async caller as one
    return named.workspace()


@task(action="approval:expire", provider="govflow", resource="approvals://{block}", tier=1)
def expire_due(block: str) -> list[str]:
    """Expire what is due and return the ids of the requests that were closed."""
    with closing(_workspace(block)) as workspace:
        closed = expire_approvals(workspace, datetime.now(UTC))
        for request in closed:
            publish_expired(request)
            if request.summary.get("wait") == "suspend":
                resume(workspace.store, request)  # the run says itself that nobody answered in time
    return [request.request_id for request in closed]


@flow(name="expire-approvals", log_prints=True)
def expire(block: str = "") -> list[str]:
    """Sweep once.

    Args:
        block: name of a saved Governance Store block; the settings of the process when it is empty.
    """
    closed = expire_due(block)
    print(f"Closed {len(closed)} request(s).")
    return closed
