"""Reading an audit log as it grows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from govflow.errors import StoreError
from govflow.services.verify_audit import Line, check_asked, line_of, opened
from govflow.settings import Settings

_PAUSE: Final = 0.5
"""Seconds between looks; a look at a database that nobody wrote to costs one small read."""


def follow_log(
    settings: Settings,
    count: int,
    stop: threading.Event,
    *,
    database: str | None = None,
    tenant: str | None = None,
    run_id: str | None = None,
    event: str | None = None,
) -> Iterator[Line]:
    """The last ``count`` records of one tenant, oldest first, and then each that is written, until ``stop`` is set.

    Raises:
        InputError: there is no such database.
        RequestError: ``count`` is not positive, or there is no such event.
        StoreError: it cannot be read, or the log has become shorter.
    """
    check_asked(count, event)
    name = tenant or settings.tenant
    with opened(settings, database) as store, closing(store.watch()) as watch:
        size = store.head(name).size
        last = store.tail(name, count, run_id=run_id, event=event)
        yield from (line_of(entry) for entry in last if entry.seq < size)
        while not stop.wait(_PAUSE):
            if not watch.moved():
                continue
            for entry in store.entries(name, size):
                size = entry.seq + 1
                line = line_of(entry)
                if _wanted(line, run_id, event):
                    yield line
                if stop.is_set():
                    return
            if store.head(name).size < size:
                raise StoreError(
                    f"The log had {size} records and has fewer now: it was set back.",
                    mend="Find out who did; `govflow audit verify --checkpoint FILE` says what is missing.",
                )


def _wanted(line: Line, run_id: str | None, event: str | None) -> bool:
    body = line.body or {}
    return (run_id is None or body.get("run_id") == run_id) and (event is None or body.get("event") == event)
