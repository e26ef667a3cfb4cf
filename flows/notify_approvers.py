"""Tell people what waits for them: close what is overdue, remind, escalate, and send the messages that are due."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from govflow.prefect import flow, task
from govflow.prefect.blocks import GovernanceStore
from govflow.prefect.events import publish_expired
from govflow.prefect.notification_blocks import run_link
from govflow.prefect.resume import resume
from govflow.services.message_people import message_people
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings


def _workspace(block: str) -> Workspace:
    if not block:
        return open_workspace(load_settings())
    named = GovernanceStore.load(block)
    assert isinstance(named, GovernanceStore)  # Prefect declares the answer of a sync and of an async caller as one
    return named.workspace()


@task(action="approval:notify", provider="govflow", resource="approvals://{block}", tier=1)
def tell(block: str) -> dict[str, int]:
    """Sweep and send; what was done, in numbers."""
    with closing(_workspace(block)) as workspace:
        done = message_people(workspace, datetime.now(UTC), run_link)
        for request in done.swept.expired:
            publish_expired(request)
            if request.summary.get("wait") == "suspend":
                resume(workspace.store, request)  # the run says itself that nobody answered in time
    return done.to_dict()


@flow(name="notify-approvers", log_prints=True)
def notify(block: str = "") -> dict[str, int]:
    """Sweep once. The run fails where a message was given up, so that Prefect's own alerts see it.

    Args:
        block: name of a saved Governance Store block; the settings of the process when it is empty. Who is told is in
            the setting ``notify`` of the process, whichever it is.
    """
    done = tell(block)
    print(", ".join(f"{name} {number}" for name, number in done.items()))
    if done["given_up"]:
        raise RuntimeError(f"{done['given_up']} message(s) were given up; notification.failed in the log says why.")
    return done
