"""What Prefect's server recorded of a flow run, as a graph of calls.

Prefect writes down for each task run the task runs and flow runs that its arguments came from (``task_inputs``): by
parameter, ``wait_for``, and ``__parents__`` for what was called inside another task run. It finds them by looking
through the arguments for futures, states, and results whose identity it knows; a value that was computed from a result
is not among them. A subflow is a task run too, with a flow run that names it as its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentTaskRunId,
    TaskRunFilter,
    TaskRunFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, TaskRun
from prefect.exceptions import ObjectNotFound

from govflow.errors import EngineError, RequestError
from govflow.ir.execution import Executed, ExecutedEdge, ExecutedGraph, Link, RunState

_PAGE: Final = 200
_LINKS: Final = {"__parents__": Link.PARENT, "wait_for": Link.ORDER}
_DEPLOYMENT: Final = "run_deployment"
_STATES: Final = {
    StateType.COMPLETED: RunState.COMPLETED,
    StateType.FAILED: RunState.FAILED,
    StateType.CRASHED: RunState.CRASHED,
    StateType.CANCELLED: RunState.CANCELLED,
    StateType.CANCELLING: RunState.CANCELLED,
}
_Row = TypeVar("_Row")


def read_run(run_id: str) -> ExecutedGraph:
    """The calls and edges of one flow run, from the server that Prefect's settings name.

    Raises:
        RequestError: that is no id of a flow run that the server knows.
        EngineError: the server cannot be reached.
    """
    try:
        wanted = UUID(run_id)
    except ValueError:
        raise RequestError(
            f"{run_id!r} is not the id of a flow run.",
            mend="It is the UUID in the address of the run's page in Prefect.",
        ) from None
    with _client() as client:
        try:
            run = client.read_flow_run(wanted)
        except ObjectNotFound:
            raise RequestError(
                f"Prefect's server at {client.api_url} knows no flow run {run_id}.",
                mend="Look at PREFECT_API_URL: the run may be on another server.",
            ) from None
        flow = client.read_flow(run.flow_id).name
        tasks = _task_runs(client, wanted)
        subflows = _subflow_runs(client, [task.id for task in tasks])
    return _graph(run, flow, tasks, subflows)


@contextmanager
def _client() -> Iterator[SyncPrefectClient]:
    import httpx

    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.TransportError as error:
        raise EngineError(
            f"Prefect's server cannot be reached: {type(error).__name__}",
            mend="Start it, or set PREFECT_API_URL.",
        ) from error


def _task_runs(client: SyncPrefectClient, run_id: UUID) -> list[TaskRun]:
    chosen = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[run_id]))
    found = _all(lambda offset: client.read_task_runs(task_run_filter=chosen, limit=_PAGE, offset=offset))
    return sorted(found, key=_made)


def _subflow_runs(client: SyncPrefectClient, parents: list[UUID]) -> dict[UUID, FlowRun]:
    """Flow runs by the task run that stands for them; the latest where a subflow was run again."""
    found: dict[UUID, FlowRun] = {}
    for start in range(0, len(parents), _PAGE):
        chosen = FlowRunFilter(parent_task_run_id=FlowRunFilterParentTaskRunId(any_=parents[start : start + _PAGE]))
        rows = _all(
            lambda offset, chosen=chosen: client.read_flow_runs(flow_run_filter=chosen, limit=_PAGE, offset=offset)  # type: ignore[misc] # the default is the filter
        )
        for run in sorted(rows, key=_made):
            if run.parent_task_run_id is not None:
                found[run.parent_task_run_id] = run
    return found


def _all(page: Callable[[int], list[_Row]]) -> list[_Row]:
    found: dict[Any, _Row] = {}
    offset = 0
    while rows := page(offset):
        found.update((row.id, row) for row in rows)  # type: ignore[attr-defined] # task runs and flow runs have ids
        offset += len(rows)
        if len(rows) < _PAGE:
            break
    return list(found.values())


def _made(run: TaskRun | FlowRun) -> tuple[str, str]:
    """Order of the calls: a run is expected at the moment when it is made."""
    at = run.expected_start_time or run.created
    return (at.isoformat() if at is not None else "", str(run.id))


def _graph(run: FlowRun, flow: str, tasks: list[TaskRun], subflows: dict[UUID, FlowRun]) -> ExecutedGraph:
    stands_for = {sub.id: task_run for task_run, sub in subflows.items()}
    known = {task.id for task in tasks}
    edges: dict[ExecutedEdge, None] = {}
    for task in tasks:
        for name, inputs in task.task_inputs.items():
            for item in inputs:
                source = getattr(item, "id", None)
                source = stands_for.get(source, source) if isinstance(source, UUID) else None
                if source in known and source != task.id:
                    edges[ExecutedEdge(str(source), str(task.id), _LINKS.get(name, Link.DATA), name)] = None
    return ExecutedGraph(
        run_id=str(run.id),
        flow=flow,
        state=_state(run.state),
        calls=tuple(_call(task, subflows.get(task.id)) for task in tasks),
        edges=tuple(edges),
        attempts=max(run.run_count, 1),
    )


def _call(task: TaskRun, subflow: FlowRun | None) -> Executed:
    details = task.state.state_details if task.state is not None else None
    return Executed(
        run_id=str(task.id),
        name=task.name,
        callee=_callee(task.task_key),
        state=_state(task.state),
        trackable=not (details is not None and details.untrackable_result),
        subflow_run=None if subflow is None else str(subflow.id),
    )


def _callee(task_key: str) -> str:
    """Name of the function: the key is its qualified name's last part, and a digest of its code."""
    if f".{_DEPLOYMENT}." in task_key:
        return _DEPLOYMENT
    return task_key.rpartition("-")[0].rpartition(".")[2] or task_key.rpartition(".")[2]


def _state(state: State[Any] | None) -> RunState:
    if state is None:
        return RunState.UNFINISHED
    if state.type is StateType.COMPLETED and state.name == "Cached":
        return RunState.CACHED
    if state.type is StateType.PENDING and state.name == "NotReady":
        return RunState.NOT_RUN
    return _STATES.get(state.type, RunState.UNFINISHED)
