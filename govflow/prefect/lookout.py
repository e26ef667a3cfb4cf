"""Looking out for all waiting requests of a process at once: one thread, however many runs wait.

What people decide stands in the governance store, so the store is asked: whether anything was written at all, twenty
times a second, which reads no table; only if so, or once a second, one statement for all runs. Prefect is told of
changes by its own events (:mod:`govflow.prefect.listener`) and asked rarely, in one request for up to 200 runs.
"""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL

from govflow.approval.models import ApprovalRequest
from govflow.prefect.listener import Listener
from govflow.store import Store
from govflow.store.watch import Watch
from govflow.telemetry import get_logger

TICK: Final = 0.05  # seconds between two looks at whether the store was written to
RECHECK: Final = 1.0  # seconds after which the requests are read although nothing seems to have been written
ASK_PREFECT: Final = (2.0, 30.0)  # seconds between two looks at Prefect while its events arrive: first, longest
ASK_PREFECT_DEAF: Final = 1.0  # seconds between two looks while they do not, for each hundred runs
LOST: Final = 10.0  # seconds without a look after which nobody counts on this thread any more
_PAGE: Final = 200

_log = get_logger(__name__)


class Watched(Protocol):
    """A flow run that is waited for."""

    flow_run_id: UUID

    def seen(self, state: State[Any] | None) -> None:
        """Prefect says that this is the state of the run."""

    def stirred(self) -> None:
        """Prefect says that something happened to the run."""

    def asked(self, pending: Sequence[str]) -> None:
        """The store says that these requests of the run are pending, in whichever process they wait."""


@dataclass(eq=False)
class Waiter:
    """A thread that waits for one request."""

    request: ApprovalRequest
    run: Watched
    event: threading.Event = field(default_factory=threading.Event)


class Lookout:
    """For one store and one Prefect server. Its threads live as long as anybody waits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._waiters: dict[str, Waiter] = {}
        self._running = False
        self._turned = time.monotonic()  # when it last looked

    def looks(self) -> bool:
        """Whether it still looks; a store or a server that hangs may hold it."""
        return self._running and time.monotonic() - self._turned < LOST

    def add(self, waiter: Waiter) -> None:
        """Wake ``waiter`` once its request is not pending any more, is due, or its run has stirred."""
        with self._lock:
            self._waiters[waiter.request.request_id] = waiter
            if not self._running:
                self._running, self._turned = True, time.monotonic()
                # Settings of Prefect are context variables: the thread asks the server that the waiter would ask.
                context = contextvars.copy_context()
                threading.Thread(target=context.run, args=(self._run,), name="govflow-lookout", daemon=True).start()

    def remove(self, waiter: Waiter) -> None:
        """Nobody waits for that request any more."""
        with self._lock:
            self._waiters.pop(waiter.request.request_id, None)

    def _run(self) -> None:
        try:
            with Listener(self._stirred) as listener, get_client(sync_client=True) as client:
                self._look_until_nobody_waits(listener, client)
        except Exception as error:  # noqa: BLE001 - whoever waits looks by itself now and then
            _log.warning("lookout.lost", reason=f"{type(error).__name__}: {error}")
            with self._lock:
                self._running = False

    def _look_until_nobody_waits(self, listener: Listener, client: SyncPrefectClient) -> None:
        watch = self._store.watch()
        read, asked, pause, times = 0.0, time.monotonic(), ASK_PREFECT[0], 0
        try:
            while waiters := self._waiting():
                listener.follow({waiter.run.flow_run_id for waiter in waiters})
                now = self._turned = time.monotonic()
                if watch.moved() or now - read >= RECHECK:
                    _wake_decided(watch, waiters)
                    read = now
                if listener.times != times:  # what happened before the feed was there
                    times, asked = listener.times, 0.0
                if now - asked >= (pause if listener.hears else _deaf_pause(waiters)):
                    _ask(client, waiters)
                    asked, pause = time.monotonic(), min(2 * pause, ASK_PREFECT[1])
                time.sleep(TICK)
        finally:
            watch.close()

    def _waiting(self) -> list[Waiter]:
        """Who waits; with nobody left this thread is the last word, and the next waiter starts another."""
        with self._lock:
            self._running = bool(self._waiters)
            return list(self._waiters.values())

    def _stirred(self, flow_run_id: UUID) -> None:
        with self._lock:
            runs = {waiter.run for waiter in self._waiters.values() if waiter.run.flow_run_id == flow_run_id}
        for run in runs:
            run.stirred()


def _wake_decided(watch: Watch, waiters: list[Waiter]) -> None:
    by_tenant: dict[str, dict[str, Watched]] = {}
    for waiter in waiters:
        binding = waiter.request.binding
        by_tenant.setdefault(binding.tenant, {})[binding.run_id] = waiter.run
    pending: set[str] = set()
    for tenant, runs in by_tenant.items():
        for run_id, request_ids in watch.pending(tenant, list(runs)).items():
            pending.update(request_ids)
            runs[run_id].asked(request_ids)
    now = datetime.now(UTC)
    for waiter in waiters:
        if waiter.request.request_id not in pending or now >= waiter.request.expires_at:
            waiter.event.set()


def _deaf_pause(waiters: list[Waiter]) -> float:
    return ASK_PREFECT_DEAF * max(1.0, len(waiters) / 100)


def _ask(client: SyncPrefectClient, waiters: list[Waiter]) -> None:
    """Read the states of all runs that are waited for. A server that does not answer is asked again later."""
    runs = {waiter.run.flow_run_id: waiter.run for waiter in waiters}
    try:
        ids = list(runs)
        for start in range(0, len(ids), _PAGE):
            chosen = FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + _PAGE]))
            for found in client.read_flow_runs(flow_run_filter=chosen, limit=_PAGE):
                runs[found.id].seen(found.state)
    except Exception as error:  # noqa: BLE001 - any failure of the server: nobody goes on because of it
        _log.warning("lookout.retry", reason=f"{type(error).__name__}: {error}")


_lookouts: dict[tuple[int, str | None], Lookout] = {}
_lookouts_lock = threading.Lock()


def lookout_of(store: Store) -> Lookout:
    """The one that looks at this store and at the server that Prefect's settings name here."""
    key = (id(store), PREFECT_API_URL.value())
    with _lookouts_lock:
        found = _lookouts.get(key)
        if found is None or found._store is not store:
            found = _lookouts[key] = Lookout(store)
        return found


def _forget() -> None:
    """In a forked child: the threads stayed with the parent."""
    global _lookouts_lock  # noqa: PLW0603 - it may be held by a thread that is not here
    _lookouts_lock = threading.Lock()
    _lookouts.clear()


os.register_at_fork(after_in_child=_forget)
