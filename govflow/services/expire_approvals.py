"""Closing what nobody answered, or nobody used, in time, and removing messages that are long past."""

from __future__ import annotations

from datetime import datetime, timedelta

from govflow.approval import ApprovalRequest
from govflow.services.workspace import Workspace


def expire_approvals(workspace: Workspace, now: datetime) -> list[ApprovalRequest]:
    """Expire every open request whose time is over at ``now``, each with its audit record, in every tenant.

    Nothing depends on this being run: a request that is overdue cannot be approved or claimed anyway. It tells those
    who wait. Messages that are older than the setting ``message_days`` are removed, some hundreds at a time.

    Raises:
        StoreError: the database cannot be used.
    """
    closed = list(workspace.store.approvals.expire_due(now))
    workspace.store.outbox.forget(now - timedelta(days=workspace.settings.message_days))
    return closed
