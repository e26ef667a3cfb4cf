"""What a file was when its flow was made: the source that is read later must still be that.

Code objects are compared one by one, but defaults, module constants and class attributes have no code object. They are
what the file said when it was imported. So the file must not have changed since.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Origin:
    """When a flow was made, and what its file held then."""

    at_ns: int  # since the epoch
    digest: bytes | None  # SHA-256 of the file; None when it was not read, or could not be

    @classmethod
    def of(cls, fn: Any) -> Origin:
        """Taken while the module of ``fn`` is being imported: decorators run then."""
        name = getattr(getattr(fn, "__code__", None), "co_filename", "")
        return cls(time.time_ns(), _digest(name))

    def changed(self, own: Path, others: Iterable[Path]) -> str | None:
        """Which file is not what it was, in words; None when all are.

        The flow's own file is compared by content, the others by the time of their last change. Where nobody read it
        in time it is compared as the others are.
        """
        if self.digest is not None and self.digest != _digest(os.fspath(own)):
            return f"{own.name} was changed after it was imported"
        for path in others if self.digest is not None else (own, *others):
            if path.stat().st_mtime_ns > self.at_ns:
                return f"{path.name} was changed after the flow was imported"
        return None


def _digest(name: str) -> bytes | None:
    try:
        return sha256(Path(name).read_bytes()).digest()
    except OSError:
        return None


_KNOWN: Final[weakref.WeakKeyDictionary[Any, Origin]] = weakref.WeakKeyDictionary()
_watched_since = time.time_ns()


def watch_origins() -> None:
    """Say that from now on the origin of each flow is remembered when the flow is made."""
    global _watched_since  # noqa: PLW0603 - one for a process, like the patches
    _watched_since = time.time_ns()


def remember_origin(fn: Any) -> None:
    """Take the origin of a flow's function now, for a flow that keeps none itself. The first one counts."""
    try:
        if fn not in _KNOWN:
            _KNOWN[fn] = Origin.of(fn)
    except TypeError:
        return  # no weak reference to it: it has no code to be compared either


def origin_of(fn: Any) -> Origin:
    """The origin that was remembered; of a flow that was made before anyone watched, from then on."""
    try:
        known = _KNOWN.get(fn)
    except TypeError:
        known = None
    return known or Origin(_watched_since, None)
