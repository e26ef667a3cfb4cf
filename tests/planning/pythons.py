"""Other Python minors on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache
from pathlib import Path


@cache
def python_of(minor: str) -> str | None:
    """An interpreter of that minor, or None."""
    if sys.version_info[:2] == tuple(int(part) for part in minor.split(".")):
        return sys.executable
    for folder in sorted((Path.home() / ".pyenv" / "versions").glob(f"{minor}*")):
        if os.access(folder / "bin" / "python", os.X_OK):
            return str(folder / "bin" / "python")
    return shutil.which(f"/usr/bin/python{minor}")
