"""Reading a policy that somebody may be writing at this moment.

A plain file that is cut off at the end of a rule can be a policy: one that lacks the rules that are not written yet. So
what a process goes by has to be at rest: nothing of it changed for a moment, or two readings a moment apart are the
same. What does not come to rest is refused. A writer that stands still for longer in the middle of a file is not told
from one that is done: replace a policy file by renaming, or sign it, since a bundle is whole or refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from govflow.errors import PolicyError
from govflow.services.read_policy import PolicyReading

REST: Final = 0.2  # seconds in which nothing may change
PATIENCE: Final = 2.0  # seconds until it is refused


def at_rest(read: Callable[[], PolicyReading], main: Iterable[Path]) -> PolicyReading:
    """What ``read`` gives once the files that it reads are at rest.

    Args:
        read: reads all of them.
        main: the files that are known before reading; while they change, an error is taken for a half-written file.

    Raises:
        PolicyError: the policy cannot be used, or does not come to rest.
    """
    patience = time.monotonic() + PATIENCE
    while True:
        reading, error = None, None
        try:
            reading = read()
        except PolicyError as problem:
            error = problem
        if _rested(main if reading is None else reading.files):
            break
        time.sleep(REST)
        if reading is not None and reading.still_holds(datetime.now(UTC)):
            break
        if time.monotonic() > patience:
            reading = None
            error = error or PolicyError(
                f"The policy is being written, and did not come to rest for {PATIENCE:g} seconds.",
                mend="Write it to another file and rename that, or try again.",
            )
            break
    if reading is None:
        assert error is not None  # one of the two is there
        raise error
    return reading


def _rested(files: Iterable[Path]) -> bool:
    """Whether none of them changed lately. Asked after they were read: who began to write before shows here."""
    now = time.time()
    for file in files:
        try:
            found = file.stat() if file.exists() else file.parent.stat()  # which shows when a file was taken away
        except (OSError, ValueError):  # ValueError: no file can have that name, and reading it said so
            continue
        # A copy may be given an old time of its text; that of its entry cannot be set.
        if not max(found.st_mtime, found.st_ctime) <= now - REST:
            return False
    return True
