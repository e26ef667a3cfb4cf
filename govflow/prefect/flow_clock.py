"""A flow's time limit, without the time that people take.

Prefect counts from when the flow's body begins to when it ends. While a step of a governed run waits for people, its
clock and those of the flows around it stand still. What happens when the time is over is Prefect's: its own means end
the body, and its engine makes the state TimedOut.
"""

from __future__ import annotations

import inspect
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final

from prefect import flow_engine
from prefect._internal.concurrency.cancellation import (
    AlarmCancelScope,
    AsyncCancelScope,
    CancelledError,
    CancelScope,
    WatcherThreadCancelScope,
)
from prefect.context import FlowRunContext

from govflow.errors import EngineError
from govflow.prefect.likeness import FunctionLike
from govflow.prefect.runtime import CURRENT, RUNTIME

_MARK: Final = "_govflow_stops_for_people"
_Limit = Callable[..., AbstractContextManager[None]]


class Clock:
    """Counts down, and can be stopped. Safe to share between threads."""

    def __init__(self, seconds: float, ring: Callable[[], Any]) -> None:
        self._left = seconds
        self._ring = ring
        self._since = time.monotonic()
        self._stops = 0
        self._over = False
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._count, daemon=True, name="govflow-flow-clock")
        self._thread.start()

    def stop(self) -> None:
        """Count no further until :meth:`go`; whoever stops it last is waited for."""
        with self._turn:
            if not self._stops:
                self._left -= time.monotonic() - self._since
            self._stops += 1
            self._turn.notify()

    def go(self) -> None:
        """Count on."""
        with self._turn:
            self._stops -= 1
            if not self._stops:
                self._since = time.monotonic()
            self._turn.notify()

    def end(self) -> None:
        """Never ring after this returns."""
        with self._turn:
            self._over = True
            self._turn.notify()
        self._thread.join()

    def _count(self) -> None:
        with self._turn:
            while not self._over:
                left = None if self._stops else self._left - (time.monotonic() - self._since)
                if left is not None and left <= 0:
                    break
                self._turn.wait(left)
            else:
                return
        self._ring()


_clocks: Final[dict[str, Clock]] = {}  # by flow run; of those that have a limit


@contextmanager
def peoples_time(run_id: str) -> Iterator[None]:
    """People are asked for a step of that run: until they have answered its clock stands still."""
    with ExitStack() as stack:
        for clock in [_clocks[one] for one in _around(run_id) if one in _clocks]:
            clock.stop()
            stack.callback(clock.go)
        yield


def _around(run_id: str) -> set[str]:
    """The run and the runs of this process that wait for it."""
    found, active = {run_id}, CURRENT.get()
    while active is not None and active.run.facts.run_id not in found - {run_id}:
        found.add(active.run.facts.run_id)
        above = active.run.facts.parent_run_id
        active = None if above is None else RUNTIME.known(above)
    return found


def stop_for_people() -> None:
    """From now on the time limits of governed flows do not count people's time. Calling it again changes nothing.

    Raises:
        EngineError: Prefect's engine is not the one that this was written for.
    """
    for name, scope in (("timeout", _scope_here), ("timeout_async", AsyncCancelScope)):
        original = getattr(flow_engine, name, None)
        if getattr(original, _MARK, False):
            continue
        if original is None or list(inspect.signature(original).parameters) != ["seconds", "timeout_exc_type"]:
            raise EngineError(
                f"Prefect's flow engine has no {name}(seconds, timeout_exc_type): people's time would count.",
                mend="Install a version of Prefect that this version of govflow supports: govflow doctor names them.",
            )
        setattr(flow_engine, name, _patient(original, scope))


def _patient(original: _Limit, scope: Callable[[], CancelScope]) -> _Limit:
    def limit(
        seconds: float | None = None, timeout_exc_type: type[TimeoutError] = TimeoutError
    ) -> AbstractContextManager[None]:
        context = FlowRunContext.get()
        governed = context is not None and isinstance(getattr(context.flow, "fn", None), FunctionLike)
        if not seconds or not governed or context is None or context.flow_run is None or sys.platform == "win32":
            return original(seconds=seconds, timeout_exc_type=timeout_exc_type)
        return _limited(str(context.flow_run.id), seconds, timeout_exc_type, scope())

    setattr(limit, _MARK, True)
    return limit


@contextmanager
def _limited(run_id: str, seconds: float, error: type[TimeoutError], scope: CancelScope) -> Iterator[None]:
    try:
        with scope:
            clock = _clocks[run_id] = Clock(seconds, scope.cancel)
            try:
                yield
            finally:
                _clocks.pop(run_id, None)
                clock.end()  # inside the scope: an alarm that nobody catches would end the process
    except CancelledError:
        raise error(f"Scope timed out after {seconds} second(s).") from None


def _scope_here() -> CancelScope:
    """As Prefect chooses: an alarm interrupts system calls, and there is one for a process, in its main thread."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGALRM) == signal.SIG_DFL:
        return AlarmCancelScope()
    return WatcherThreadCancelScope()
