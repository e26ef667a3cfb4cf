"""The plan that the lock file holds for a flow: the left side of a diff where no approved plan is recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from govflow.errors import LockError
from govflow.governor.port import ApprovedPlan
from govflow.ir.lock import load_lock
from govflow.settings import Settings
from govflow.telemetry import get_logger

_log = get_logger(__name__)


def locked_plan(settings: Settings, flow: str) -> ApprovedPlan | None:
    """What ``govflow.lock`` says of a flow, or None.

    It is trusted in observe mode and in CI only: anyone who can edit the flow can edit the lock with it.
    """
    path = Path(settings.lock)
    try:
        lock = load_lock(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, LockError) as error:
        _log.warning("lock.unusable", file=str(path), reason=str(error))
        return None
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    for locked in lock.flows.values():
        if locked.plan.flow == flow:
            return ApprovedPlan(locked.plan, locked.plan_hash, f"lock file {path.name}", written)
    return None
