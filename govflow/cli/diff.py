"""``govflow diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from govflow.services.diff_plans import FlowDiff
    from govflow.services.workspace import Workspace


def diff(
    *paths: str,
    format: Literal["text", "json", "md"] = "text",
    policy: Path | None = None,
    environment: str | None = None,
) -> int:
    """Show what changed in the plans, with tiers and verdicts before and after.

    Compares the code with the lock file; with BASE..HEAD two git revisions, neither of which is checked out (an empty
    HEAD is the working tree, BASE...HEAD starts where they parted); with two lock files these.

    Exit code 1 when something changed.

    Examples:  govflow diff flows/  |  govflow diff main..HEAD flows/ --format md  |  govflow diff old.lock new.lock

    Args:
        paths: files or folders; first a revision range, or instead two lock files.
        format: text for people, json for programs, md for a pull request.
        policy: judge by this policy file.
        environment: judge as if it ran there.
    """
    from govflow.cli import session
    from govflow.cli.output import progress, write, write_json
    from govflow.services.describe import flow_diff_markdown, flow_diff_text

    with session.workspace(policy, environment) as workspace, progress("reading the source"):
        changes = _changes(workspace, list(paths))
    found = [change for change in changes if change]
    if format == "json":
        write_json({"changed": bool(found), "flows": [change.to_dict() for change in changes]})
    elif format == "md":
        write("\n".join(flow_diff_markdown(change) for change in found) or "no changes")
    else:
        write("\n".join(flow_diff_text(change) for change in found) or "no changes")
    return 1 if found else 0


def _changes(workspace: Workspace, words: list[str]) -> list[FlowDiff]:
    from govflow.errors import RequestError
    from govflow.services.diff_plans import diff_files, diff_lock, diff_revisions, lock_folder, read_lock
    from govflow.services.plan_flows import read_flows

    if words and ".." in words[0] and not Path(words[0]).exists():
        return diff_revisions(workspace, words[0], words[1:] or ["."])
    if len(words) == 2 and all(word.endswith((".lock", ".json")) for word in words):
        return diff_files(workspace, Path(words[0]), Path(words[1]))
    if not words:
        raise RequestError("PATH is missing.", mend="Name a file or folder, as in: govflow diff flows/")
    reading = read_flows(words, lock_folder(workspace), workspace.vocabulary)
    if reading.unread:
        raise reading.unread[0].error
    return diff_lock(workspace, reading, read_lock(workspace.settings.lock))
