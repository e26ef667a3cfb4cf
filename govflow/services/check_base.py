"""What a check compares with: the lock file, or the commit at which a branch parted from another.

A finding is old when the base has it too: the same rule, flow, step and key. A base knows only what it can be asked:
the lock file holds plans, so a flow that is still the locked one has no new findings, and of another one its plan is
judged again; what the reader of the source remarked when it was locked is not known. Neither is the policy of that day,
so an error that the policy makes is never taken for old there. A revision is read as a whole, with its own lock file
and its own policy file.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from govflow.errors import GovflowError, InputError
from govflow.ir.lock import Lock, load_lock
from govflow.policy import Layer, PolicyDocument, layered, load_policy, starter
from govflow.services.diff_plans import Comparison, Side, diff_sides
from govflow.services.find_drift import find_drift
from govflow.services.find_in_flow import find_in_flow
from govflow.services.findings import CheckFinding
from govflow.services.plan_flows import FlowPlan
from govflow.services.policy_blocks import block_name
from govflow.services.read_policy import importer
from govflow.services.sides import inside, side_of_revision
from govflow.services.workspace import Workspace, workspace_with
from govflow.sources.revision import Revision, merge_base, top_of

_OF_POLICY: Final = frozenset({"GF201", "GF204", "GF205"})
"""Errors that a change of the policy file alone can make."""


@dataclass(frozen=True, slots=True)
class Base:
    """One base: what it is called, its flows, and the findings that it has."""

    name: str
    side: Side
    findings: tuple[CheckFinding, ...]
    locked: bool  # it is the lock file


def base_of_lock(workspace: Workspace, side: Side) -> Base:
    """The lock file as a base: what is wrong with the plans that it holds."""
    # Those that did not change are not judged twice: `Novelty` takes all of their findings as old.
    return Base(workspace.settings.lock.name, side, (), True)


def base_of_revision(workspace: Workspace, revision: str, words: Sequence[str]) -> Base:
    """Where ``HEAD`` and a revision parted, as a base.

    Raises:
        SourceError: no git, no such revision, or no commit in common.
    """
    top = top_of(Path.cwd())
    with Revision(top, merge_base(top, revision, "HEAD")) as commit:
        side = side_of_revision(workspace, commit, words)
        with _judging(workspace, commit) as judge:
            found = [*side.unread, *_drift(judge, commit, side)]
            for name, plan in side.plans.items():
                found += find_in_flow(judge, FlowPlan(name, plan))
    return Base(revision, side, tuple(found), False)


class Novelty:
    """Tells what a change introduces from what was there before."""

    def __init__(self, workspace: Workspace, base: Base, changes: Comparison) -> None:
        self._base = base
        self._unchanged = {change.name for change in changes.flows if not change}
        self._renamed = {change.was: change.name for change in changes.flows if change.was is not None}
        self._moved = {
            (change.name, move.old_id): move.new_id
            for change in changes.flows
            if change.diff is not None
            for move in change.diff.moved
        }
        found: Iterable[CheckFinding] = base.findings
        if base.locked:
            changed = (change for change in changes.flows if change and change.before is not None)
            found = (
                finding
                for change in changed
                if change.before is not None
                for finding in find_in_flow(workspace, FlowPlan(change.was or change.name, change.before))
            )
        self._old = Counter(self._as_now(finding).identity for finding in found)

    def new(self, findings: Iterable[CheckFinding]) -> list[CheckFinding]:
        """Those that the base does not have, in the order given. As many as there are more of."""
        left = Counter(self._old)
        made = []
        for finding in findings:
            if self._base.locked and finding.code in _OF_POLICY:
                made.append(finding)
            elif left[finding.identity] > 0:
                left[finding.identity] -= 1
            elif not (self._base.locked and finding.flow in self._unchanged):
                made.append(finding)
        return made

    def _as_now(self, finding: CheckFinding) -> CheckFinding:
        """A finding of the base in the names that flow and step have now."""
        flow = self._renamed.get(finding.flow, finding.flow)
        step = finding.step_id
        if step is not None:
            step = self._moved.get((flow, step), step)
        return replace(finding, flow=flow, step_id=step)


def _drift(workspace: Workspace, commit: Revision, side: Side) -> Iterator[CheckFinding]:
    """Code against lock, as both were in the commit."""
    path = workspace.settings.lock
    try:
        text = commit.read(inside(path, commit.top))
        lock = load_lock(text, str(path)) if text is not None else Lock()
    except InputError:
        return  # nothing is known to be old
    locked = Side({name: flow.plan for name, flow in lock.flows.items()})
    yield from find_drift(diff_sides(workspace, locked, side).flows)


@contextmanager
def _judging(workspace: Workspace, commit: Revision) -> Iterator[Workspace]:
    """The workspace with the policy of the commit. One that cannot be read there leaves the policy that is here."""
    policy, layers = workspace.settings.policy, workspace.settings.policy_layers
    named = [file for file in (policy, *layers.values()) if file is not None]
    if not named or any(block_name(file) is not None for file in named):
        yield workspace  # a block has no past: that of now is all that is known
        return
    try:
        if policy is not None:
            document = _policy_of(policy, commit) or starter()
        else:
            found = {Layer(layer): _policy_of(file, commit) for layer, file in layers.items()}
            there = {layer: part for layer, part in found.items() if part is not None}
            document = layered(there) if there else starter()
        judge = workspace_with(workspace.settings, document)
    except GovflowError:
        yield workspace
        return
    try:
        yield judge
    finally:
        judge.close()


def _policy_of(file: Path, commit: Revision) -> PolicyDocument | None:
    """The policy that a commit holds in a file; None where it has no such file."""
    text = commit.read(inside(file, commit.top))
    if text is None:
        return None
    follow = importer(lambda path: commit.read(inside(Path(path), commit.top)))
    return load_policy(text, os.fspath(file), importer=follow)
