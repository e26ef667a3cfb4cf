"""Cache hits: the engine hands out a result that it kept, and no body is called that could ask.

So the question is asked where the engine chooses between the two. A call that is not planned, or that policy denies,
gets no kept result either; people are not asked, because nothing is done. On record it is ``step.cached``.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, Final

from prefect.task_engine import AsyncTaskRunEngine, SyncTaskRunEngine

from govflow.errors import EngineError
from govflow.governor.port import adrive, drive
from govflow.prefect.bodies import TaskBody

NAME: Final = "call_task_fn"
_MARK: Final = "_govflow_watches_cache"


def watch_cache_hits() -> None:
    """From now on the engines of this process ask before they hand out a kept result. Calling it again changes nothing.

    Raises:
        EngineError: Prefect's engines are not those that this was written for.
    """
    _put(SyncTaskRunEngine, _watched)
    _put(AsyncTaskRunEngine, _awatched)


def _put(engine: type[Any], watched: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    original = vars(engine).get(NAME)
    if getattr(original, _MARK, False):
        return
    if original is None or list(inspect.signature(original).parameters) != ["self", "transaction"]:
        raise EngineError(
            f"Prefect's {engine.__name__} has no {NAME}(transaction): cache hits could not be recorded.",
            mend="Install a version of Prefect that this version of govflow supports: govflow doctor names them.",
        )
    other = watched(original)
    other.__doc__ = original.__doc__  # no `__wrapped__`: by that the self-test of zero code knows its own
    setattr(other, _MARK, True)
    setattr(engine, NAME, other)


def _watched(original: Callable[..., Any]) -> Callable[..., Any]:
    def call_task_fn(self: Any, transaction: Any) -> Any:
        body = self.task.fn
        if isinstance(body, TaskBody) and transaction.is_committed():
            found = body.reused(self.parameters or {})
            if found is not None:
                active, steps = found
                drive(steps, active.port)
        return original(self, transaction)

    return call_task_fn


def _awatched(original: Callable[..., Any]) -> Callable[..., Any]:
    async def call_task_fn(self: Any, transaction: Any) -> Any:
        body = self.task.fn
        if isinstance(body, TaskBody) and transaction.is_committed():
            found = await asyncio.to_thread(body.reused, self.parameters or {})
            if found is not None:
                active, steps = found
                await adrive(steps, active.port)
        return await original(self, transaction)

    return call_task_fn
