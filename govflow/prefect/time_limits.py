"""A task's time limit, counted from when its body may run.

Prefect counts from when the task run starts. For a step that people have to approve, their time would count too, and
the run would fail while they read. Such a step is handed to the engine without a limit; the same limit, with Prefect's
own means, holds for its body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio
from prefect.utilities.timeout import timeout, timeout_async

T = TypeVar("T")


class BodyTimeout(TimeoutError):
    """The body took longer than its task allows."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Limit a body in this thread; no limit for None.

    Raises:
        BodyTimeout: the time is over. Prefect makes it the state TimedOut, as for its own limit.
    """
    try:
        with timeout(seconds=seconds, timeout_exc_type=BodyTimeout):
            yield
    except BodyTimeout as error:
        raise BodyTimeout(f"Task run exceeded timeout of {seconds} second(s)") from error


@contextmanager
def async_time_limit(seconds: float | None) -> Iterator[None]:
    """Limit a body of this event loop; as :func:`time_limit`."""
    try:
        with timeout_async(seconds=seconds, timeout_exc_type=BodyTimeout):
            yield
    except BodyTimeout as error:
        raise BodyTimeout(f"Task run exceeded timeout of {seconds} second(s)") from error


async def uninterrupted(awaited: Awaitable[T]) -> T:
    """Wait for what has to happen after a body, also after one that a limit ended: that cancels every later wait."""
    with anyio.CancelScope(shield=True):
        result = await awaited
    return result
