"""The spool: where a record lies between its acknowledgement and its place in the log.

One file for each process, one line of :mod:`govflow.store.lines` a record, and NULs behind the last. No line holds a
line feed or a NUL. The file is mapped into the process, and a line is a copy into memory: in the midst of a run a
system call costs several times as much. The pages are the kernel's, so
killing the process does not take back what was stored. The LF is stored after all else of its line, and a line without
one was never acknowledged. Room is taken from the disk before it is mapped: a full disk is an error, not a signal.

The process holds ``flock`` on its file for life, so that others can tell a dead writer's file.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from mmap import mmap
from pathlib import Path
from typing import Final
from zlib import crc32

from govflow.errors import StoreError
from govflow.store.lines import Contents, read_lines

SUFFIX: Final = ".spool"
_ROOM: Final = 1 << 19  # bytes that a file grows by
_LF: Final = 10
_NOTHING: Final = mmap(-1, 1)


class Spool:
    """This process's own file."""

    def __init__(self, folder: Path, name: str) -> None:
        """Create ``folder/name.spool``. ``StoreError`` if the disk does not let us."""
        self.path = folder / (name + SUFFIX)
        self.size = 0  # bytes of whole lines
        self._touched = 0  # bytes that may be other than zero: more where a line was interrupted or lines are forgotten
        self._map = _NOTHING
        self._room = 0  # bytes that are mapped
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            while True:
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
                self._file = os.open(self.path, flags, 0o600)
                fcntl.flock(self._file, fcntl.LOCK_EX)
                if os.fstat(self._file).st_nlink:
                    break
                os.close(self._file)  # someone took the empty, not yet locked file for a dead writer's
        except OSError as error:
            raise StoreError(
                f"The spool {self.path} cannot be written: {error.strerror}.",
                mend="The folder must be writable for this user, and the disk not full.",
            ) from error

    def append(self, line: bytes) -> None:
        """Store one line as a whole. ``StoreError`` if there is no room for it.

        May be interrupted at any instruction: whatever of a line is there then is overwritten by the next.
        """
        start = self.size
        end = start + len(line)
        if end >= self._room:
            self._grow(end)
        room = self._map
        if self._touched != start:
            room[start : self._touched] = bytes(self._touched - start)
        self._touched = end
        room[start : end - 1] = line[:-1]
        room[end - 1] = _LF
        self.size = end

    def empty(self) -> None:
        """Forget all lines; they are in the log. What lies there is wiped by the next line, or handed in once more."""
        self.size = 0
        if self._room > _ROOM:
            self._unmap()

    def close(self, *, remove: bool) -> None:
        """Give the file up; ``remove`` it if all of it is in the log, else someone will drain it."""
        if remove:
            with suppress(OSError):
                self.path.unlink()
        self.abandon()

    def abandon(self) -> None:
        """Close the file. In a forked child the parent goes on with it, and its lock stays with the parent."""
        self._unmap()
        os.close(self._file)

    def _grow(self, needed: int) -> None:
        """Take room from the disk for ``needed`` bytes and a NUL behind them."""
        room = (needed // _ROOM + 1) * _ROOM
        try:
            if not self._room:
                os.ftruncate(self._file, 0)
                self._touched = 0
            _allocate(self._file, self._room, room)
            grown = mmap(self._file, room)
        except OSError as error:
            raise StoreError(
                f"The spool {self.path} cannot be written: {error.strerror}.",
                mend="Free space on the disk; nothing that was acknowledged is lost.",
            ) from error
        self._map = grown
        self._room = room

    def _unmap(self) -> None:
        self._room = 0
        self._map = _NOTHING


def _allocate(file: int, start: int, end: int) -> None:
    """Let a file have all its bytes to ``end``, zeros from ``start`` on."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, start, end - start)
        return
    while start < end:
        start += os.pwrite(file, bytes(end - start), start)


def others(folder: Path, own: Path | None) -> Iterator[Path]:
    """The spools of other processes that hold something or belong to nobody, in a fixed order."""
    with suppress(FileNotFoundError):
        for path in sorted(folder.iterdir()):
            if path.suffix == SUFFIX and path != own:
                yield path


def mark_of(path: Path) -> tuple[int, int, int]:
    """What a spool holds, in short: two marks are the same if nothing was stored between them.

    Storing into a mapping leaves size and time of a file as they are.

    Raises:
        OSError: it is gone, or cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        data = file.read().partition(b"\0")[0]
        return os.fstat(file.fileno()).st_ino, len(data), crc32(data)


class Foreign:
    """Another process's spool, opened for draining. Use under the write lock only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.dead = True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.dead = False

    def read(self) -> Contents:
        """All that it holds. A live writer's file is read up to what it has finished."""
        size = os.fstat(self._file).st_size
        return read_lines(os.pread(self._file, size, 0)) if size else Contents([], 0)

    def remove(self, *, damaged: bool) -> None:
        """Take a dead writer's file away; a damaged one is kept under another name for people to look at."""
        with suppress(FileNotFoundError):
            if damaged:
                self.path.rename(self.path.with_name(self.path.name + ".damaged"))
            else:
                self.path.unlink()

    def close(self) -> None:
        """Close it, and give its lock back."""
        os.close(self._file)
