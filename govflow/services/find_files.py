"""Finding the Python files of a folder that may hold flows, and saying what was passed over.

Links are not followed: what they lead to is found where it is, or lies outside. Nothing is opened but regular files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_OTHERS: Final = frozenset({"node_modules", "site-packages"})  # code that somebody else wrote
_CACHES: Final = frozenset({"__pycache__"})  # nothing that anybody would miss
NO_FILE: Final = "no regular file"
_MARK: Final = b"flow"  # a file without this word defines no flow


@dataclass(slots=True)
class FoundFiles:
    """What a folder holds. Paths begin as the folder that was asked for does."""

    files: list[Path] = field(default_factory=list)  # in order; they mention a flow
    looked_at: int = 0  # Python files, those without a flow too
    passed_over: list[tuple[Path, str]] = field(default_factory=list)  # and why
    unreadable: list[tuple[Path, OSError]] = field(default_factory=list)


def find_files(path: Path) -> FoundFiles:
    """The file itself, or every Python file below a folder that mentions a flow."""
    found = FoundFiles()
    if path.is_file():
        found.files.append(path)
        found.looked_at = 1
        return found

    def refused(error: OSError) -> None:
        found.unreadable.append((Path(error.filename or path), error))

    for folder, folders, files in os.walk(path, onerror=refused):
        folders[:] = sorted(_entered(found, folder, folders))
        for name in sorted(files):
            if name.endswith(".py"):
                _look_at(found, Path(folder, name))
    return found


def belongs(path: str) -> bool:
    """Whether a file is looked at, by the folders of its path: none is hidden, a cache, or somebody else's packages."""
    folders = path.split("/")[:-1]
    return not any(name in _CACHES or name in _OTHERS or name.startswith(".") for name in folders)


def _entered(found: FoundFiles, folder: str, names: list[str]) -> Iterator[str]:
    for name in names:
        if name in _CACHES:
            continue
        why = _why_not(folder, name)
        if why:
            found.passed_over.append((Path(folder, name), why))
        else:
            yield name


def _why_not(folder: str, name: str) -> str:
    """Why a folder is not entered; empty if it is."""
    if os.path.islink(os.path.join(folder, name)):
        return "link"
    if name.startswith("."):
        return "hidden folder"
    if name in _OTHERS:
        return "installed packages"
    if os.path.exists(os.path.join(folder, name, "pyvenv.cfg")):
        return "virtual environment"
    if os.path.isfile(os.path.join(folder, name, ".git")):
        return "submodule"  # or a second checkout: files that no revision of this repository holds
    return ""


def _look_at(found: FoundFiles, file: Path) -> None:
    if file.is_symlink():
        found.passed_over.append((file, "link"))
        return
    if not file.is_file():
        found.passed_over.append((file, NO_FILE))
        return
    found.looked_at += 1
    if _mentions_flow(file):
        found.files.append(file)


def _mentions_flow(file: Path) -> bool:
    try:
        return _MARK in file.read_bytes()
    except OSError:
        return True  # reading it properly names the trouble
