"""Files of a git revision, without a checkout."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from govflow.errors import SourceError
from govflow.sources.decoding import decode_source

_MISSING = b"missing"
_SECONDS = 60.0  # for one git command


def git_environment() -> dict[str, str]:
    """What git commands are to see.

    A hook's git names its own repository in ``GIT_DIR``. Without ``GIT_WORK_TREE`` git then takes the current folder
    for the top of a working tree, whatever repository that folder is in.
    """
    given = dict(os.environ)
    if "GIT_WORK_TREE" not in given:
        given.pop("GIT_DIR", None)
    return given


class GitTree:
    """Reads files of one commit, whose id is fixed when the tree is made.

    One ``git cat-file --batch`` process serves all reads; close the tree, or use it as a context manager.
    """

    def __init__(self, repo: Path, revision: str) -> None:
        self._repo = repo
        self.commit = self._resolve(revision)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> GitTree:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the reading process."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            if process.stdout is not None:
                process.stdout.close()
            process.wait(timeout=_SECONDS)

    def read(self, path: str) -> str | None:
        """Text of the file in that commit, or None if there is no such file.

        Raises:
            SourceError: git ends in the middle of an answer, or the file cannot be decoded.
        """
        if "\n" in path or path.startswith("/") or ".." in path.split("/"):
            raise SourceError(f"{path!r} is outside the tree that is read")
        process = self._reader()
        if process.stdin is None or process.stdout is None:
            raise SourceError("git cannot be read from")
        process.stdin.write(f"{self.commit}:{path}\n".encode("utf-8", "surrogateescape"))
        process.stdin.flush()
        header = process.stdout.readline().split()
        if not header:
            raise SourceError(f"git ended while reading {path} of {self.commit}")
        if header[-1] == _MISSING:
            return None
        kind, size = header[-2], int(header[-1])
        data = process.stdout.read(size + 1)
        if len(data) != size + 1:
            raise SourceError(f"git ended while reading {path} of {self.commit}")
        return decode_source(data[:-1], path) if kind == b"blob" else None

    def _reader(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                ["git", "-C", str(self._repo), "cat-file", "--batch"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=git_environment(),
            )
        return self._process

    def _resolve(self, revision: str) -> str:
        command = [
            "git",
            "-C",
            str(self._repo),
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{revision}^{{commit}}",
        ]
        try:
            found = subprocess.run(
                command, capture_output=True, text=True, timeout=_SECONDS, check=False, env=git_environment()
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SourceError(f"git cannot be run: {error}", mend="Install git.") from error
        if found.returncode:
            raise SourceError(
                f"there is no git revision {revision!r} in {self._repo}",
                mend="Give a branch, a tag or a commit that this clone holds; a CI job may have to fetch more history "
                "(fetch-depth: 0, or GIT_DEPTH: 0).",
            )
        return found.stdout.strip()
