"""The two seams of a task or flow, whoever made it.

*Call*: a call is handed on as a copy that carries its planned step. The engine loses the caller's frame before a body
runs, so the step is looked up when the call is made and travels in the copy's ``fn``. The copy is made at each call, so
that an option that was changed since the last call counts, as it does in Prefect; the guarded functions of a task's
call sites are made once and kept with the task.

*Body*: what the engine holds has a guard in place of its function. One without the mark of a call is nowhere in the
plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any, Final, TypeVar

from prefect.flows import Flow
from prefect.tasks import Task

from govflow.errors import Refused
from govflow.governor.warm import may_wait
from govflow.prefect.around import guard_around, guard_name
from govflow.prefect.bodies import UNMARKED, TaskBody, task_body
from govflow.prefect.decided import TASK_HOOKS, mark_again
from govflow.prefect.declared import changed_option, disarm, has_callables
from govflow.prefect.flow_bodies import FlowBody, flow_body
from govflow.prefect.following import judged, saw
from govflow.prefect.hooks import Hook
from govflow.prefect.kept import Kept, is_bound, kept, twin
from govflow.prefect.origins import origin_of
from govflow.prefect.runtime import CURRENT, RUNTIME, Active

FLOW_HOOKS: Final = (
    "on_completion_hooks",
    "on_failure_hooks",
    "on_cancellation_hooks",
    "on_crashed_hooks",
    "on_running_hooks",
)
_Result = TypeVar("_Result")
_NOTHING: Final[Mapping[str, Any]] = {}
_SiteKey = tuple[frozenset[str], int | None, float | None, bool]


def task_at_site(
    task: Task[..., Any],
    frame: FrameType,
    args: Iterable[Any] = (),
    kwargs: Mapping[str, Any] = _NOTHING,
    fan_out: int | None = None,
) -> Task[..., Any]:
    """A copy of ``task``, marked with the planned step that a call in ``frame`` is.

    Args:
        task: any task; one that was never guarded gets its guard here.
        frame: where the call stands.
        args: what the call gives.
        kwargs: likewise, by name; ``wait_for`` among them.
        fan_out: how many task runs a map makes; None for other calls.

    Returns:
        The task itself where no governed run is open and the engine calls nothing around its body.
    """
    own = kept(task, TaskBody, _task_body)
    body: TaskBody = own.body
    active = CURRENT.get() or RUNTIME.receiver(body.fn)
    if active is None:
        return armed_task(task)
    sites = active.bound.sites
    step_ids = UNMARKED
    if sites is not None:
        step_ids = sites.find(frame) or sites.handed_over(active.bound.name_of(body.fn))
    active.run.called.update(step_ids)
    seconds = task.timeout_seconds
    if seconds is not None and (task.isgenerator or not seconds or not may_wait(active.run, step_ids)):
        seconds = None  # the engine keeps the time
    enforced = active.run.enforce
    key: _SiteKey = (step_ids, fan_out, seconds, enforced)
    marked_body = own.at.get(key)
    if marked_body is None:
        marked_body = body.at(step_ids, fan_out, enforced=enforced)
        marked_body.seconds = seconds
        marked_body.zero_code = body.zero_code
        if not is_bound(task.fn):  # a bound method is another object at each access
            own.at[key] = marked_body
    marked = twin(task)
    refused = judged(active.run, step_ids, args, kwargs, fan_out) or _changed(active, task, step_ids)
    marked.fn = marked_body if refused is None else marked_body.refuse(refused)
    if refused is not None and active.run.enforce:
        disarm(marked)
    if seconds is not None:
        marked.timeout_seconds = None
    _guard_hooks(marked, own, TASK_HOOKS)
    if has_callables(marked):
        guard_around(marked)
    if refused is None and fan_out is None and marked_body in active.decided:
        mark_again(active, task, marked, frame)
    return marked


def flow_at_site(
    flow: Flow[..., Any], frame: FrameType, args: Iterable[Any] = (), kwargs: Mapping[str, Any] = _NOTHING
) -> Flow[..., Any]:
    """A copy of ``flow``, marked with the subflow step that a call in ``frame`` is; itself outside a governed run."""
    active = CURRENT.get()
    if active is None:
        return flow
    own = _flow_kept(flow)
    sites = active.bound.sites
    step_ids = sites.find(frame) if sites is not None else UNMARKED
    active.run.called.update(step_ids)
    marked_body = own.at.get(step_ids)
    if marked_body is None:
        marked_body = own.body.at(step_ids)
        marked_body.zero_code = own.body.zero_code
        if not is_bound(flow.fn):
            own.at[step_ids] = marked_body
    marked = twin(flow)
    refused = judged(active.run, step_ids, args, kwargs, None)
    marked.fn = marked_body if refused is None else marked_body.refuse(refused)
    _guard_hooks(marked, own, FLOW_HOOKS)
    guard_name(marked)
    return marked


def _changed(active: Active, task: Task[..., Any], step_ids: frozenset[str]) -> Refused | None:
    if not (task.retries or has_callables(task)):  # most tasks
        return None
    return changed_option(active.run, active.bound, task, step_ids)


def made(task: Task[..., Any], result: _Result) -> _Result:
    """The futures or states that a marked task gave; what they come from is remembered."""
    body = task.fn
    active = CURRENT.get()
    if active is not None and isinstance(body, TaskBody):
        saw(active.run, body.step_ids, result)
    return result


def guarded_task(task: Task[..., Any]) -> Task[..., Any]:
    """``task`` as the engine may have it: with a guard, and if it had none with one that no call has marked."""
    if isinstance(task.fn, TaskBody):
        return task if task.fn.marked else armed_task(task)
    own = kept(task, TaskBody, _task_body)
    guarded = twin(task)
    guarded.fn = own.body
    _guard_hooks(guarded, own, TASK_HOOKS)
    guard_around(guarded)
    return guarded


def armed_task(task: Task[..., Any]) -> Task[..., Any]:
    """A task that has a guard: itself, or a copy in which what the engine calls around the body has one too."""
    if not has_callables(task) and not _has_bare(task, TASK_HOOKS):
        return task
    guarded = twin(task)
    _guard_hooks(guarded, kept(task, TaskBody, _task_body), TASK_HOOKS)
    guard_around(guarded)
    return guarded


def guarded_flow(flow: Flow[..., Any]) -> Flow[..., Any]:
    """``flow`` as the engine may have it: with a guard, as all that the engine calls around its body."""
    governed = isinstance(flow.fn, FlowBody)
    if governed and not callable(flow.flow_run_name) and not _has_bare(flow, FLOW_HOOKS):
        return flow
    own = _flow_kept(flow)
    guarded = twin(flow)
    if not governed:
        guarded.fn = own.body
    _guard_hooks(guarded, own, FLOW_HOOKS)
    guard_name(guarded)
    return guarded


def _flow_kept(flow: Flow[..., Any]) -> Kept:
    return kept(flow, FlowBody, _flow_body)


def _task_body(fn: Callable[..., Any]) -> TaskBody:
    body = task_body(fn)
    body.zero_code = True
    return body


def _flow_body(fn: Callable[..., Any]) -> FlowBody:
    body = flow_body(fn, origin_of(fn))
    body.zero_code = True
    return body


def _has_bare(made: Any, names: tuple[str, ...]) -> bool:
    """Whether any hook of a task or flow has no guard."""
    held = made.__dict__
    return any(type(hook) is not Hook for name in names for hook in held.get(name) or ())


def _guard_hooks(made: Any, own: Kept, names: tuple[str, ...]) -> None:
    """Put guards in place of the hooks of a copy. The lists of the original stay as they are."""
    for name in names:
        hooks = made.__dict__.get(name)
        if hooks and not all(type(hook) is Hook for hook in hooks):
            setattr(made, name, [_guarded_hook(hook, own) for hook in hooks])


def _guarded_hook(hook: Any, own: Kept) -> Hook:
    if isinstance(hook, Hook):
        return hook
    known = own.hooks.get(id(hook))
    if known is None or known.fn is not hook:
        known = own.hooks[id(hook)] = Hook(hook)
    return known
