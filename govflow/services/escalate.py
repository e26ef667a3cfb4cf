"""What falls due while people have not decided: it works without any live flow process."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from govflow.approval.models import ApprovalRequest
from govflow.services.expire_approvals import expire_approvals
from govflow.services.notify import enqueue
from govflow.services.workspace import Workspace
from govflow.store.messages import Kind


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did."""

    expired: list[ApprovalRequest] = field(default_factory=list)
    reminded: int = 0
    escalated: int = 0
    messages: int = 0  # made; they are sent by :func:`govflow.services.notify.deliver_due`


def sweep(workspace: Workspace, now: datetime) -> Swept:
    """Expire what is due, count reminders and escalations once each, and make the messages that follow.

    Whether further people may answer depends on the time alone, not on this; it puts it on record and tells them. Any
    number of sweepers may run.

    Raises:
        StoreError: the database cannot be used.
    """
    expired = expire_approvals(workspace, now)
    counted = workspace.store.outbox.count_due(workspace.settings.tenant, now)
    return Swept(expired, counted[Kind.REMINDER], counted[Kind.ESCALATED], enqueue(workspace, now))
