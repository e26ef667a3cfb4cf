"""Hearing from Prefect's event feed that a run was touched: one connection for all waiting runs of a process.

An event is only a hint to look. A server without a feed, or one that refuses the connection, costs time and nothing
else: the runs are looked at more often.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self
from uuid import UUID

from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter

_PREFIX: Final = "prefect.flow-run."
_NO_CHANGE: Final = ("prefect.flow-run.heartbeat", "prefect.flow-run.AwaitingApproval")
_SETTLE: Final = 0.25  # seconds in which more runs may join before the feed is asked for them
_AGAIN: Final = 5.0  # seconds before a feed that could not be had is tried again
_NAMED: Final = 2000  # runs that a filter names; with more, all runs of the server are heard

_log = logging.getLogger(__name__)


class Listener:
    """Calls ``heard`` with the id of a run that is followed, from a thread of its own.

    Attributes:
        hears: whether events of the runs that are followed arrive.
        times: how often the feed was had; what happened before it was there is not in it.
    """

    def __init__(self, heard: Callable[[UUID], None]) -> None:
        self.hears = False
        self.times = 0
        self._heard = heard
        self._runs: frozenset[UUID] = frozenset()
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._ending = False
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._listen,), name="govflow-listener", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._tell()

    def follow(self, runs: set[UUID]) -> None:
        """Hear of exactly these runs from now on."""
        if runs != self._runs:
            more = not runs <= self._runs
            self._runs = frozenset(runs)
            if more:  # of those that left nothing is expected
                self.hears = False
                self._tell()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._changed.set)

    def _listen(self) -> None:
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        while not self._ending:
            await self._changed.wait()
            await asyncio.sleep(_SETTLE if self.times else 0)
            self._changed.clear()
            while self._runs and not self._changed.is_set():
                await self._until_changed()

    async def _until_changed(self) -> None:
        hearing = asyncio.ensure_future(self._hear(self._runs))
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({hearing, changed}, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done() and not changed.done():
                _log.debug("the event feed was lost: %r", hearing.exception())
                self.hears = False
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), _AGAIN)
        finally:
            for task in (hearing, changed):
                task.cancel()
            await asyncio.gather(hearing, changed, return_exceptions=True)

    async def _hear(self, runs: frozenset[UUID]) -> None:
        named = None
        if len(runs) <= _NAMED:
            named = EventResourceFilter(id=[f"{_PREFIX[:-1]}.{run}" for run in runs])
        wanted = EventFilter(event=EventNameFilter(prefix=[_PREFIX]), resource=named)
        async with get_events_subscriber(filter=wanted, reconnection_attempts=0) as events:
            self.hears = True
            self.times += 1
            async for event in events:
                run_id = event.resource.id.removeprefix(_PREFIX)
                if event.event not in _NO_CHANGE:
                    with suppress(ValueError):
                        self._heard(UUID(run_id))
