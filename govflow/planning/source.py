"""Where source text comes from.

Planning never touches a disk: it asks a :class:`SourceTree`. The trees that read a working copy, a git revision or
the modules of this process are in :mod:`govflow.sources`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class SourceTree(Protocol):
    """A tree of source files with one root."""

    def read(self, path: str) -> str | None:
        """Text of the file at a POSIX path relative to the tree's root, or None if there is no such file.

        Raises:
            SourceError: the file is there and cannot be read or decoded.
        """


class MemoryTree:
    """A tree held in memory: POSIX path to text."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = dict(files)

    def read(self, path: str) -> str | None:
        """Text of that file, or None."""
        return self._files.get(path)
