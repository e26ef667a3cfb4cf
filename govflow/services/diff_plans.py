"""What changed: code against the lock file, two lock files, or two git revisions; with tiers and verdicts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from govflow.errors import LockError, SourceError
from govflow.governor.assess import Assessment, assess
from govflow.ir.changes import PlanDiff
from govflow.ir.diff import diff
from govflow.ir.lock import Lock, load_lock
from govflow.ir.models import Plan
from govflow.planning.planner import Reader
from govflow.services.plan_flows import FlowPlan, Reading, flows_of, read_flows
from govflow.services.regular_file import read_regular
from govflow.services.workspace import Workspace
from govflow.sources import GitTree, find_root
from govflow.telemetry import redact_named

_SECONDS: Final = 60.0  # for one git command


@dataclass(frozen=True, slots=True)
class StepDelta:
    """Tier and verdict of one step that changed; None on the side where it is not there."""

    step_id: str
    tier: tuple[int | None, int | None]
    verdict: tuple[str | None, str | None]
    rule: str | None  # the policy rule of the newer side
    why: str | None  # what set the newer tier
    approval: str | None  # the approval rule that would be asked

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "step_id": self.step_id,
            "tier": list(self.tier),
            "verdict": list(self.verdict),
            "rule": self.rule,
            "why": self.why,
            "approval": self.approval,
        }


@dataclass(frozen=True, slots=True)
class FlowDiff:
    """One flow on two sides; at least one of them is there. False when nothing changed."""

    name: str
    before: Plan | None
    after: Plan | None
    diff: PlanDiff | None  # None when one side is missing
    deltas: tuple[StepDelta, ...]
    tier: tuple[int | None, int | None]
    verdict: tuple[str | None, str | None]

    def __bool__(self) -> bool:
        return self.diff is None or bool(self.diff)

    @property
    def kind(self) -> str:
        """``added``, ``removed``, ``changed`` or ``unchanged``."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "changed" if self.diff else "unchanged"

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "tier": list(self.tier),
            "verdict": list(self.verdict),
            "diff": self.diff.to_dict() if self.diff is not None else None,
            "steps": [delta.to_dict() for delta in self.deltas],
        }


def diff_plans(workspace: Workspace, name: str, before: Plan | None, after: Plan | None) -> FlowDiff:
    """Compare two readings of one flow, judged by the same policy and tier rules."""
    old, new = _judged(workspace, before), _judged(workspace, after)
    found = diff(before, after).masked(redact_named) if before is not None and after is not None else None
    return FlowDiff(
        name,
        before,
        after,
        found,
        _deltas(found, before, after, old, new),
        (_tier(old), _tier(new)),
        (_verdict(old), _verdict(new)),
    )


def diff_lock(workspace: Workspace, reading: Reading, lock: Lock) -> list[FlowDiff]:
    """Code against lock, by name; a locked flow counts as removed when what was read should have held it."""
    flows = {flow.name: flow.plan for flow in reading.flows}
    locked = {name: held.plan for name, held in lock.flows.items()}
    expected = [name for name in locked if name in flows or covers(workspace, reading, name)]
    names = sorted({*flows, *expected})
    return [diff_plans(workspace, name, locked.get(name), flows.get(name)) for name in names]


def covers(workspace: Workspace, reading: Reading, name: str) -> bool:
    """Whether a flow of that name would be among those read, if it were there."""
    path, _, function = name.rpartition(":")
    place = Path(os.path.abspath(lock_folder(workspace) / path))
    if any(unread.file == path for unread in reading.unread):
        return False  # it may well be there
    for target in reading.targets:
        root = Path(os.path.abspath(target.path))
        if target.path.is_file() and place == root and target.function in (None, function):
            return True
        if target.path.is_dir() and place.is_relative_to(root):
            return True
    return False


def diff_files(workspace: Workspace, before: Path, after: Path) -> list[FlowDiff]:
    """Two lock files.

    Raises:
        LockError: one of them cannot be used.
    """
    old, new = read_lock(before), read_lock(after)
    return _by_name(
        workspace,
        {name: flow.plan for name, flow in old.flows.items()},
        {name: flow.plan for name, flow in new.flows.items()},
    )


def diff_revisions(workspace: Workspace, span: str, words: Sequence[str]) -> list[FlowDiff]:
    """Two git revisions; neither is checked out.

    Args:
        workspace: policy and tiers to judge by: those that are here now, for both sides.
        span: ``BASE..HEAD``; an empty HEAD is the working tree. ``BASE...HEAD`` starts where the two parted, as in git.
        words: files or folders to look at.

    Raises:
        SourceError: no such revision, no git, or a file that was named cannot be read.
    """
    folder = Path.cwd()
    top = Path(_git(folder, "rev-parse", "--show-toplevel").rstrip("\n"))
    base, dots, head = _ends(span)
    if dots == "...":
        with GitTree(top, base) as one, GitTree(top, head or "HEAD") as other:
            base = _git(top, "merge-base", one.commit, other.commit).strip()
    old = _plans_at(workspace, top, base, words)
    if head:
        new = _plans_at(workspace, top, head, words)
    else:
        new = {f.name: f.plan for f in read_flows(words, lock_folder(workspace), workspace.vocabulary).flows}
    return _by_name(workspace, old, new)


