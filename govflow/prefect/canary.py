"""The self-test of zero-code governance: is every way to a body really watched in this process?

Each call and each engine is asked to start a body that must not start. What is asked is Prefect's own code with
govflow's in it; a stand-in for a governed run notices that a guard has looked for it, and ends the attempt there. No
server is needed: nothing gets as far as one.
"""

from __future__ import annotations

import contextvars
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from types import FunctionType, SimpleNamespace
from typing import Any, Final, cast

from prefect.context import FlowRunContext
from prefect.flow_engine import AsyncFlowRunEngine, FlowRunEngine
from prefect.flows import Flow
from prefect.task_engine import AsyncTaskRunEngine, SyncTaskRunEngine
from prefect.tasks import Task

from govflow.errors import EngineError
from govflow.prefect.patches import GENERATORS, PATCHES, Patch
from govflow.prefect.runtime import CURRENT, Active


class _Caught(BaseException):
    """A guard has looked for its run: nothing got past it."""


class _Watcher:
    """Stands in for a governed run, its flow run, and its flow: whoever looks at it is a guard."""

    def __getattr__(self, name: str) -> Any:
        raise _Caught(name)


_PENDING: Final = SimpleNamespace(is_committed=lambda: False)  # a transaction that holds no result


def prove() -> None:
    """Try every way to a body.

    Raises:
        EngineError: on some of them the body would have run unseen; it names them.
    """
    open_ways = [str(patch) for patch in PATCHES if not hasattr(patch.standing, "__wrapped__")]
    if not open_ways:  # else a call would go its way, up to a server
        open_ways = [name for name, attempt in _attempts() if not _is_caught(attempt)]
    if open_ways:
        raise EngineError(
            f"The self-test could not show that govflow sees what runs: {', '.join(open_ways)}.",
            mend="Something else in this process changes Prefect's classes too, or Prefect is not the one that was "
            "installed. Start without it, or use the decorators of govflow.prefect.",
        )


def _is_caught(attempt: Callable[[], Any]) -> bool:
    try:
        contextvars.copy_context().run(_watched, attempt)
    except _Caught:
        return True
    except Exception:  # noqa: BLE001 - whatever else happened: no guard was asked
        return False
    return False


def _watched(attempt: Callable[[], Any]) -> None:
    watcher = _Watcher()
    CURRENT.set(cast(Active, watcher))
    FlowRunContext.__var__.set(cast(Any, SimpleNamespace(flow=watcher)))
    started = attempt()
    # What a coroutine or generator does first, it does without waiting: no event loop is needed to see it.
    if inspect.isasyncgen(started):
        started = started.__anext__()
    if inspect.isgenerator(started):
        next(started)
    elif inspect.isawaitable(started):
        started.__await__().send(None)


def _attempts() -> Iterator[tuple[str, Callable[[], Any]]]:
    for name in ("__call__", "submit", "delay", "apply_async"):
        yield f"Task.{name}", getattr(_task(_plain), name)
    yield "Task.map", lambda: _task(_one).map([1])
    yield "Flow.__call__", _flow(_plain).__call__
    yield "SyncTaskRunEngine", lambda: SyncTaskRunEngine(task=_task(_plain)).call_task_fn(cast(Any, _PENDING))
    yield "AsyncTaskRunEngine", lambda: AsyncTaskRunEngine(task=_task(_waiting)).call_task_fn(cast(Any, _PENDING))
    yield "FlowRunEngine", lambda: FlowRunEngine(flow=_flow(_plain)).call_flow_fn()
    yield "AsyncFlowRunEngine", lambda: AsyncFlowRunEngine(flow=_flow(_waiting)).call_flow_fn()
    for patch in GENERATORS:
        yield patch.name, _generating(patch)


def _generating(patch: Patch) -> Callable[[], Any]:
    """Run the code of one of Prefect's generator functions with an engine in its globals that starts at once."""

    def attempt() -> Any:
        original = inspect.unwrap(patch.standing)
        engines = {name: _Engine for name in original.__globals__ if name.endswith("RunEngine")}
        own = FunctionType(original.__code__, {**original.__globals__, **engines})
        own.__defaults__, own.__kwdefaults__ = original.__defaults__, original.__kwdefaults__
        made = _task if patch.parameters[0] == "task" else _flow
        body = _streaming if inspect.isasyncgenfunction(original) else _yielding
        # What stands there is put around the copy as it was put around the original.
        return patch.around(own)(made(body))

    return attempt


class _Engine:
    """An engine that has started. Its waits and contexts are over at once, for code with ``await`` and without."""

    def __class_getitem__(cls, _: Any) -> type[_Engine]:
        return cls

    def __init__(self, **_: Any) -> None:
        self.parameters: dict[str, Any] = {}

    def is_running(self) -> bool:
        return True

    def wait_until_ready(self) -> _Ready:
        return _Ready()

    def start(self, **_: Any) -> nullcontext[None]:
        return nullcontext()

    asset_context = run_context = transaction_context = start


class _Ready:
    def __await__(self) -> Iterator[None]:
        return iter(())


def _task(fn: Any) -> Any:
    return Task(fn)


def _flow(fn: Any) -> Any:
    # Not through its constructor: that tells Prefect's analytics of a first flow.
    flow = object.__new__(Flow)
    flow.fn = fn
    flow.name = "govflow-canary"
    flow.flow_run_name = None
    flow.isasync = inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn)
    flow.isgenerator = inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn)
    return flow


def _plain() -> None: ...


def _one(x: int) -> int:
    return x


async def _waiting() -> None: ...


def _yielding() -> Iterator[int]:
    yield 1


async def _streaming() -> AsyncIterator[int]:
    yield 1
