"""The flow runs that Prefect's server knows, as reconciling wants them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
    FlowRunFilterStartTime,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.types import DateTime

from govflow.errors import EngineError
from govflow.prefect.registered import registered_of
from govflow.services.engine_runs import EngineEnd, EngineRun, EngineRuns
from govflow.services.registered import Registered
from govflow.services.verify_deployment import marks

PAGE: Final = 200
_ENDS: Final = {
    StateType.COMPLETED: EngineEnd.COMPLETED,
    StateType.FAILED: EngineEnd.FAILED,
    StateType.CRASHED: EngineEnd.CRASHED,
    StateType.CANCELLED: EngineEnd.CANCELLED,
}


def read_runs(since: datetime, logged: Collection[str]) -> EngineRuns:
    """Every run of the server that started or was due since then, and those that the log knows.

    Args:
        since: aware.
        logged: ids of runs to ask for by name, whenever they were.

    Raises:
        EngineError: the server cannot be asked.
    """
    try:
        with get_client(sync_client=True) as client:
            found = {str(run.id): run for run in _recent(client, since)}
            found.update((str(run.id), run) for run in _named(client, [one for one in logged if one not in found]))
            names = _Names(client)
            runs = tuple(names.run(run) for run in found.values())
    except httpx.HTTPError as error:
        raise EngineError(
            f"Prefect's server cannot be asked for its runs: {type(error).__name__}: {error}",
            mend="`prefect config view` shows which server it is (PREFECT_API_URL).",
        ) from None
    return EngineRuns(since, runs, tuple(sorted(set(filter(_is_uuid, logged)) - set(found))))


def _recent(client: SyncPrefectClient, since: datetime) -> Iterator[FlowRun]:
    after = DateTime.fromisoformat(since.isoformat())
    started = FlowRunFilter(start_time=FlowRunFilterStartTime(after_=after))
    # A run that never got to start, or whose state was set by hand, has no start time.
    due = FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime(after_=after))
    for chosen in (started, due):
        yield from _pages(client, chosen)


def _named(client: SyncPrefectClient, ids: list[str]) -> Iterator[FlowRun]:
    wanted = [UUID(one) for one in ids if _is_uuid(one)]
    for start in range(0, len(wanted), PAGE):
        yield from _pages(client, FlowRunFilter(id=FlowRunFilterId(any_=wanted[start : start + PAGE])))


def _pages(client: SyncPrefectClient, chosen: FlowRunFilter) -> Iterator[FlowRun]:
    offset = 0
    while True:
        page = client.read_flow_runs(
            flow_run_filter=chosen, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=PAGE, offset=offset
        )
        yield from page
        if len(page) < PAGE:
            return
        offset += PAGE


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


class _Names:
    """Flows and deployments of runs, each asked for once."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client
        self._flows: dict[UUID, str] = {}
        self._deployments: dict[UUID, Registered | None] = {}

    def run(self, run: FlowRun) -> EngineRun:
        deployed = None if run.deployment_id is None else self._deployment(run.deployment_id)
        state: State | None = run.state
        return EngineRun(
            id=str(run.id),
            flow=self._flow(run.flow_id),
            name=run.name,
            state=_ENDS.get(state.type, EngineEnd.RUNNING) if state is not None else EngineEnd.RUNNING,
            state_name=(state.name or str(state.type)) if state is not None else "",
            state_id=str(state.id) if state is not None else "",
            started=run.start_time is not None,
            alive=_is_alive(state),
            deployment="" if deployed is None else deployed.label,
            guarded=deployed is not None and _is_guarded(deployed),
        )

    def _flow(self, flow_id: UUID) -> str:
        if flow_id not in self._flows:
            self._flows[flow_id] = self._client.read_flow(flow_id).name
        return self._flows[flow_id]

    def _deployment(self, deployment_id: UUID) -> Registered | None:
        if deployment_id not in self._deployments:
            try:
                found = registered_of(self._client, self._client.read_deployment(deployment_id))
            except Exception as error:
                if not _is_missing(error):
                    raise
                found = None
            self._deployments[deployment_id] = found
        return self._deployments[deployment_id]


def _is_alive(state: State | None) -> bool:
    """Whether a run in this state is in the hands of a process."""
    if state is None:
        return False
    return state.is_running() or (state.is_paused() and not state.state_details.pause_reschedule)


def _is_missing(error: Exception) -> bool:
    from prefect.exceptions import ObjectNotFound

    return isinstance(error, ObjectNotFound)


def _is_guarded(deployed: Registered) -> bool:
    return bool(deployed.guards) or bool(marks(deployed.version, deployed.tags, deployed.labels))
