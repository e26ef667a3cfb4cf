"""Retention: the records of the tenant's log that are old enough go, and the log says who had them go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from govflow.audit.record import Draft
from govflow.errors import RequestError, SettingsError
from govflow.services.decide_approvals import kept_reason
from govflow.services.workspace import Workspace
from govflow.store.pruned import EVENT
from govflow.store.pruning import Prunable


def prunable(workspace: Workspace, now: datetime, days: int | None = None) -> Prunable:
    """What may go. ``days``: how long records are kept; else as the settings say.

    Raises:
        SettingsError: neither says how long.
        RequestError: fewer than one day.
        StoreError: the database cannot be used.
    """
    return workspace.store.pruning.prunable(workspace.settings.tenant, _cut(workspace, now, days))


def prune(
    workspace: Workspace,
    by: str,
    reason: str,
    now: datetime,
    days: int | None = None,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Prunable:
    """Have it go, some ten thousand records in a transaction; what went.

    Args:
        workspace: whose log.
        by: the principal who has it go.
        reason: why, in their words; it stays in the log.
        now: aware.
        days: how long records are kept; else as the settings say.
        told: called now and then with how many records are gone, and how many will be.

    Raises:
        SettingsError: neither says how long records are kept.
        RequestError: fewer than one day, or no reason.
        StoreError: the database refused, or what was to go is not as it was written; what went before is gone.
    """
    said = kept_reason(reason).strip()
    if not said:
        raise RequestError("There is no reason.", mend="Say why: whoever reads the log asks.")
    tenant = workspace.settings.tenant
    draft = Draft(EVENT, tenant, now, subject=by, payload={"reason": said})
    return workspace.store.pruning.prune(tenant, _cut(workspace, now, days), draft, told)


def _cut(workspace: Workspace, now: datetime, days: int | None) -> datetime:
    kept = workspace.settings.retention_days if days is None else days
    if kept is None:
        raise SettingsError(
            "Nothing says how long records are kept, so none goes.",
            mend="Set retention_days, or give --days.",
        )
    if kept < 1:
        raise RequestError(f"{kept} days: records are kept for one day at least.", mend="Give a larger number.")
    try:
        return now - timedelta(days=kept)
    except OverflowError:
        raise RequestError(f"{kept} days: that is before time began.", mend="Give a smaller number.") from None
