"""``govflow diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from govflow.services.diff_plans import Comparison
    from govflow.services.workspace import Workspace


def diff(
    *paths: str,
    format: Literal["text", "json", "md"] = "text",
    detailed_exit_code: bool = False,
    policy: Path | None = None,
    environment: str | None = None,
) -> int:
    """Show what changed in the plans, with tiers and verdicts before and after, and who would have to approve.

    Compares the code with the lock file; with BASE..HEAD two git revisions, neither of which is checked out (an empty
    HEAD is the working tree, BASE...HEAD starts where they parted); with two files these: lock files, or what
    `govflow plan --format json` wrote.

    Exit code 1 when something changed.

    Examples, one a line:

    - `govflow diff flows/`
    - `govflow diff main..HEAD flows/ --format md`
    - `govflow diff old.json new.json`

    Args:
        paths: files or folders; first a revision range, or instead two lock or plan files.
        format: text for people, json for programs, md for a pull request.
        detailed_exit_code: exit with 3 where people have to approve a change and nothing is denied.
        policy: judge by this policy file.
        environment: judge as if it ran there.
    """
    from govflow.cli import session
    from govflow.cli.output import progress, write, write_json
    from govflow.services.describe import comparison_json, comparison_markdown, comparison_text

    with session.workspace(policy, environment) as workspace, progress("reading the source"):
        found = _compared(workspace, list(paths))
    if format == "json":
        write_json(comparison_json(found))
    else:
        write(comparison_markdown(found) if format == "md" else comparison_text(found), coloured=format == "text")
    return exit_code(found, detailed_exit_code)


def exit_code(found: Comparison, detailed: bool) -> int:
    """0 nothing changed; 3, where it is asked for, when all that is wrong is that people have to approve; else 1."""
    if not found.changed and not found.unread:
        return 0
    denied = bool(found.unread) or any(change.denied for change in found.changed)
    return 3 if detailed and not denied and any(change.needs_approval for change in found.changed) else 1


def _compared(workspace: Workspace, words: list[str]) -> Comparison:
    from govflow.errors import RequestError
    from govflow.services.lock_file import read_lock
    from govflow.services.sides import diff_files, diff_lock, diff_revisions, is_revision, read_tree

    if words and ".." in words[0] and not Path(words[0]).exists():
        return diff_revisions(workspace, words[0], words[1:] or ["."])
    if len(words) == 2 and all(word.endswith((".lock", ".json")) for word in words):
        return diff_files(workspace, Path(words[0]), Path(words[1]))
    if not words:
        raise RequestError("PATH is missing.", mend="Name a file or folder, as in: govflow diff flows/")
    if len(words) > 1 and not Path(words[0]).exists() and is_revision(words[0]):
        shown = " ".join([f"{words[0]}..", *words[1:]])
        raise RequestError(
            f"{words[0]} is a git revision and no path.",
            mend=f"Write it with two dots, to compare it with the working tree: govflow diff {shown}",
        )
    return diff_lock(workspace, read_tree(workspace, words), read_lock(workspace.settings.lock))
