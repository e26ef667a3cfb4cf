"""Reading a file that somebody named. A pipe or a device would be read for ever, or until a writer comes."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_regular(path: Path) -> str:
    """The UTF-8 text of a regular file, or of one that a link leads to.

    Raises:
        FileNotFoundError: there is none.
        OSError: it is no regular file, this user may not read it, or no file can have that name.
        UnicodeDecodeError: it is no text.
    """
    try:
        opened = open(path, encoding="utf-8", opener=_at_once)  # noqa: SIM115 - closed below
    except ValueError:  # the character 0, or text that has no bytes
        raise OSError("no file can have that name") from None
    with opened as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # of what was opened, not of what stands there now
            raise OSError("it is not a regular file")
        return file.read()


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for a pipe's other end, and without making a terminal ours."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
