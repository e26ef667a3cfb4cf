"""State hooks: callables that the engine calls outside any body, when a run changes its state.

A hook is an optional step of the plan. It runs only if the plan has it, its code is the code that was read, and policy
lets it; what it does is recorded. A hook of a run that nothing governs is called as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

from govflow.governor.port import adrive, drive
from govflow.governor.step import Call, after, before
from govflow.ir.models import StepKind
from govflow.prefect.likeness import FunctionLike
from govflow.prefect.runtime import CURRENT, RUNTIME, Active


class Hook(FunctionLike):
    """A guarded hook. Called with the flow or task, its run, and the state."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Decide, then run the function."""
        active = _run_of(args)
        if active is None:
            return self.fn(*args, **kwargs)
        if inspect.iscoroutinefunction(self.fn):
            return self._in_loop(active, args, kwargs)
        grant = drive(before(active.run, self._call(active), str(uuid4())), active.port)
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

    async def _in_loop(self, active: Active, args: Any, kwargs: Any) -> Any:
        grant = await adrive(before(active.run, self._call(active), str(uuid4())), active.port)
        token = CURRENT.set(active)
        try:
            result = await self.fn(*args, **kwargs)
        except BaseException as error:
            await adrive(after(active.run, grant, type(error).__name__), active.port)
            raise
        finally:
            CURRENT.reset(token)
        await adrive(after(active.run, grant, None), active.port)
        return result

    def _call(self, active: Active) -> Call:
        # A function of the repository is known by its code; one from outside only by its name.
        name = active.bound.name_of(self.fn) or f"{self.fn.__module__}.{self.label}"
        hooks = [p.step for p in active.run.permits.values() if p.step.kind is StepKind.HOOK]
        return Call(
            step_ids=frozenset(step.step_id for step in hooks if step.callee == name),
            callee=f"hook {self.label}",
            task_run_id=f"hook-{uuid4()}",
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


def _run_of(args: tuple[Any, ...]) -> Active | None:
    """The governed run that a hook belongs to: its second argument is the flow run or the task run."""
    run = args[1] if len(args) > 1 else None
    run_id = getattr(run, "flow_run_id", None) or getattr(run, "id", None)
    return CURRENT.get() or (RUNTIME.known(str(run_id)) if run_id is not None else None)
