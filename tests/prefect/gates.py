"""A place at which a flow stops until its test says so."""

from __future__ import annotations

import threading
import time
from pathlib import Path
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


def meet(folder: str, number: int, count: int) -> None:
    """Wait until ``count`` processes are here at once: so none of them does the work of another."""
    place = Path(folder)
    (place / str(number)).touch()
    end = time.monotonic() + 240
    while len(list(place.iterdir())) < count:
        assert time.monotonic() < end, "somebody did not come"
        time.sleep(0.02)
