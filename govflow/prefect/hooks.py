"""State hooks: callables that the engine calls outside any body, when a run changes its state.

A hook is a step of the plan: optional, or many where its task or flow may run more than once. It runs only if the plan
has it, its code is the code that was read, and policy lets it; what it does is recorded. A flow's hooks are called
before its run is opened (``on_running``), after it has ended, and by a runner in a process of its own
(``on_cancellation``, ``on_crashed``). There the run is judged from its plan, and what needs people is refused: nobody
can be asked. In observe mode a hook of a run that nothing governs is called as it is.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

from prefect.client.schemas.objects import FlowRun
from prefect.context import TaskRunContext

from govflow.errors import Unplanned
from govflow.governor.call import Call
from govflow.governor.port import adrive, drive
from govflow.governor.step import ALONE, CHECKS, Checks, after, before
from govflow.ir.models import StepKind
from govflow.prefect.arrival import arrives
from govflow.prefect.bodies import TaskBody
from govflow.prefect.flow_bodies import FlowBody
from govflow.prefect.likeness import FunctionLike
from govflow.prefect.remote import far
from govflow.prefect.runtime import CURRENT, RUNTIME, Active
from govflow.prefect.time_limits import uninterrupted
from govflow.telemetry import get_logger

_log = get_logger(__name__)
Place = tuple[Active, Checks]
"""The run that a call belongs to, and what the call goes through."""


class Hook(FunctionLike):
    """A guarded hook. Called with the flow or task, its run, and the state; or with a transaction."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Decide, then run the function."""
        if inspect.iscoroutinefunction(self.fn):
            return self._in_loop(args, kwargs)
        place = self._place(args, kwargs)
        if place is None:
            return self.fn(*args, **kwargs)
        active, checks = place
        grant = drive(before(active.run, self._call(active), str(uuid4()), checks), active.port)
        token = CURRENT.set(active)
        try:
            result = self.fn(*args, **kwargs)
        except BaseException as error:
            drive(after(active.run, grant, type(error).__name__), active.port)
            raise
        finally:
            CURRENT.reset(token)
        drive(after(active.run, grant, None), active.port)
        return result

    async def _in_loop(self, args: Any, kwargs: Any) -> Any:
        place = await asyncio.to_thread(self._place, args, kwargs)
        if place is None:
            return await self.fn(*args, **kwargs)
        active, checks = place
        grant = await adrive(before(active.run, self._call(active), str(uuid4()), checks), active.port)
        token = CURRENT.set(active)
        try:
            result = await self.fn(*args, **kwargs)
        except BaseException as error:
            await uninterrupted(adrive(after(active.run, grant, type(error).__name__), active.port))
            raise
        finally:
            CURRENT.reset(token)
        await adrive(after(active.run, grant, None), active.port)
        return result

    def _place(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Place | None:
        """The run that a call belongs to, and what the call goes through; None where nothing governs it.

        Raises:
            GovflowError: enforce mode, and no run lets it.
        """
        try:
            found = self._find(args, kwargs)
            if found is None and not RUNTIME.observing():
                raise Unplanned(
                    f"Hook {self.label!r} is called where no governed run has it.",
                    mend="Give it to a flow made by govflow.prefect, or to a task that such a flow calls.",
                )
        except Exception as error:
            if not RUNTIME.observing():
                raise
            _log.warning("hook.unrecorded", hook=self.label, reason=f"{type(error).__name__}: {error}")
            return None  # observing stops nothing
        return found

    def _find(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Place | None:
        return place_of(*_told(args, kwargs))

    def _call(self, active: Active) -> Call:
        # A function of the repository is known by its code; one from outside only by its name.
        name = active.bound.name_of(self.fn) or f"{self.fn.__module__}.{self.label}"
        hooks = [p.step for p in active.run.permits.values() if p.step.kind is StepKind.HOOK]
        return Call(
            step_ids=frozenset(step.step_id for step in hooks if step.callee == name),
            callee=f"hook {self.label}",
            task_run_id=f"hook-{uuid4()}",
            unbound=active.bound.exchanged(self.fn),
            parameters=dict,
        )


def guarded(hooks: Iterable[Callable[..., Any]] | None) -> list[Any]:
    """The hooks with their guards; a guarded one stays as it is."""
    return [hook if isinstance(hook, Hook) else Hook(hook) for hook in hooks or ()]


def guard_hooks(owner: Any, names: Iterable[str]) -> None:
    """Guard every hook of a flow or task."""
    for name in names:
        setattr(owner, name, guarded(getattr(owner, name)))


def adding(name: str) -> Callable[[Any, Callable[..., Any]], Callable[..., Any]]:
    """A method such as Prefect's ``on_completion``: adds a hook, guarded, and gives the function back."""

    def add(self: Any, fn: Callable[..., Any]) -> Callable[..., Any]:
        getattr(self, name).extend(guarded([fn]))
        return fn

    return add


def _told(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """The flow or task, and its run. Engines say them by position, runners by name; a transaction says neither."""
    owner = args[0] if args else kwargs.get("flow")
    run = args[1] if len(args) > 1 else kwargs.get("flow_run")
    return owner, run


def place_of(owner: Any, run: Any) -> Place | None:
    """The run that a hook of ``owner`` is of, by its id: around a subflow the current run is that of its parent."""
    of_flow = isinstance(run, FlowRun)
    run_id = getattr(run, "id" if of_flow else "flow_run_id", None)
    known = RUNTIME.known(str(run_id)) if run_id is not None else CURRENT.get()
    if known is not None:
        is_open = RUNTIME.here(known.run.facts.run_id) is known or known.lease is not None
        return known, CHECKS if is_open else ALONE
    body = getattr(owner, "fn", None)
    if of_flow and isinstance(body, FlowBody):
        return body.outside(owner, run), ALONE
    if isinstance(body, TaskBody):
        active = far(body, TaskRunContext.get())  # in a process pool, on a worker
        return None if active is None else (active, CHECKS)
    return None


arrives(Hook)
