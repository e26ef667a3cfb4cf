"""Several programs that run together, in the foreground: started, watched, started again, and ended as one."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

PARENT: Final = "GOVFLOW__PARENT"
"""Environment variable that tells a part the process id of its supervisor, so that it does not outlive it."""

GRACE: Final = 10.0  # seconds that a part has to end by itself
_LOOK: Final = 0.2  # seconds between two looks at the parts
_FIRST_WAIT: Final = 0.5  # seconds before a part that ended is started again; doubled each time
_LONGEST_WAIT: Final = 30.0
_STEADY: Final = 60.0  # seconds of life after which a part counts as sound


@dataclass(frozen=True, slots=True)
class Part:
    """A program with a name for people. ``fatal``: exit codes after which starting it again makes no sense."""

    name: str
    command: Sequence[str]
    fatal: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Running:
    part: Part
    process: subprocess.Popen[bytes]
    since: float
    failures: int = 0
    again_at: float | None = None  # it ended, and is started again then


def supervise(parts: Sequence[Part], stop: threading.Event, say: Callable[[str], None]) -> int:
    """Run ``parts`` until ``stop`` is set; each has ended when this returns.

    A part that ends by itself is started again, later each time; one that ends with a ``fatal`` code ends all.

    Args:
        parts: in the order in which they are started; they are ended in the other.
        stop: set it from a signal handler.
        say: told in a line what happens.

    Returns:
        0 when it was told to stop; the exit code of the part that ended all.
    """
    running: list[_Running] = []
    try:
        for part in parts:
            running.append(_Running(part, _start(part), time.monotonic()))
            say(f"{part.name} started (process {running[-1].process.pid})")
        while not stop.wait(_LOOK):
            for one in running:
                code = _look(one, say)
                if code is not None:
                    return code
        return 0
    finally:
        for one in reversed(running):
            _end(one, say)


def orphaned(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is a part whose supervisor is gone."""
    parent = environment.get(PARENT)
    return parent is not None and parent != str(os.getppid())


def _start(part: Part) -> subprocess.Popen[bytes]:
    environment = {**os.environ, PARENT: str(os.getpid())}
    # A session of its own: Ctrl-C reaches the supervisor alone, which ends the parts in order.
    return subprocess.Popen(part.command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)


def _look(one: _Running, say: Callable[[str], None]) -> int | None:
    """Start a part again when it has ended and its time has come; the exit code when that makes no sense."""
    now = time.monotonic()
    if one.again_at is not None:
        if now >= one.again_at:
            one.process, one.since, one.again_at = _start(one.part), now, None
            say(f"{one.part.name} started again (process {one.process.pid})")
        return None
    code = one.process.poll()
    if code is None:
        return None
    if code in one.part.fatal:
        say(f"{one.part.name} ended with exit code {code}; starting it again would not help")
        return code
    one.failures = 0 if now - one.since > _STEADY else one.failures + 1
    wait = min(_FIRST_WAIT * 2.0 ** max(0, one.failures - 1), _LONGEST_WAIT)
    one.again_at = now + wait
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    say(f"{one.part.name} {how}; it is started again in {wait:g} s")
    return None


def _end(one: _Running, say: Callable[[str], None]) -> None:
    process = one.process
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    say(f"{one.part.name} ended")
