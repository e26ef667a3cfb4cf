"""How a run waits for people: paused, with its process held, or suspended, with its worker free.

A run that suspends is left where its flow calls a step, before Prefect makes a task run of it; the flow is replayed
from its start once people have answered. Steps that are called inside a task, a subflow or a thread cannot be left
like that: there the run pauses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar
from uuid import uuid4

from prefect.context import FlowRunContext, TaskRunContext
from prefect.tasks import Task
from prefect.utilities.callables import expand_mapping_parameters, get_call_parameters, parameters_to_args_kwargs
from prefect.utilities.collections import visit_collection
from prefect.utilities.engine import resolve_to_final_result

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.governor.call import Call
from govflow.governor.governed_run import GovernedRun
from govflow.governor.plan_approval import plan_ahead
from govflow.governor.port import drive
from govflow.governor.step import ahead
from govflow.governor.warm import may_wait
from govflow.ir.vocabulary import WAITS
from govflow.prefect.bodies import TaskBody
from govflow.prefect.port import PrefectPort
from govflow.prefect.runtime import CURRENT, Active
from govflow.prefect.suspend import suspend
from govflow.settings import Settings

How = Literal["pause", "suspend"]
_NOT_PARAMETERS: Final = ("wait_for", "return_state", "deferred")
_T = TypeVar("_T", bound=Task[..., Any])


@dataclass(frozen=True, slots=True)
class Wait:
    """How a run waits, and why so."""

    how: How
    why: str


def choose(context: FlowRunContext, settings: Settings) -> Wait:
    """How the run of ``context`` waits: what its flow says, else the setting ``approval_wait``."""
    declared = getattr(getattr(context.flow, "governance", None), "approval", None)
    wanted = declared if declared in WAITS else settings.approval_wait
    if wanted == "pause":
        return Wait("pause", "the flow or the setting approval_wait says so")
    run = context.flow_run
    if run is None or run.deployment_id is None:
        return Wait("pause", "a run without a deployment cannot be suspended: nothing would start it again")
    if run.parent_task_run_id is not None:
        return Wait("pause", "a subflow cannot be suspended")
    if wanted == "suspend":
        return Wait("suspend", "the flow or the setting approval_wait says so")
    if not context.persist_result:
        return Wait("pause", "results are not persisted, so that finished steps would run again")
    return Wait("suspend", "there is a deployment and results are persisted")


def asked(task: _T, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, mapped: bool = False) -> _T:
    """The task, once nobody has to be asked before it is called; in a run that suspends, that may be another day.

    Args:
        task: marked with its call site.
        args: of the call.
        kwargs: of the call, with those that are Prefect's own.
        mapped: whether the call is a map: each element is a request of its own.

    Raises:
        Pause: the run is suspended: this process leaves it.
        Refused: people have said no.
    """
    body, active = task.fn, CURRENT.get()
    if active is None or not active.run.facts.suspends or not isinstance(body, TaskBody):
        return task
    if TaskRunContext.get() is not None or not may_wait(active.run, body.step_ids):
        return task
    if isinstance(active.port, PrefectPort):
        ask_first(active.run, active.port, _calls(task, body, active, args, kwargs, mapped=mapped))
    return task


def ask_first(run: GovernedRun, port: PrefectPort, calls: Sequence[Call]) -> None:
    """Ask for calls that are still to come; suspend the run if any of them has no answer yet.

    Raises:
        Pause: the run is suspended: this process leaves it.
        Refused: people have said no.
    """
    _leave_or_go_on(run, port, lambda: _ask_each(run, port, calls))


def ask_for_plan(run: GovernedRun, port: PrefectPort) -> None:
    """Ask for the whole plan where an approval rule does; suspend the run if there is no answer yet.

    Raises:
        Pause: the run is suspended.
        Refused: people have said no.
    """
    _leave_or_go_on(run, port, lambda: drive(plan_ahead(run, lambda: str(uuid4())), port))


def _leave_or_go_on(run: GovernedRun, port: PrefectPort, ask: Callable[[], list[ApprovalRequest]]) -> None:
    pending = ask()
    if run.replayed and port.open_letters(pending):  # what people left in Prefect counts first
        pending = ask()
    if pending:
        suspend(port, pending)


def _ask_each(run: GovernedRun, port: PrefectPort, calls: Sequence[Call]) -> list[ApprovalRequest]:
    """What people have not answered yet, each call asked for."""
    try:
        found = [drive(ahead(run, call, str(uuid4())), port) for call in calls]
    finally:
        with run.lock:  # the task runs that are still to come take these places
            for taken in run.indices.values():
                for call in calls:
                    taken.pop(call.task_run_id, None)
    return [one for one in found if one is not None and one.state is RequestState.PENDING]


def _calls(
    task: Task[..., Any], body: TaskBody, active: Active, args: Any, kwargs: Mapping[str, Any], *, mapped: bool
) -> list[Call]:
    """The calls that the body will be asked for, with their futures resolved; none where Prefect will not call it."""
    given = {name: value for name, value in kwargs.items() if name not in _NOT_PARAMETERS}
    try:
        known = get_call_parameters(task.fn, args, given, apply_defaults=not mapped)
        if mapped:
            top = {name: _resolved(value, depth=0) for name, value in known.items()}
            each = expand_mapping_parameters(task.fn, top)
        else:
            each = [known]
        return [_call(task, body, active, parameters) for parameters in each]
    except Exception:  # noqa: BLE001 - the call itself will say so, or its upstream has failed
        return []


def _call(task: Task[..., Any], body: TaskBody, active: Active, parameters: Mapping[str, Any]) -> Call:
    resolved = {name: _resolved(value) for name, value in parameters.items()}
    args, kwargs = parameters_to_args_kwargs(task.fn, resolved)
    return body.call_of(active, task, f"ahead-{uuid4()}", 1, args, kwargs)


def _resolved(value: Any, depth: int = -1) -> Any:
    return visit_collection(
        value,
        visit_fn=resolve_to_final_result,
        return_data=True,
        max_depth=depth,
        remove_annotations=depth != 0,
        context={},
    )
