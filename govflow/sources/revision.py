"""A git revision as a set of source trees: which files it has, and which repository root each belongs to."""

from __future__ import annotations

import subprocess
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

from govflow.errors import SourceError
from govflow.sources.git import GitTree, git_environment
from govflow.sources.working import ROOT_MARKS

_SECONDS: Final = 60.0  # for one git command
_FILES: Final = frozenset({"100644", "100755"})  # modes of plain files: no link, no submodule


class Revision:
    """One commit, read without a checkout. Close it, or use it as a context manager.

    Raises:
        SourceError: no git, no repository, no such revision.
    """

    def __init__(self, top: Path, revision: str) -> None:
        self.top = top
        self.name = revision
        self.tree = GitTree(top, revision)

    def __enter__(self) -> Revision:
        return self

    def __exit__(self, *_: object) -> None:
        self.tree.close()

    @cached_property
    def files(self) -> frozenset[str]:
        """The plain files of the commit, by POSIX path from the top of the repository."""
        found = set()
        for entry in git(self.top, "ls-tree", "-r", "-z", self.tree.commit).split("\0"):
            about, _, path = entry.partition("\t")
            if about.partition(" ")[0] in _FILES:
                found.add(path)
        return frozenset(found)

    def read(self, path: str) -> str | None:
        """Text of a plain file, or None."""
        return self.tree.read(path) if path in self.files else None

    def root_of(self, path: str) -> str:
        """The folder that imports of a file are followed in, as :func:`govflow.sources.find_root` finds it."""
        for folder in PurePosixPath(path).parents:
            if any((folder / mark).as_posix() in self.files for mark in ROOT_MARKS):
                return "" if folder == PurePosixPath(".") else folder.as_posix()
        return ""

    def subtree(self, root: str) -> Subtree:
        """A folder of the commit as a source tree."""
        return Subtree(self, f"{root}/" if root else "")


class Subtree:
    """A folder of a revision. Its paths are relative to that folder."""

    def __init__(self, revision: Revision, prefix: str) -> None:
        self._revision, self._prefix = revision, prefix

    def read(self, path: str) -> str | None:
        """Text of the file, or None."""
        return self._revision.read(f"{self._prefix}{path}")


def top_of(folder: Path) -> Path:
    """The top of the git repository that a folder is in.

    Raises:
        SourceError: it is in none, or git cannot be run.
    """
    return Path(git(folder, "rev-parse", "--show-toplevel").rstrip("\n"))


def merge_base(top: Path, one: str, other: str) -> str:
    """The commit at which two revisions parted.

    Raises:
        SourceError: there is none in this clone.
    """
    with Revision(top, one) as left, Revision(top, other) as right:
        commits = left.tree.commit, right.tree.commit
    try:
        return git(top, "merge-base", *commits).strip()
    except SourceError:
        raise SourceError(
            f"{one!r} and {other!r} have no commit in common in this clone.",
            mend="A CI job that clones a part of the history must fetch more of it: fetch-depth: 0, or GIT_DEPTH: 0.",
        ) from None


def git(folder: Path, *words: str) -> str:
    """What a git command prints.

    Raises:
        SourceError: git cannot be run, or says that it failed.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # a file name need not be text
            timeout=_SECONDS,
            check=False,
            env=git_environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(f"git cannot be run: {error}", mend="Install git.") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise SourceError(f"git: {said[-1] if said else 'failed'}", mend="Run this inside a git repository.")
    return done.stdout
