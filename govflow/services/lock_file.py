"""The lock file where it lies: reading it, and the folder that flow names are relative to."""

from __future__ import annotations

import os
from pathlib import Path

from govflow.errors import LockError
from govflow.ir.lock import Lock, load_lock
from govflow.services.regular_file import read_regular
from govflow.services.workspace import Workspace


def read_lock(path: Path) -> Lock:
    """A lock file.

    Raises:
        LockError: it is not there, cannot be read, or cannot be used; names the file and the mend.
    """
    try:
        text = read_regular(path)
    except FileNotFoundError:
        raise LockError(
            f"{path}: there is no lock file.", mend="Write it with `govflow lock PATH`.", details={"file": str(path)}
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"{path}: cannot be read: {error}.", mend="Give this user a readable text file.") from None
    return load_lock(text, str(path))


def present_lock(workspace: Workspace) -> Lock:
    """The configured lock file; an empty lock when there is none yet.

    Raises:
        LockError: it is there and cannot be used.
    """
    path = workspace.settings.lock
    return read_lock(path) if path.exists() or path.is_symlink() else Lock()


def lock_folder(workspace: Workspace) -> Path:
    """The folder that flow names are relative to."""
    return Path(os.path.abspath(workspace.settings.lock)).parent
