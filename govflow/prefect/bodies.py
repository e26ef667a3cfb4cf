"""The body seam: what the engine calls instead of a task's function.

A governed task keeps its function inside one of these callables. The engine calls ``task.fn`` on every path there is
(direct, submitted, mapped, retried, in a generator), so a body that was not cleared at its call site does not run.
They are importable classes: where govflow is not installed they cannot be unpickled, and nothing runs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextvars import Token
from typing import Any
from uuid import uuid4

from prefect.context import TaskRunContext

from govflow.errors import Unplanned
from govflow.governor.port import adrive, drive
from govflow.governor.step import Call, Grant, after, before, intent_record, outcome_record, warm
from govflow.ir.models import StepKind, Tier
from govflow.prefect.likeness import FunctionLike
from govflow.prefect.options import Governance
from govflow.prefect.runtime import CURRENT, RUNTIME, Active
from govflow.prefect.sites import OUTER, Position
from govflow.prefect.time_limits import async_time_limit, time_limit

UNMARKED: frozenset[str] = frozenset()


class TaskBody(FunctionLike):
    """A guarded function. ``step_ids`` are the planned steps of the call site; empty for a task that has no site."""

    def __init__(self, fn: Callable[..., Any], step_ids: frozenset[str] = UNMARKED, fan_out: int | None = None) -> None:
        super().__init__(fn)
        self.step_ids = step_ids
        self.fan_out = fan_out
        self.seconds: float | None = None  # the time limit of the task, where the engine must not count the wait

    def at(self, step_ids: frozenset[str], fan_out: int | None) -> TaskBody:
        """The same body, marked with its call site."""
        body = type(self)(self.fn, step_ids, fan_out)
        body._bind_as(self)
        return body

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Decide, then run the function."""
        entry = self._enter(args, kwargs)
        if entry is None:
            return self.fn(*args, **kwargs)
        active, call = entry
        grant = _begin(active, call)
        place = _enter_place(active, grant)
        try:
            with time_limit(self.seconds):
                result = self.fn(*args, **kwargs)
        except BaseException as error:
            _end(active, grant, type(error).__name__)
            raise
        finally:
            if place is not None:
                OUTER.reset(place)
        _end(active, grant, None)
        return result

    def _enter(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Active, Call] | None:
        """The run and the call that this is; None when nothing governs it and nothing forbids it.

        Raises:
            Unplanned: enforce mode, and the body is called around its task or outside a governed flow.
        """
        active = CURRENT.get() or RUNTIME.receiver(self.fn)
        context = TaskRunContext.get()
        own = context is not None and context.task.fn is self
        if active is None:
            if RUNTIME.enforcing() or (context is not None and RUNTIME.workspace().mode == "enforce"):
                raise Unplanned(
                    f"Task {self.label!r} runs where no governed flow of this process has let it.",
                    mend="Call it from a flow made by govflow.prefect, with a task runner that uses threads.",
                )
            return None
        if context is None or not own:
            return active, self._around(active)
        task_run = context.task_run
        step_ids, unbound = self._fitting(active)
        return active, Call(
            step_ids=step_ids,
            callee=self.label,
            task_run_id=str(task_run.id),
            attempt=task_run.run_count,
            fan_out=self.fan_out,
            unbound=unbound,
            parameters=functools.partial(self._bound_parameters, args, kwargs),
            declared=functools.partial(self._declared, context),
        )

    def _around(self, active: Active) -> Call:
        """A call of the function itself, past its task: planned nowhere."""
        return Call(step_ids=UNMARKED, callee=f"{self.label}.fn", task_run_id=f"direct-{uuid4()}")

    def _fitting(self, active: Active) -> tuple[frozenset[str], str | None]:
        """The candidates of the call site whose body this is; if there is none, why not.

        Where nobody could read which task is called (an unresolved step), any may stand: it is judged by what it
        declares.
        """
        name = active.bound.name_of(self.fn)
        other = ""
        fitting = []
        for step_id in self.step_ids:
            permit = active.run.permits.get(step_id)
            if permit is None or permit.step.kind is StepKind.UNRESOLVED or permit.step.callee == name:
                fitting.append(step_id)
            else:
                other = permit.step.callee
        if len(fitting) == len(self.step_ids):
            return self.step_ids, None
        if fitting:
            return frozenset(fitting), None
        if name is None:
            return self.step_ids, f"{self.label} in memory is not in the source that was read"
        return self.step_ids, f"{name} stands where the plan has {other}"

    def _declared(self, context: TaskRunContext) -> dict[str, Any]:
        """What the task says of itself, for a site at which the plan could not say which task is called."""
        governance = getattr(context.task, "governance", None) or Governance()
        said = {name: getattr(governance, name) for name in Governance.__dataclass_fields__}
        known = {name: value for name, value in said.items() if value is not None}
        if "tier" in known:
            known["tier"] = Tier(known["tier"])
        return {**known, "callee": self.label}

    def _bound_parameters(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        bound = self.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        values = dict(bound.arguments)
        if self.is_bound:
            values.pop(next(iter(self.__signature__.parameters)), None)  # the instance is not a parameter of the step
        return values


class AsyncTaskBody(TaskBody):
    """A guarded coroutine function. The event loop never waits for the database or for people."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Decide, then run the function."""
        entry = self._enter(args, kwargs)
        if entry is None:
            return await self.fn(*args, **kwargs)
        active, call = entry
        grant = await _abegin(active, call)
        place = _enter_place(active, grant)
        try:
            with async_time_limit(self.seconds):
                result = await self.fn(*args, **kwargs)
        except BaseException as error:
            await _aend(active, grant, type(error).__name__)
            raise
        finally:
            if place is not None:
                OUTER.reset(place)
        await _aend(active, grant, None)
        return result


class GeneratorTaskBody(TaskBody):
    """A guarded generator function: decided before the first value, recorded after the last."""

    def __call__(self, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        """Decide, then run the function."""
        entry = self._enter(args, kwargs)
        if entry is None:
            return (yield from self.fn(*args, **kwargs))
        active, call = entry
        grant = _begin(active, call)
        try:
            result = yield from self.fn(*args, **kwargs)
        except BaseException as error:
            _end(active, grant, type(error).__name__)
            raise
        _end(active, grant, None)
        return result


class AsyncGeneratorTaskBody(TaskBody):
    """A guarded async generator function."""

    async def __call__(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        """Decide, then run the function."""
        entry = self._enter(args, kwargs)
        if entry is None:
            async for value in self.fn(*args, **kwargs):
                yield value
            return
        active, call = entry
        grant = await _abegin(active, call)
        try:
            async for value in self.fn(*args, **kwargs):
                yield value
        except BaseException as error:
            await _aend(active, grant, type(error).__name__)
            raise
        await _aend(active, grant, None)


def task_body(fn: Callable[..., Any]) -> TaskBody:
    """The guard that fits the kind of ``fn``."""
    if inspect.isasyncgenfunction(fn):
        return AsyncGeneratorTaskBody(fn)
    if inspect.iscoroutinefunction(fn):
        return AsyncTaskBody(fn)
    if inspect.isgeneratorfunction(fn):
        return GeneratorTaskBody(fn)
    return TaskBody(fn)


def _enter_place(active: Active, grant: Grant) -> Token[tuple[Position, ...]] | None:
    """Say where the calls that this body makes stand; only for a step below which others are planned."""
    sites = active.bound.sites
    outer = sites.nesting.get(grant.step_id) if sites is not None else None
    return None if outer is None else OUTER.set(outer)


def _begin(active: Active, call: Call) -> Grant:
    grant = warm(active.run, call)
    if grant is None:
        return drive(before(active.run, call, str(uuid4())), active.port)
    active.port.append(intent_record(active.run, grant, active.port.now()), durable=False)
    return grant


def _end(active: Active, grant: Grant, failed: str | None) -> None:
    if grant.waits:
        drive(after(active.run, grant, failed), active.port)
    else:
        active.port.append(outcome_record(active.run, grant, active.port.now(), failed), durable=False)


async def _abegin(active: Active, call: Call) -> Grant:
    grant = warm(active.run, call)
    if grant is None:
        return await adrive(before(active.run, call, str(uuid4())), active.port)
    active.port.append(intent_record(active.run, grant, active.port.now()), durable=False)
    return grant


async def _aend(active: Active, grant: Grant, failed: str | None) -> None:
    if grant.waits:
        await adrive(after(active.run, grant, failed), active.port)
    else:
        active.port.append(outcome_record(active.run, grant, active.port.now(), failed), durable=False)
