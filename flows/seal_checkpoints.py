"""Sign the audit log as it is, so that what stands in it now cannot be rewritten unseen."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from govflow.prefect import flow, task
from govflow.prefect.blocks import GovernanceStore
from govflow.services.seal_log import seal_and_show
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings


def _workspace(block: str) -> Workspace:
    if not block:
        return open_workspace(load_settings())
    named = GovernanceStore.load(block)
    assert isinstance(named, GovernanceStore)  # Prefect declares the answer of a sync and of an async caller as one
    return named.workspace()


@task(action="audit:seal", provider="govflow", resource="audit://{block}", tier=1)
def sign_log(block: str) -> dict[str, Any] | None:
    """Make a checkpoint; return its size in records and its signed note, None of an empty log."""
    with closing(_workspace(block)) as workspace:
        sealed, asked = seal_and_show(workspace, datetime.now(UTC))
    for one in asked:
        print(f"witness {one.witness}: {one.why or 'has cosigned'}")
    return None if sealed is None else {"size": sealed.size, "note": sealed.note}


@flow(name="seal-checkpoints", log_prints=True)
def seal_log(block: str = "") -> dict[str, Any] | None:
    """Seal once. The note is printed: so the run's log, in Prefect's own database, keeps a copy of it.

    Args:
        block: name of a saved Governance Store block; the settings of the process when it is empty.
    """
    sealed = sign_log(block)
    print(sealed["note"] if sealed else "The log is empty, so there is nothing to sign.")
    return sealed