def _ends(span: str) -> tuple[str, str, str]:
    dots = "..." if "..." in span else ".."
    base, _, head = span.partition(dots)
    return base or "HEAD", dots, head


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


def lock_folder(workspace: Workspace) -> Path:
    """The folder that flow names are relative to."""
    return Path(os.path.abspath(workspace.settings.lock)).parent


class _Subtree:
    """A folder of a git tree, as a tree."""

    def __init__(self, tree: GitTree, prefix: str) -> None:
        self._tree, self._prefix = tree, prefix

    def read(self, path: str) -> str | None:
        """Text of the file, or None."""
        return self._tree.read(f"{self._prefix}{path}")


def _plans_at(workspace: Workspace, top: Path, revision: str, words: Sequence[str]) -> dict[str, Plan]:
    base = lock_folder(workspace)
    plans: dict[str, Plan] = {}
    readers: dict[str, Reader] = {}
    with GitTree(top, revision) as tree:
        for word in words:
            path, _, function = word.rpartition(":") if not Path(word).exists() and ":" in word else (word, "", "")
            inside = _inside(Path(path), top)
            for file in _git(top, "ls-tree", "-r", "-z", "--name-only", tree.commit, "--", inside).split("\0"):
                if file.endswith(".py") and "flow" in (tree.read(file) or ""):
                    root = find_root(top / file)
                    prefix = "" if root == top.resolve() else f"{_inside(root, top)}/"
                    name = Path(os.path.relpath(top / file, base)).as_posix()
                    local = file.removeprefix(prefix)
                    reader = readers.setdefault(prefix, Reader(_Subtree(tree, prefix)))
                    for flow in flows_of(reader, local, name, function or None):
                        plans[flow.name] = flow.plan
    return plans


def _inside(path: Path, top: Path) -> str:
    place = Path(os.path.abspath(path))
    for root in (top, top.resolve()):
        if place.is_relative_to(root):
            return place.relative_to(root).as_posix()
    raise SourceError(f"{path} is outside the git repository {top}.", mend="Give a path inside the repository.")


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # a file name need not be text
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(f"git cannot be run: {error}", mend="Install git.") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise SourceError(f"git: {said[-1] if said else 'failed'}", mend="Run this inside a git repository.")
    return done.stdout


def _by_name(workspace: Workspace, old: Mapping[str, Plan], new: Mapping[str, Plan]) -> list[FlowDiff]:
    return [diff_plans(workspace, name, old.get(name), new.get(name)) for name in sorted({*old, *new})]


def _judged(workspace: Workspace, plan: Plan | None) -> Assessment | None:
    return None if plan is None else assess(plan, workspace.ground, workspace.requester())


def _deltas(
    found: PlanDiff | None,
    before: Plan | None,
    after: Plan | None,
    old: Assessment | None,
    new: Assessment | None,
) -> tuple[StepDelta, ...]:
    if found is None:
        steps = [(step.step_id, None) for step in before.steps] if before is not None else []
        steps_after = [(None, step.step_id) for step in after.steps] if after is not None else []
        pairs: list[tuple[str | None, str | None]] = [*steps, *steps_after]
    else:
        pairs = [
            *((None, step.step_id) for step in found.added),
            *((change.old.step_id, change.step_id) for change in found.changed),
            *((step.step_id, None) for step in found.removed),
        ]
    return tuple(_delta(a, b, old, new) for a, b in pairs)


def _delta(a: str | None, b: str | None, old: Assessment | None, new: Assessment | None) -> StepDelta:
    left = old.steps[a] if old is not None and a is not None else None
    right = new.steps[b] if new is not None and b is not None else None
    decision = right.decision if right is not None else None
    return StepDelta(
        step_id=str(b if b is not None else a),
        tier=(int(left.tier) if left else None, int(right.tier) if right else None),
        verdict=(str(left.verdict) if left else None, str(right.verdict) if right else None),
        rule=decision.rule if decision else None,
        why=right.findings[0].reason if right is not None and right.findings else None,
        approval=decision.approval if decision else None,
    )


def _tier(judged: Assessment | None) -> int | None:
    return None if judged is None else int(judged.tier)


def _verdict(judged: Assessment | None) -> str | None:
    return None if judged is None else str(judged.verdict)


def plans_by_name(flows: Sequence[FlowPlan]) -> dict[str, Plan]:
    """Name to plan."""
    return {flow.name: flow.plan for flow in flows}
