"""Whether what a disk is to keep can be written there, and outlives the process."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from govflow.errors import GovflowError
from govflow.services.health import Finding, Health
from govflow.settings import Settings

_VOLATILE: Final = frozenset({"tmpfs", "ramfs", "overlay", "aufs"})


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; None for other databases and for one in memory."""
    head, _, rest = url.partition(":///")
    path = rest.partition("?")[0]
    return Path(path) if head.startswith("sqlite") and path and path != ":memory:" else None


def check_spool(settings: Settings) -> Finding:
    """Records that wait for the database lie on a disk that this process can write and that outlives it."""
    from govflow.store.location import beside_database  # SQLAlchemy is imported for those who ask

    if settings.spool == "direct":
        return Finding("spool", Health.OK, "records go straight to the database (spool=direct)")
    try:
        folder = nearest_folder(beside_database(settings.database_url, ".spool").parent)
    except GovflowError as error:
        return Finding("spool", Health.FAIL, error.message, error.mend)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding("spool", Health.FAIL, f"{folder} cannot be written: {error}.", f"Give this user {folder}.")
    kind = filesystem(folder)
    if kind in _VOLATILE:
        what = f"{folder} is on {kind}, a file system that may die with its container."
        return Finding("spool", Health.WARN, what, "Set GOVFLOW_SPOOL=direct, or put the database on a volume.")
    return Finding("spool", Health.OK, f"{folder} can be written")


def filesystem(folder: Path, mounts: str | None = None) -> str | None:
    """The kind of file system that holds ``folder``; None where the system does not say.

    Args:
        folder: an existing folder.
        mounts: text in the form of ``/proc/mounts``; without it that file is read.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    real = os.path.realpath(folder)
    best: tuple[int, str] | None = None
    for line in mounts.splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        point = words[1].replace("\\040", " ")
        if (real == point or real.startswith(point.rstrip("/") + "/")) and (best is None or len(point) >= best[0]):
            best = (len(point), words[2])
    return best[1] if best else None


def nearest_folder(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
