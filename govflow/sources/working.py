"""Files under a folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from govflow.errors import SourceError
from govflow.sources.decoding import decode_source

_LARGEST = 16 * 2**20  # bytes; what is read as text into memory
ROOT_MARKS = ("govflow.lock", "prefect.yaml", "pyproject.toml", ".git")


class WorkingTree:
    """Reads files under ``root`` and nothing else: ``..`` and symlinks that lead out of it are refused."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def read(self, path: str) -> str | None:
        """Text of the file, or None if there is no such file in the tree.

        Raises:
            SourceError: the path leads out of the tree, or the file cannot be read or decoded, or is over 16 MiB.
        """
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or "\0" in path:
            raise SourceError(f"{path} is outside the tree that is read", mend="Give a path inside the repository.")
        place = self.root / pure
        try:
            place.lstat()  # most of what is asked for is not there, and this is how it is told soonest
            real = place.resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, RuntimeError) as error:  # a loop of symlinks: RuntimeError before Python 3.13
            raise SourceError(f"{path} cannot be read: {error}", details={"file": path}) from error
        if not real.is_relative_to(self.root):
            raise SourceError(f"{path} is a link to a place outside the tree that is read", details={"file": path})
        if not real.is_file():
            return None
        try:
            if real.stat().st_size > _LARGEST:
                raise SourceError(f"{path} is larger than {_LARGEST} bytes", details={"file": path})
            data = real.read_bytes()
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror or error}", details={"file": path}) from error
        return decode_source(data, path)


def find_root(file: Path, otherwise: Path | None = None) -> Path:
    """The root of the repository that a file is in.

    The nearest folder above it that holds ``govflow.lock``, ``prefect.yaml``, ``pyproject.toml`` or ``.git``; else
    ``otherwise``, by default the file's own folder.
    """
    folder = file.resolve().parent
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in ROOT_MARKS):
            return candidate
    return folder if otherwise is None else otherwise.resolve()
