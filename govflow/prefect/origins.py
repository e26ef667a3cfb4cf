"""What a file was when its flow was made: the source that is read later must still be that.

Code objects are compared one by one, but defaults, module constants and class attributes have no code object. They are
what the file said when it was imported. So the file must not have changed since.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Origin:
    """When a flow was made, and what its file held then."""

    at_ns: int  # since the epoch
    digest: bytes | None  # SHA-256 of the file; None when it could not be read

    @classmethod
    def of(cls, fn: Any) -> Origin:
        """Taken while the module of ``fn`` is being imported: decorators run then."""
        name = getattr(getattr(fn, "__code__", None), "co_filename", "")
        return cls(time.time_ns(), _digest(name))

    def changed(self, own: Path, others: Iterable[Path]) -> str | None:
        """Which file is not what it was, in words; None when all are.

        The flow's own file is compared by content, the others by the time of their last change.
        """
        if self.digest is not None and self.digest != _digest(os.fspath(own)):
            return f"{own.name} was changed after it was imported"
        for path in others:
            if path.stat().st_mtime_ns > self.at_ns:
                return f"{path.name} was changed after the flow was imported"
        return None


def _digest(name: str) -> bytes | None:
    try:
        return sha256(Path(name).read_bytes()).digest()
    except OSError:
        return None
