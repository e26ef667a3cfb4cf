"""Which process has a run in its hands: one at a time among all processes of a database, and it is alive.

What is held is a place, which whatever keeps the places gives back however the process ends. For SQLite it is a byte in
a file beside the database, locked with ``fcntl``: a hold costs neither a write nor a statement. The locks belong to the
process, so there is one open file for each database in it, and no other code may open and close that file: closing it
would give all of them back. Nobody copies it; it has no content. Forked children hold nothing.
"""

from __future__ import annotations

import fcntl
import os
import threading
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from govflow.errors import StoreError

SUFFIX: Final = ".holds"
_BYTES: Final = 7  # of a digest: how far into the file a hold may lie


class Hold(StrEnum):
    """What of a run is held."""

    RUN = "run"  # its flow runs, or waits, in this process
    QUESTION = "question"  # this process asks people, for all processes in which steps of the run wait


class Places(Protocol):
    """What this process holds of a database, among all that use it. A place is a number below 2**56."""

    def take(self, place: int) -> bool:
        """Hold it, unless another process does; as often as it is taken, it is to be given back."""

    def give_back(self, place: int) -> None:
        """Hold it once less. What is not held is left alone."""

    def is_held(self, place: int) -> bool:
        """Whether a living process holds it."""


class _File:
    """The holds of this process on one database. Safe to share between threads."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._held: dict[int, int] = {}  # place → how often it was taken
        self._file: int | None = None

    def take(self, place: int) -> bool:
        with self._lock:
            if place not in self._held and not self._locked(place):
                return False
            self._held[place] = self._held.get(place, 0) + 1
            return True

    def give_back(self, place: int) -> None:
        with self._lock:
            left = self._held.get(place, 0) - 1
            if left > 0:
                self._held[place] = left
            elif self._held.pop(place, None) is not None and self._file is not None:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
                self._tidy()

    def is_held(self, place: int) -> bool:
        with self._lock:
            if place in self._held:
                return True
            try:
                if not self._locked(place):
                    return True
                if self._file is not None:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
                return False
            finally:
                self._tidy()

    def _locked(self, place: int) -> bool:
        if self._path is None:
            return True  # in memory there is no other process
        try:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError) as error:
            if self._file is None:
                _explain(self._path, error)
            return False
        except OSError as error:
            _explain(self._path, error)
        return True

    def _tidy(self) -> None:
        if not self._held and self._file is not None:
            os.close(self._file)
            self._file = None

    def forget(self) -> None:
        """In a forked child: the locks stayed with the parent."""
        self._lock = threading.Lock()
        self._held.clear()
        self._tidy()


def _explain(path: Path, error: OSError) -> None:
    raise StoreError(
        f"The file {path} cannot be locked: {error.strerror}.",
        mend="The folder of the database must be writable for this user, on a disk of this machine.",
    ) from error


_files: Final[dict[Path, _File]] = {}
_files_lock = threading.Lock()


def beside(database: Path) -> Places:
    """The places of a SQLite database. ``StoreError`` from them where its folder cannot be written."""
    path = database.with_name(database.name + SUFFIX).resolve()
    with _files_lock:
        return _files.setdefault(path, _File(path))


def in_memory() -> Places:
    """The places of a database that no other process shares."""
    return _File(None)


def _forget() -> None:
    global _files_lock  # noqa: PLW0603 - it may be held by a thread that is not here
    _files_lock = threading.Lock()
    for file in _files.values():
        file.forget()


os.register_at_fork(after_in_child=_forget)


class Holds:
    """Of one database. ``StoreError`` where nothing can be locked there."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def take(self, run_id: str, what: Hold) -> bool:
        """Hold a part of a run, unless another process does; as often as it is taken, it is to be given back."""
        return self._places.take(_place(run_id, what))

    def give_back(self, run_id: str, what: Hold) -> None:
        """Hold it once less. What is not held is left alone."""
        self._places.give_back(_place(run_id, what))

    def is_held(self, run_id: str, what: Hold) -> bool:
        """Whether a living process holds it, this one or another."""
        return self._places.is_held(_place(run_id, what))


def _place(run_id: str, what: Hold) -> int:
    return int.from_bytes(sha256(f"{what} {run_id}".encode()).digest()[:_BYTES])
