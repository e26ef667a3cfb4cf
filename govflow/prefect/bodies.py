"""The body seam: what the engine calls instead of a task's function.

A governed task keeps its function inside one of these callables. The engine calls ``task.fn`` on every path there is
(direct, submitted, mapped, retried, in a generator), so a body that was not cleared at its call site does not run.
They are importable classes: where govflow is not installed they cannot be unpickled, and nothing runs.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Hashable, Mapping
from contextvars import Token
from typing import Any
from uuid import uuid4

from prefect.client.schemas.objects import TaskRun
from prefect.context import TaskRunContext
from prefect.utilities.callables import parameters_to_args_kwargs

from govflow.errors import Refused, Unplanned
from govflow.governor.call import Call, Grant
from govflow.governor.conformance import never
from govflow.governor.port import Steps, adrive, drive
from govflow.governor.run import close_run
from govflow.governor.step import REUSE, after, before
from govflow.governor.step_records import write_intent, write_outcome
from govflow.governor.warm import warm
from govflow.ir.models import StepKind, Tier
from govflow.prefect.arrival import arrives
from govflow.prefect.background import body_call
from govflow.prefect.decided import decided_before, granted, remember
from govflow.prefect.following import is_same_object, named_inputs
from govflow.prefect.likeness import FunctionLike
from govflow.prefect.options import Governance
from govflow.prefect.remote import far, is_away, is_detached
from govflow.prefect.runtime import CURRENT, RUNTIME, Active
from govflow.prefect.sites import OUTER
from govflow.prefect.time_limits import async_time_limit, time_limit, uninterrupted

UNMARKED: frozenset[str] = frozenset()


class TaskBody(FunctionLike):
    """A guarded function. ``step_ids`` are the planned steps of the call site; empty for a task that has no site.

    ``marked`` says that it was cleared at a call site, ``enforced`` that it was in a run that is enforced, or came out
    of one: it is so in whatever process it runs, and whatever that process was told.
    """

    def __init__(self, fn: Callable[..., Any], step_ids: frozenset[str] = UNMARKED, fan_out: int | None = None) -> None:
        super().__init__(fn)
        self.step_ids = step_ids
        self.fan_out = fan_out
        self.marked = False
        self.enforced = False
        self.refused: Refused | None = None  # what the call seam says of one call
        self.seconds: float | None = None  # the time limit of the task, where the engine must not count the wait

    def __copy__(self) -> TaskBody:
        body = object.__new__(type(self))
        body.__dict__.update(self.__dict__)
        return body

    def __getstate__(self) -> dict[str, Any]:
        """Sent past its task out of an enforced run, it is no more a plain function elsewhere than it is there."""
        if self.marked or not RUNTIME.enforcing():
            return self.__dict__
        return {**self.__dict__, "enforced": True}

    def at(self, step_ids: frozenset[str], fan_out: int | None, *, enforced: bool = False) -> TaskBody:
        """The same body, marked with its call site."""
        body = type(self)(self.fn, step_ids, fan_out)
        body.marked, body.enforced = True, enforced
        body._bind_as(self)
        return body

    def refuse(self, why: Refused) -> TaskBody:
        """The same body for one call that must not run."""
        body = copy.copy(self)
        body.refused = why
        return body

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Decide, then run the function."""
        again = decided_before(self, args, kwargs)
        if again is not None:
            decided, attempt, run_id = again
            decided.fill(decided.intent, attempt, run_id)
            try:
                result = self.fn(*args, **kwargs)
            except BaseException as error:
                _end(decided.active, granted(decided, self, attempt, run_id), type(error).__name__)
                raise
            decided.fill(decided.outcome, attempt, run_id)
            return result
        active, context = self._here()
        if is_away(active, context):
            active = far(self, context)
        call = self._call(active, context, args, kwargs)
        if active is None or call is None:
            return self.fn(*args, **kwargs)
        grant = self._begin(active, call)
        place = _enter_place(active, grant)
        try:
            with time_limit(self.seconds):
                result = self.fn(*args, **kwargs)
        except BaseException as error:
            _end(active, grant, type(error).__name__)
            raise
        finally:
            _leave_place(place)
        _end(active, grant, None)
        return result

    def _begin(self, active: Active, call: Call) -> Grant:
        grant = warm(active.run, call)
        if grant is None:
            return drive(before(active.run, call, str(uuid4())), active.port)
        write_intent(active.run, grant, active.port)
        remember(active, self, grant)
        return grant

    async def _abegin(self, active: Active, call: Call) -> Grant:
        grant = warm(active.run, call)
        if grant is None:
            return await adrive(before(active.run, call, str(uuid4())), active.port)
        write_intent(active.run, grant, active.port)
        remember(active, self, grant)
        return grant

    def reused(self, parameters: dict[str, Any]) -> tuple[Active, Steps[Any]] | None:
        """What is asked and recorded where the engine hands out a kept result instead of calling this.

        None where nothing governs it. May wait for the database.
        """
        args, kwargs = parameters_to_args_kwargs(self, parameters)
        active, context = self._here()
        if is_away(active, context):
            active = far(self, context)
        call = self._call(active, context, args, kwargs)
        return None if active is None or call is None else (active, before(active.run, call, "", REUSE))

    def _here(self) -> tuple[Active | None, TaskRunContext | None]:
        """The run of this process that this is called in, and the task run if the engine calls."""
        context = TaskRunContext.get()
        if context is not None and context.task.fn is not self:
            context = None  # of another task, whose body calls this function
        return CURRENT.get() or RUNTIME.receiver(self.fn), context

    def _call(
        self, active: Active | None, context: TaskRunContext | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Call | None:
        """The call that this is; None when nothing governs it and nothing forbids it.

        Raises:
            Unplanned: enforce mode, and the body is called around its task or outside a governed flow.
        """
        if active is None:
            if self.enforced or RUNTIME.enforcing() or (TaskRunContext.get() is not None and not RUNTIME.observing()):
                raise Unplanned(
                    f"Task {self.label!r} runs where no governed flow has let it.",
                    mend="Call it from a flow made by govflow.prefect.",
                )
            return None
        if context is None:
            return self._around(active)
        task_run = context.task_run
        if active.background and str(task_run.id) == active.run.facts.run_id:
            return body_call(active.run)
        call = self.call_of(active, context.task, str(task_run.id), task_run.run_count, args, kwargs, task_run)
        if call.step_ids:
            active.run.followed.saw(task_run.id, call.step_ids)
        return call

    def call_of(
        self,
        active: Active,
        task: Any,
        task_run_id: str,
        attempt: int,
        args: Any,
        kwargs: Mapping[str, Any],
        task_run: TaskRun | None = None,
    ) -> Call:
        """This body, called with these arguments, as the governor sees it. Without a task run it is not called yet."""
        step_ids, unbound = self._fitting(active)
        named = () if task_run is None else named_inputs(task_run)
        return Call(
            step_ids=step_ids,
            callee=self.label,
            task_run_id=task_run_id,
            attempt=attempt,
            fan_out=self.fan_out,
            unbound=unbound,
            refused=self.refused,
            named=named,
            is_same=functools.partial(self.is_same, args, kwargs) if named else never,
            parameters=functools.partial(self._bound_parameters, args, kwargs),
            declared=functools.partial(self._declared, task),
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
        if active.lease is not None and (stale := active.bound.carries_other(self.fn)):
            return self.step_ids, stale
        other = ""
        fitting = []
        if not self.marked and is_detached(active):
            # A worker that serves tasks has its own object of this one: any call of it in the plan may have asked.
            steps = (permit.step for permit in active.run.permits.values())
            return frozenset(step.step_id for step in steps if step.kind is StepKind.TASK and step.callee == name), None
        for step_id in self.step_ids:
            permit = active.run.permits.get(step_id)
            if permit is None or permit.step.kind is StepKind.UNRESOLVED or permit.step.callee == name:
                fitting.append(step_id)
            else:
                other = permit.step.callee
        if len(fitting) == len(self.step_ids):
            return self.step_ids, active.bound.exchanged(self.fn)
        if fitting:
            return frozenset(fitting), active.bound.exchanged(self.fn)
        if name is None:
            return self.step_ids, f"{self.label} in memory is not in the source that was read"
        return self.step_ids, f"{name} stands where the plan has {other}"

    def _declared(self, task: Any) -> dict[str, Any]:
        """What the task says of itself, for a site at which the plan could not say which task is called."""
        governance = getattr(task, "governance", None) or Governance()
        said = {name: getattr(governance, name) for name in Governance.__dataclass_fields__}
        known = {name: value for name, value in said.items() if value is not None}
        if "tier" in known:
            known["tier"] = Tier(known["tier"])
        return {**known, "callee": self.label}

    def is_same(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], parameter: str, run_id: Hashable) -> bool:
        """Whether the engine knows a parameter's value for the very object that a run returned."""
        return is_same_object(self._bound_parameters(args, kwargs).get(parameter), run_id)

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
        again = decided_before(self, args, kwargs)
        if again is not None:
            decided, attempt, run_id = again
            decided.fill(decided.intent, attempt, run_id)
            try:
                result = await self.fn(*args, **kwargs)
            except BaseException as error:
                await _aend(decided.active, granted(decided, self, attempt, run_id), type(error).__name__)
                raise
            decided.fill(decided.outcome, attempt, run_id)
            return result
        active, context = self._here()
        if is_away(active, context):
            active = await asyncio.to_thread(far, self, context)
        call = self._call(active, context, args, kwargs)
        if active is None or call is None:
            return await self.fn(*args, **kwargs)
        grant = await self._abegin(active, call)
        place = _enter_place(active, grant)
        try:
            with async_time_limit(self.seconds):
                result = await self.fn(*args, **kwargs)
        except BaseException as error:
            await _aend(active, grant, type(error).__name__)
            raise
        finally:
            _leave_place(place)
        await _aend(active, grant, None)
        return result


class GeneratorTaskBody(TaskBody):
    """A guarded generator function: decided before the first value, recorded after the last."""

    def __call__(self, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        """Decide, then run the function."""
        active, context = self._here()
        if is_away(active, context):
            active = far(self, context)
        call = self._call(active, context, args, kwargs)
        if active is None or call is None:
            return (yield from self.fn(*args, **kwargs))
        grant = self._begin(active, call)
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
        active, context = self._here()
        if is_away(active, context):
            active = await asyncio.to_thread(far, self, context)
        call = self._call(active, context, args, kwargs)
        if active is None or call is None:
            async for value in self.fn(*args, **kwargs):
                yield value
            return
        grant = await self._abegin(active, call)
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


_Place = tuple[Token[Any] | None, Token[Any] | None]


def _enter_place(active: Active, grant: Grant) -> _Place:
    """Say where the calls that this body makes stand, and in which run where this thread does not say so."""
    sites = active.bound.sites
    outer = sites.nesting.get(grant.step_id) if sites is not None else None
    place = None if outer is None else OUTER.set(outer)
    if CURRENT.get() is active:
        return place, None
    RUNTIME.entered(active)
    return place, CURRENT.set(active)


def _leave_place(place: _Place) -> None:
    outer, current = place
    if outer is not None:
        OUTER.reset(outer)
    if current is not None:
        active = CURRENT.get()
        CURRENT.reset(current)
        if active is not None:
            RUNTIME.left(active)


def _end(active: Active, grant: Grant, failed: str | None) -> None:
    if grant.waits or active.background:
        drive(_ending(active, grant, failed), active.port)
    else:
        write_outcome(active.run, grant, active.port, failed)


def _ending(active: Active, grant: Grant, failed: str | None) -> Steps[None]:
    """The outcome; and the end of the run where the body is all of it."""
    yield from after(active.run, grant, failed)
    if active.background and grant.call.task_run_id == active.run.facts.run_id:
        yield from close_run(active.run, failed=failed)


async def _aend(active: Active, grant: Grant, failed: str | None) -> None:
    if grant.waits or active.background:
        await uninterrupted(adrive(_ending(active, grant, failed), active.port))
    else:
        write_outcome(active.run, grant, active.port, failed)


arrives(TaskBody, AsyncTaskBody, GeneratorTaskBody, AsyncGeneratorTaskBody)
