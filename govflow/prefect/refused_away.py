"""The record of a call that was stopped in another process than its flow's, where nothing of the run is at hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect.context import TaskRunContext

from govflow.audit.record import Draft
from govflow.errors import GovflowError
from govflow.governor.approval import severity_of
from govflow.prefect.runtime import RUNTIME
from govflow.telemetry import get_logger

_log = get_logger(__name__)


def record_refusal(run_id: str, refused: GovflowError, body: Any, context: TaskRunContext | None) -> None:
    """Say in the log of a governed run that a call of it was stopped here, and why.

    The call is stopped whether or not that can be written. A run that nobody opened under governance has no log.

    Args:
        run_id: of the flow run.
        refused: why.
        body: the guarded function.
        context: its task run, if it has one.
    """
    try:
        workspace = RUNTIME.workspace()
        row = workspace.store.runs.get(run_id)
        if row is None:
            return
        callee = str(getattr(body, "__qualname__", "") or getattr(body, "__name__", "a task"))
        payload = {
            "code": refused.code,
            "reason": refused.message,
            "mend": refused.mend,
            "callee": callee,
            "task_run_id": None if context is None else str(context.task_run.id),
            "stopped": True,
            "mode": "enforce",
        }
        draft = Draft(
            "step.refused",
            workspace.settings.tenant,
            datetime.now(UTC),
            subject=workspace.requester().name,
            run_id=run_id,
            step_id=callee,
            severity=severity_of(refused),
            payload=payload,
        )
        workspace.store.append(draft, durable=True)
    except GovflowError as error:
        _log.warning("step.unrecorded", run_id=run_id, reason=error.message)
