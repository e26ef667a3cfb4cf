"""The spool: where a record lies between its acknowledgement and its place in the log.

One file for each process, opened for appending, one line a record:

    <crc32, 8 hex digits> <body>[TAB <values as JSON>]LF

The body's canonical bytes hold no raw tab and no raw line feed. A record counts as written when ``write`` has taken all
of its line: the kernel has it then, and killing the process does not take it back. A last line without its LF was
never acknowledged. The process holds ``flock`` on its file for life, so that others can tell a dead writer's file.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

import orjson

from govflow.audit.body import parse_body
from govflow.errors import StoreError
from govflow.store.log import Pending

SUFFIX: Final = ".spool"
_CRC: Final = 8  # hexadecimal digits


class Spool:
    """This process's own file."""

    def __init__(self, folder: Path, name: str) -> None:
        """Create ``folder/name.spool``. ``StoreError`` if the disk does not let us."""
        self.path = folder / (name + SUFFIX)
        self.size = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            while True:
                flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
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
        """Write one line as a whole, or nothing. ``StoreError`` if it is nothing."""
        try:
            written = os.write(self._file, line)
            if written != len(line):
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise StoreError(
                f"The spool {self.path} cannot be written: {error.strerror}.",
                mend="Free space on the disk; nothing that was acknowledged is lost.",
            ) from error
        self.size += written

    def empty(self) -> None:
        """Forget all lines; they are in the log."""
        os.ftruncate(self._file, 0)
        self.size = 0

    def close(self, *, remove: bool) -> None:
        """Give the file up; ``remove`` it if all of it is in the log, else someone will drain it."""
        if remove:
            with suppress(OSError):
                self.path.unlink()
        os.close(self._file)

    def abandon(self) -> None:
        """In a forked child: close the parent's file; its lock stays with the parent."""
        os.close(self._file)


def make_line(body: bytes, values: tuple[tuple[str, bytes, str], ...]) -> bytes:
    """The line of a record."""
    if values:
        side = orjson.dumps([[name, salt.hex(), value] for name, salt, value in values])
        body = body + b"\t" + side
    return b"%08x %b\n" % (crc32(body), body)


class Contents(NamedTuple):
    """What was read from somebody's spool. ``bad`` counts lines that cannot be read."""

    records: list[Pending]
    bad: int


def read_lines(data: bytes) -> Contents:
    """Read spooled lines; what follows the last line feed was never acknowledged and is left out."""
    records: list[Pending] = []
    bad = 0
    for line in data.split(b"\n")[:-1]:
        try:
            records.append(_read_line(line))
        except ValueError:
            bad += 1
    return Contents(records, bad)


def _read_line(line: bytes) -> Pending:
    text = line[_CRC + 1 :]
    if int(line[:_CRC], 16) != crc32(text):
        raise ValueError("checksum")
    raw, _, side = text.partition(b"\t")
    body = parse_body(raw)
    values = tuple((name, bytes.fromhex(salt), value) for name, salt, value in orjson.loads(side)) if side else ()
    return Pending(
        body["tenant"],
        body["writer"],
        body["writer_seq"],
        body["event"],
        body["subject"],
        body.get("run_id"),
        datetime.fromisoformat(body["at"]),
        raw,
        values,
    )


def others(folder: Path, own: Path | None) -> Iterator[Path]:
    """The spools of other processes that hold something or belong to nobody, in a fixed order."""
    with suppress(FileNotFoundError):
        for path in sorted(folder.iterdir()):
            if path.suffix == SUFFIX and path != own:
                yield path


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
