"""A new file that appears whole: under its name is nothing or all of it, also after a kill or on a full disk.

It is written beside its place as ``.NAME.*.part``. What a kill leaves of it is hidden and named so; it may be removed.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """What the file is written to: it has its name once the block has ended. Nothing is left where that raises.

    Raises:
        FileExistsError: there is a file of that name.
        OSError: it cannot be written.
    """
    part = part_beside(path)
    with part.open("xb") as stream:
        try:
            yield stream
            stream.flush()
            give_name(part, path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise


def part_beside(path: Path) -> Path:
    """Where a file is written before it has its name. ``FileExistsError`` where there is a file of that name."""
    if os.path.lexists(path):
        raise _taken(path)
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def give_name(part: Path, path: Path) -> None:
    """Let a file that is written have its name, once it is on the disk. It never takes the place of another.

    Raises:
        FileExistsError: somebody has made a file of that name meanwhile.
        OSError: the disk does not keep it, or it cannot be named.
    """
    with part.open("rb") as written:
        os.fsync(written.fileno())
    try:
        os.link(part, path)
    except FileExistsError:
        raise _taken(path) from None
    except OSError:  # a disk without hard links
        if os.path.lexists(path):
            raise _taken(path) from None
        part.rename(path)
    else:
        with suppress(OSError):
            part.unlink()


def _taken(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
