"""A place at which a flow stops until its test says so."""

from __future__ import annotations

import threading
from typing import Final

REACHED: Final = threading.Event()
GO_ON: Final = threading.Event()


def stop_here() -> None:
    """Called by a task's body."""
    REACHED.set()
    assert GO_ON.wait(240)


def shut() -> None:
    """For the next flow."""
    REACHED.clear()
    GO_ON.clear()
