"""A command that runs in this terminal as if nobody stood between."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Final

from govflow.errors import RequestError

_PASSED_ON: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)
_BY_SIGNAL: Final = 128  # a shell's way to say it


def run_child(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run ``command`` to its end with this process's streams.

    Signals that are sent to this process reach the command. An interrupt from the terminal reaches it without help; it
    decides what that means.

    Returns:
        Its exit code; 128 + N if signal N ended it.

    Raises:
        RequestError: it cannot be started.
    """
    child: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        if child:
            child[0].send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        try:
            child.append(subprocess.Popen(list(command), env=dict(environment)))
        except OSError as error:
            raise could_not_start(command[0], error) from error
        code = child[0].wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else _BY_SIGNAL - code


def could_not_start(name: str, error: OSError) -> RequestError:
    """What to say of a command that is not there, or is none."""
    return RequestError(
        f"{name} cannot be started: {error.strerror or error}.", mend="Write the command after --, as in a shell."
    )
