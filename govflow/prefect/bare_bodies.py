"""Tasks and flows of plain Prefect inside a governed run.

Nothing looks up their calls unless [zero code](../../docs/zero-code.md) is on, and they hold no guard. Where the engine
takes one up while a governed run is open, it gets a guard that no call has marked: it is in no plan, so enforce mode
does not run it, and observe mode says so. Outside governed runs Prefect is as it was.

Governed ones come through here too, also where nobody called them by name (a worker, a runner): what the engine calls
around their bodies gets its guard.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from prefect import flow_engine, task_engine

from govflow.prefect.bodies import TaskBody
from govflow.prefect.flow_bodies import FlowBody
from govflow.prefect.instrumentation import is_instrumented
from govflow.prefect.runtime import CURRENT
from govflow.prefect.seams import guarded_flow, guarded_task

_WATCHED: Final = "_govflow_guards_bare_bodies"


def guard_bare_bodies() -> None:
    """Put the guards into Prefect's engines, once for a process."""
    if getattr(task_engine, _WATCHED, False):
        return
    _take_up(task_engine.BaseTaskRunEngine, "task", guarded_task, TaskBody)
    _take_up(flow_engine.BaseFlowRunEngine, "flow", guarded_flow, FlowBody)
    # Generators are not called by their engine: what starts one is given the guarded task or flow.
    _start(task_engine, "task", guarded_task, TaskBody)
    _start(flow_engine, "flow", guarded_flow, FlowBody)
    setattr(task_engine, _WATCHED, True)


def _is_watched() -> bool:
    """Whether a governed run is open here, in a process whose seams of zero code do not see to all of it."""
    return CURRENT.get() is not None and not is_instrumented()


def _take_up(engine: Any, held: str, guard: Callable[[Any], Any], kind: type[Any]) -> None:
    original: Callable[[Any], None] = engine.__post_init__

    def take_up(self: Any) -> None:  # no functools.wraps: the self-test of zero code looks for its own wrappers
        made = getattr(self, held)
        if made is not None and not getattr(made.fn, "marked", False) and (isinstance(made.fn, kind) or _is_watched()):
            setattr(self, held, guard(made))
        original(self)

    engine.__post_init__ = take_up


def _start(module: Any, held: str, guard: Callable[[Any], Any], kind: type[Any]) -> None:
    original: Callable[..., Any] = getattr(module, f"run_{held}")

    @functools.wraps(original)
    def start(*args: Any, **kwargs: Any) -> Any:
        made = args[0] if args else kwargs.get(held)
        if made is not None and (isinstance(made.fn, kind) or _is_watched()):
            if args:
                args = (guard(made), *args[1:])
            else:
                kwargs[held] = guard(made)
        return original(*args, **kwargs)

    setattr(module, f"run_{held}", start)
