"""How a refused run ends: in a state whose name and message say why, and without a traceback.

A refusal is an answer, not a failure of code: where it was raised says nothing, and running the flow again changes
nothing. So the flow's body gives Prefect a finished state instead of an exception. Whoever called the flow still gets
the exception from it.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Failed

from govflow.errors import Refused
from govflow.telemetry import get_logger

_RUN_LOGS: Final = ("prefect.flow_runs", "prefect.task_runs")
_log = get_logger(__name__)


def ending(refused: Refused, flow_run: FlowRun | None) -> State[Any]:
    """The final state of a refused run: ``ApprovalDenied``, ``PlanDrift``, …; Cancelled if it was cancelled."""
    if flow_run is not None and _was_cancelled(flow_run):
        cancelled: State[Any] = Cancelled(message=f"Cancelled while it waited. {refused}")
        return cancelled
    failed: State[Any] = Failed(name=type(refused).__name__, message=str(refused), data=refused)
    return failed


def last_word(result: Any, *, cancelled: bool) -> Any:
    """What a body returns. One that swallowed the refusal of a cancelled run does not turn it into a success.

    Prefect would leave such a run Cancelling for ever.
    """
    return Cancelled(message="Cancelled while it waited for approval.") if cancelled else result


def _was_cancelled(flow_run: FlowRun) -> bool:
    """Whether somebody cancels the run; if nobody does, Prefect is told not to retry it."""
    try:
        with get_client(sync_client=True) as client:
            found = client.read_flow_run(flow_run.id)
            if found.state is not None and (found.state.is_cancelling() or found.state.is_cancelled()):
                return True
            _no_more_retries(client, found)
    except Exception as error:  # noqa: BLE001 - the state is refined by it; what stopped the body stands
        _log.warning("ending.unrefined", reason=f"{type(error).__name__}: {error}")
    return False


def _no_more_retries(client: SyncPrefectClient, flow_run: FlowRun) -> None:
    policy = flow_run.empirical_policy
    if policy.retries:
        client.update_flow_run(flow_run.id, empirical_policy=policy.model_copy(update={"retries": 0}))


def _without_traceback(record: logging.LogRecord) -> bool:
    """Take the traceback of a refusal out of a line of a run's log; its words stay."""
    if record.exc_info and isinstance(record.exc_info[1], Refused):
        record.exc_info = record.exc_text = None
    return True


def keep_tracebacks_out() -> None:
    """From now on a refusal stands in the logs of runs in its words alone. Calling it again changes nothing."""
    for name in _RUN_LOGS:
        logging.getLogger(name).addFilter(_without_traceback)
