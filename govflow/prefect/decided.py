"""Calls that were decided before: the next one of the same site costs its two records and little more.

What a call is granted on is settled when the run opens, if no parameter can change the answer: the plan, the policy,
the code. What may change from call to call is looked at each time: whether the task and everything that its function
reads are what they were, what the call is given, and whether this is the call that it looks like.

In the midst of a run nothing of ours is in the processor's caches, and each function that is entered has to be fetched.
So the two that every task passes are written in one piece each: :func:`marked_before`, where it is called, and
:func:`decided_before`, before its body.
"""

from __future__ import annotations

import functools
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from prefect.client.schemas.objects import TaskRun
from prefect.context import TaskRunContext
from prefect.tasks import Task

from govflow.governor.call import Call, Grant
from govflow.governor.conformance import limit_of, rewired_value
from govflow.governor.step_records import INTENT, OUTCOME, template_of
from govflow.prefect.declared import has_callables
from govflow.prefect.following import PLAIN, named_inputs
from govflow.prefect.runtime import CURRENT, Active, Decided, Marked

if TYPE_CHECKING:
    from govflow.prefect.bodies import TaskBody

TASK_HOOKS: Final = (
    "on_completion_hooks",
    "on_failure_hooks",
    "on_running_hooks",
    "on_commit_hooks",
    "on_rollback_hooks",
)
_TASK_RUN: Final = TaskRunContext.__var__
_REMEMBERED: Final = 4096  # calls of one run; recursion makes many of one


def remember(active: Active, body: TaskBody, grant: Grant) -> None:
    """Keep what was decided of a call, if it holds for every other call of its site."""
    run, call, sites = active.run, grant.call, active.bound.sites
    if (
        active.lease is not None
        or active.background
        or not body.marked
        or body.seconds is not None
        or call.step_ids != body.step_ids
        or limit_of(run, call.step_ids) is not None  # its calls are counted
        or sites is None
        or grant.step_id in sites.nesting
        or CURRENT.get() is not active
        or type(body.fn) is not FunctionType
        or hasattr(body.fn, "__wrapped__")
        or body.is_bound  # a method has another guard at each call
    ):
        return
    memory = active.bound.memory_of(body.fn)
    intent, outcome = template_of(run, grant, INTENT), template_of(run, grant, OUTCOME)
    if memory is not None and memory.why is None and intent is not None and outcome is not None:
        fill = active.port.filler()
        active.decided[body] = Decided(active, call.step_ids, body.fn, body.fn.__code__, memory, intent, outcome, fill)


def decided_before(body: TaskBody, args: Any, kwargs: Any) -> tuple[Decided, int, str] | None:
    """What was decided of the call that ``body`` is in, if it holds; with its attempt and the id of its task run."""
    active = CURRENT.get()
    if active is None or (decided := active.decided.get(body)) is None:
        return None
    context = _TASK_RUN.get(None)
    if (
        context is None
        or context.task.fn is not body
        or active.run.stopped is not None
        or body.fn is not decided.fn
        or body.fn.__code__ is not decided.code
        or not decided.memory.is_as_it_was()
    ):
        return None
    task_run = context.task_run
    if any(task_run.task_inputs.values()) and not _is_wired(decided, body, task_run, args, kwargs):
        return None
    active.run.followed.runs[task_run.id] = decided.step_ids
    return decided, task_run.run_count, str(task_run.id)


def _is_wired(decided: Decided, body: TaskBody, task_run: TaskRun, args: Any, kwargs: Any) -> bool:
    """Whether a call is given nothing against the plan, as far as the engine names what it is given."""
    named = named_inputs(task_run)
    is_same = functools.partial(body.is_same, args, kwargs)
    return not named or rewired_value(decided.active.run, decided.step_ids, named, is_same) is None


def granted(decided: Decided, body: TaskBody, attempt: int, task_run_id: str) -> Grant:
    """The grant of a decided call, for the record of one that failed."""
    (step_id,) = decided.step_ids
    permit = decided.active.run.permits[step_id]
    call = Call(decided.step_ids, body.label, task_run_id, attempt, fan_out=body.fan_out)
    assessment = permit.assessment if body.fan_out is None else permit.by_fan_out[body.fan_out]
    return Grant(permit, call, assessment)


def mark_again(active: Active, task: Task[..., Any], marked: Task[..., Any], frame: FrameType) -> None:
    """Keep the copy of a task that was made for a call, if the next call of the same site can have the same one."""
    hooks = tuple(task.__dict__.get(name) for name in TASK_HOOKS)
    if (
        marked.fn not in active.decided
        or type(marked) is not type(task)
        or any(hooks)
        or task.retries
        or has_callables(task)
    ):
        return
    codes: list[CodeType] = []
    key: list[int] = [id(task)]
    found: FrameType | None = frame
    while found is not None:
        codes.append(found.f_code)
        key += (id(found.f_code), found.f_lasti)
        if found.f_code is active.flow_code:
            break
        found = found.f_back
    else:
        return  # the call stands in a thread of its own
    if len(active.marked) >= _REMEMBERED:
        active.marked.clear()
    active.marked[tuple(key)] = Marked(task, marked, task.__dict__.copy(), hooks, tuple(codes))


def marked_before(task: Task[..., Any], frame: FrameType | None, args: Any, kwargs: Any) -> Task[..., Any] | None:
    """The copy of a task that an earlier call of the same site was given, if nothing is other than it was then."""
    active = CURRENT.get()
    if active is None or not active.marked:
        return None
    key = [id(task)]
    while frame is not None:
        key.append(id(frame.f_code))
        key.append(frame.f_lasti)
        if frame.f_code is active.flow_code:
            known = active.marked.get(tuple(key))
            if known is None or kwargs or any(known.hooks) or not PLAIN.issuperset(map(type, args)):
                return None
            try:
                return known.marked if known.held == task.__dict__ else None
            except Exception:  # noqa: BLE001 - of what somebody put in, which cannot be compared
                return None
        frame = frame.f_back
    return None
