"""Suspending a run: the question stands in Prefect, and this process leaves."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import Pause
from prefect.logging.loggers import flow_run_logger

from govflow.approval.models import ApprovalRequest
from govflow.governor.explain import questions
from govflow.prefect.artifacts import publish_questions
from govflow.prefect.board import Board
from govflow.telemetry import get_logger

if TYPE_CHECKING:
    from govflow.prefect.answer import Answer
    from govflow.prefect.port import PrefectPort

_log = get_logger(__name__)


def suspend(port: PrefectPort, requests: Sequence[ApprovalRequest]) -> None:
    """Leave the run to whoever goes on with it after these requests are answered.

    Returns only if Prefect did not take the state, because somebody ends the run at this moment or its server fails:
    then the step itself waits for the answer, paused.

    Raises:
        Pause: the run is suspended.
    """
    run_id = port.flow_run.id
    state = _set(port, run_id, requests)
    if state is None:
        return
    with suppress(Exception):  # with logging turned off there is nobody to tell
        flow_run_logger(port.flow_run).info(f"Suspended ({port.why_so}). {questions(requests)}")
    publish_questions(requests, run_id, port.store.approvals.votes(requests[0].request_id))
    raise Pause(state=state)


def _set(port: PrefectPort, run_id: UUID, requests: Sequence[ApprovalRequest]) -> State[Any] | None:
    board = Board(run_id)
    board.said, board.settings = port.said, port.workspace.settings
    try:
        with get_client(sync_client=True) as client:
            return board.raise_question(client, port.store, requests, suspend=True)
    except Exception as error:  # noqa: BLE001 - the step waits in its own way, and does not run meanwhile
        _log.warning("suspend.failed", reason=f"{type(error).__name__}: {error}")
        return None


def letters(run_id: UUID) -> list[Answer]:
    """What people left in Prefect for a run that was suspended; the forms are deleted there with it."""
    try:
        with get_client(sync_client=True) as client:
            return Board(run_id).left_behind(client)
    except Exception as error:  # noqa: BLE001 - an answer that cannot be read is none
        _log.warning("suspend.failed", reason=f"{type(error).__name__}: {error}")
        return []
