"""Callables that the engine calls around a body: run names, cache keys, retry conditions.

The plan has them as hooks, and each is asked about like one where the engine calls it. Nobody can be asked there: the
engine is between two states, often in an event loop. So what needs people is refused, and says so.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from prefect.cache_policies import CacheKeyFnPolicy
from prefect.context import FlowRunContext, TaskRunContext
from prefect.flows import Flow
from prefect.tasks import Task

from govflow.governor.call import Call
from govflow.governor.step import ALONE
from govflow.prefect.arrival import arrives
from govflow.prefect.bodies import TaskBody
from govflow.prefect.hooks import Hook, Place, place_of
from govflow.prefect.remote import far, is_away
from govflow.prefect.runtime import CURRENT, Active

_MARK: Final = "_govflow_asks"


class AroundTask(Hook):
    """A guarded callable of a task. The engine has set the context of its task run."""

    def _find(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Place | None:
        active, context = CURRENT.get(), TaskRunContext.get()
        if context is not None and is_away(active, context) and isinstance(context.task.fn, TaskBody):
            active = far(context.task.fn, context)
        return None if active is None else (active, ALONE)

    def _call(self, active: Active) -> Call:
        return Call(
            step_ids=active.bound.hook_steps(self.fn),
            callee=f"callable {self.label}",
            task_run_id=f"hook-{uuid4()}",
            unbound=active.bound.exchanged(self.fn),
            parameters=dict,
        )


class AroundFlow(AroundTask):
    """The guarded run name of a flow. The engine asks for it before the run is opened."""

    def _find(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Place | None:
        context = FlowRunContext.get()
        found = None if context is None else place_of(context.flow, context.flow_run)
        return None if found is None else (found[0], ALONE)


def guard_around(task: Task[..., Any]) -> None:
    """Put guards in place of what the engine calls around the body of a copy. The original stays as it is."""
    if callable(task.task_run_name) and not isinstance(task.task_run_name, Hook):
        task.task_run_name = AroundTask(task.task_run_name)
    condition = task.retry_condition_fn
    if condition is not None and not hasattr(condition, _MARK):
        task.retry_condition_fn = _function(AroundTask(condition))
    policy = task.cache_policy
    if task.cache_key_fn and isinstance(policy, CacheKeyFnPolicy) and policy.cache_key_fn is task.cache_key_fn:
        task.cache_policy = copy.copy(policy)
        task.cache_policy.cache_key_fn = AroundTask(task.cache_key_fn)


def guard_name(flow: Flow[..., Any]) -> None:
    """Likewise for the run name of a flow."""
    name = flow.flow_run_name
    if callable(name) and not isinstance(name, Hook):
        flow.flow_run_name = AroundFlow(name)


def _function(guard: AroundTask) -> Callable[..., Any]:
    """``guard`` as a function: the engine does not call a retry condition that is another kind of object."""
    made: Callable[..., Any]
    if inspect.iscoroutinefunction(guard.fn):

        async def awaited(*args: Any) -> Any:
            return await guard(*args)

        made = awaited
    else:

        def called(*args: Any) -> Any:
            return guard(*args)

        made = called
    setattr(made, _MARK, True)
    return made


arrives(AroundTask, AroundFlow)
