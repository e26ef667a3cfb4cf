"""Room for a reading: enough frames for code inside code, and nobody who looks for garbage meanwhile."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from govflow.errors import SourceError

_MANY = 20_000  # objects
_FRAMES = 4000  # Python frames; no more, or the C stack of the parser of Python 3.11 could overflow


@contextmanager
def room_for(path: str) -> Iterator[None]:
    """Room for helpers inside helpers inside blocks: each takes some ten frames to read.

    Meanwhile nobody looks for garbage: a reading makes much and drops next to nothing before its end, and to look at
    all of it again and again would cost a third of the time.

    Raises:
        SourceError: it was not enough.
    """
    before, collected = sys.getrecursionlimit(), gc.isenabled()
    sys.setrecursionlimit(max(before, _FRAMES))
    gc.disable()
    try:
        yield
    except RecursionError as error:
        raise _too_deep(path) from error
    finally:
        sys.setrecursionlimit(before)
        if collected:
            _count_as_old()
            gc.enable()


def _count_as_old() -> None:
    """Let the collector take everything for old at once, without looking at it.

    What a reading leaves is source and plans: they stay. Looking at all of a large one the moment that collecting goes
    on would cost a fifth of the reading. Where the program has frozen objects itself, they must stay so; to ask for
    their number is to count them, so a small reading does not.
    """
    if gc.get_count()[0] > max(_MANY, gc.get_threshold()[0]) and not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()


def _too_deep(path: str) -> SourceError:
    return SourceError(f"{path}: the source is nested too deeply to be read", details={"file": path})
