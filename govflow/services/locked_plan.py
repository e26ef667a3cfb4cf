"""The plan that the lock file holds for a flow: the left side of a diff where no approved plan is recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from govflow.errors import LockError
from govflow.governor.port import ApprovedPlan
from govflow.ir.lock import load_lock, plan_key
from govflow.services.regular_file import read_regular
from govflow.settings import Settings
from govflow.telemetry import get_logger

_log = get_logger(__name__)


def locked_plan(settings: Settings, key: str) -> ApprovedPlan | None:
    """What ``govflow.lock`` says of a flow, or None.

    It is trusted in observe mode and in CI only: anyone who can edit the flow can edit the lock with it.

    Args:
        settings: name the lock file.
        key: of the flow, :func:`govflow.ir.lock.plan_key` of its plan. Two entries of one key that differ (files of one
            name in two folders) say nothing of either.
    """
    path = Path(settings.lock)
    try:
        lock = load_lock(read_regular(path), str(path))
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, LockError) as error:
        _log.warning("lock.unusable", file=str(path), reason=str(error))
        return None
    found = {locked.plan_hash: locked.plan for locked in lock.flows.values() if plan_key(locked.plan) == key}
    if len(found) > 1:
        _log.warning("lock.ambiguous", file=str(path), flow=key, entries=len(found))
    if len(found) != 1:
        return None
    ((hashed, plan),) = found.items()
    return ApprovedPlan(plan, hashed, f"lock file {path.name}", written)
