"""Starting a run again: one that is suspended, once people have answered, or one whose process is gone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import OrchestrationResult, SetStateStatus
from prefect.states import Scheduled

from govflow.approval.models import ApprovalRequest
from govflow.services.resume_run import RESUMED
from govflow.store import Store


def resume(store: Store, request: ApprovalRequest) -> str:
    """Reschedule the run of a request that is decided, if it is suspended and waits for nothing else.

    Pressing Resume in Prefect does the same, with less checking: the run asks the store again before any step.

    Returns:
        :data:`RESUMED`, or why the run was left as it is, in words.
    """
    run_id = UUID(request.binding.run_id)
    still = store.approvals.pending_of_run(request.binding.tenant, request.binding.run_id)
    if still:
        return f"the run waits for {len(still)} more answer(s)"
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run_id).state
        if not is_suspended(state):
            return f"the run is {state.name if state is not None else 'not there'}"
        return RESUMED if _reschedule(client, run_id) else "Prefect did not take the new state"


def restart(run_id: UUID) -> str:
    """Have a worker or runner take up a run whose process is gone. It finds what was asked and answered before.

    The flow begins at its first line. Whoever calls this has seen that no process holds the run.

    Returns:
        :data:`RESUMED`, or why the run was left as it is, in words.
    """
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(run_id)
        if run.deployment_id is None:
            return "it has no deployment, so nothing would take it up: run the flow again, and cancel this run"
        if run.state is None or not (run.state.is_running() or run.state.is_paused()):
            return f"the run is {run.state.name if run.state is not None else 'not there'}"
        return RESUMED if _reschedule(client, run_id) else "Prefect did not take the new state"


def is_suspended(state: State[Any] | None) -> bool:
    """Whether a run waits for answers and no process holds it."""
    return state is not None and state.is_paused() and bool(state.state_details.pause_reschedule)


def _reschedule(client: SyncPrefectClient, run_id: UUID) -> bool:
    result: OrchestrationResult[Any] = client.set_flow_run_state(run_id, Scheduled(name="Resuming"))
    return result.status is SetStateStatus.ACCEPT
