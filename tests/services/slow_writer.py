"""Somebody who is writing a policy file while it is read, on a machine on which nothing else takes time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from govflow.services import policy_at_rest


def written_slowly(monkeypatch: pytest.MonkeyPatch, file: Path, parts: Iterator[Callable[[], object]]) -> None:
    """While a reader pauses for a file to come to rest, its writer goes on with the next part, then is done.

    The reader's clock moves in its own pauses alone, so it always comes in the middle, however slow this machine is.

    Args:
        monkeypatch: of the test.
        file: what is written; its time is the time at which the clock stands.
        parts: what the writer does, pause by pause; the first part is there already.
    """
    passed, rested = 0.0, 0.0

    def sleep(seconds: float) -> None:
        nonlocal passed, rested
        passed += seconds
        part = next(parts, None)
        if part is None:
            rested += seconds
        else:
            part()
            rested = 0.0

    def time() -> float:
        found = file.stat()
        return max(found.st_mtime, found.st_ctime) + rested

    clock = SimpleNamespace(sleep=sleep, time=time, monotonic=lambda: passed)
    monkeypatch.setattr(policy_at_rest, "time", clock)
