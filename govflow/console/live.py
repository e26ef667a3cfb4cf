"""Telling open pages that something changed: one look at the store a second for all of them, whoever has them open.

A page carries the place of the newest record at the time at which it was made, and names it when it asks to be told:
what happened between its making and its asking is told as well, and so is what happened while its connection was gone.
What a page does then is in ``static/live.js``. A message says nothing but that, and up to which place of the log.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from govflow.console.access import Here, Who
from govflow.services.decide_approvals import show_request
from govflow.services.workspace import Workspace
from govflow.store.changes import Changes, Concern
from govflow.telemetry import get_logger

router: Final = APIRouter(include_in_schema=False)

MOST: Final = 200
"""Pages that are told at once; the next one is asked to come back later."""
MOST_EACH: Final = 20
"""Pages of one person that are told at once, so that nobody takes the places of all others."""
LOOK: Final = 1.0  # seconds between two looks
LIFE: Final = 300.0  # seconds of one stream; the browser then opens another, and is asked anew who it is

CHANGED: Final = "changed"
"""Name of the message's event."""

_APPROVALS: Final = ("approval.", "ir.approval_")
_RUNS: Final = ("run.", "ir.validated_")
_PLACE: Final = 18  # digits

_log = get_logger(__name__)


class Live:
    """The pages that are open, and one task that looks for all of them; it ends with the last page."""

    def __init__(self) -> None:
        self._pages: dict[asyncio.Event, tuple[Concern, int]] = {}
        self._places: Counter[str] = Counter()
        self._looking: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self.seen = 0
        """The place of the log up to which was looked."""
        self.closing = False

    def take(self, person: str) -> bool:
        """Take a place for one more page of theirs, if there is one; :meth:`give` it back afterwards.

        Taken before the answer begins: afterwards there is no status left to refuse with.
        """
        if self.closing or self._places.total() >= MOST or self._places[person] >= MOST_EACH:
            return False
        self._places[person] += 1
        return True

    def give(self, person: str) -> None:
        """A page of theirs is told no more."""
        self._places[person] -= 1
        if not self._places[person]:
            del self._places[person]

    async def join(self, workspace: Workspace, concern: Concern, known: int = 0) -> asyncio.Event:
        """What is set when something happens from now on to what a page shows; :meth:`leave` afterwards.

        Args:
            workspace: whose store and tenant.
            concern: what the page shows.
            known: the place up to which it shows the log: a look that is still to come may find what is before it.
        """
        told = asyncio.Event()
        self._pages[told] = concern, known
        if self._looking is None or self._looking.done():
            self._begun = asyncio.Event()
            self._looking = asyncio.create_task(self._look(workspace))
        await self._begun.wait()
        return told

    def leave(self, told: asyncio.Event) -> None:
        """A page was closed."""
        self._pages.pop(told, None)

    def holds(self, told: asyncio.Event) -> bool:
        """Whether that page is still told; if not, its stream ends, and the browser asks for another."""
        return told in self._pages

    def close(self) -> None:
        """End all streams: the server is about to end, and would wait for them."""
        self.closing = True
        self._end()

    async def _look(self, workspace: Workspace) -> None:
        changes: Changes | None = None
        try:
            changes = await asyncio.to_thread(_opened, workspace)
            self._begun.set()
            while self._pages and not self.closing:
                happened = await asyncio.to_thread(changes.take)
                self.seen = changes.seen
                for told, (concern, known) in self._pages.items():
                    if concern.holds(happened, known):
                        told.set()
                await asyncio.sleep(LOOK)
        except Exception as error:  # noqa: BLE001 - pages work without being told; the next one starts another look
            _log.error("console.live_failed", kind=type(error).__name__)
            self._end()
        finally:
            self._begun.set()
            if changes is not None:
                changes.close()

    def _end(self) -> None:
        streams = tuple(self._pages)
        self._pages.clear()
        for told in streams:
            told.set()


def _opened(workspace: Workspace) -> Changes:
    return workspace.store.changes(workspace.settings.tenant)


def live_of(request: Request) -> Live:
    """The one of the application that answers."""
    live: Live = request.app.state.live
    return live


def end_streams(application: FastAPI) -> None:
    """End the streams of all pages that are open, for good; to be called in the application's event loop."""
    application.state.live.close()


def seen(workspace: Here) -> int:
    """The place of the newest record, read before anything that a page shows."""
    return workspace.store.newest(workspace.settings.tenant)


Seen = Annotated[int, Depends(seen)]
"""The type of a route's argument for :func:`seen`."""

Id = Annotated[str, Query(max_length=200)]


def concern(
    _who: Who,
    workspace: Here,
    about: Literal["requests", "runs"] = "requests",
    request_id: Id = "",
    run_id: Id = "",
) -> Concern:
    """What a page shows: a request, a run with all that the log has of it, or one of the lists."""
    if request_id:
        return Concern(_APPROVALS, show_request(workspace, request_id).request.binding.run_id)
    if run_id:
        return Concern(("",), run_id)
    return Concern(_APPROVALS if about == "requests" else _RUNS)


async def room(who: Who, live: Annotated[Live, Depends(live_of)]) -> AsyncIterator[Live]:
    """The live pages with a place for one more, for as long as the answer takes."""
    if not live.take(who.principal.name):
        raise HTTPException(503, "So many pages are open that no more are told of changes.", {"retry-after": "60"})
    try:
        yield live
    finally:
        live.give(who.principal.name)


def place(
    since: Annotated[int | None, Query(ge=0, lt=10**_PLACE)] = None,
    last_event_id: Annotated[str, Header()] = "",
) -> int | None:
    """Up to where the page knows the log: what it was told last, else where it was made."""
    told = last_event_id if len(last_event_id) <= _PLACE else ""
    return int(told) if told.isascii() and told.isdecimal() else since


@router.get("/live", name="live", response_class=EventSourceResponse)
async def live(
    workspace: Here,
    about: Annotated[Concern, Depends(concern)],
    pages: Annotated[Live, Depends(room)],
    known: Annotated[int | None, Depends(place)],
) -> AsyncIterator[ServerSentEvent]:
    """A message each time that something changed, for as long as a stream lives."""
    clock = asyncio.get_running_loop().time
    ends = clock() + LIFE
    told = await pages.join(workspace, about, known or 0)
    try:
        if known is not None and (newest := await asyncio.to_thread(_missed, workspace, about, known)) is not None:
            yield ServerSentEvent(event=CHANGED, id=str(newest))
        while await _told(told, ends - clock()) and pages.holds(told):
            told.clear()
            yield ServerSentEvent(event=CHANGED, id=str(pages.seen))
    finally:
        pages.leave(told)


async def _told(told: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await told.wait()
    except TimeoutError:
        return False


def _missed(workspace: Workspace, about: Concern, known: int) -> int | None:
    """Up to where the log was read, if the page missed something of its concern; None if not."""
    store, tenant = workspace.store, workspace.settings.tenant
    newest = store.newest(tenant)  # before the look: what comes between the two is told once more rather than never
    return newest if newest > known and store.missed(tenant, about, known) else None
