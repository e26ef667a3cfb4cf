"""Everything for CI in one report: code against lock, tiers, policy verdicts, and what could not be read.

Reported is what the change introduces: what the base does not have (:mod:`govflow.services.check_base`). The lock file
is the base unless a revision is named: in CI it is what the reviewers of a change see and agree to. At run time it is
not trusted alone; there the store's record of an approved plan is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from govflow.services.baseline import Baseline
from govflow.services.check_base import Novelty, base_of_lock, base_of_revision
from govflow.services.diff_plans import Comparison, FlowDiff, Side, diff_sides
from govflow.services.find_drift import find_drift, find_raised_tiers
from govflow.services.find_in_flow import find_in_flow
from govflow.services.findings import CheckFinding, Level, numbered
from govflow.services.lock_file import lock_folder, present_lock
from govflow.services.plan_flows import FlowPlan, Reading
from govflow.services.sides import covers, read_held, side_of_lock, side_of_tree
from govflow.services.source_lines import SourceLines, located
from govflow.services.workspace import Workspace


@dataclass(frozen=True, slots=True)
class CheckedFlow:
    """A flow that was looked at, and what became of it since the base."""

    name: str
    plan_hash: str
    tier: int
    verdict: str
    diff: FlowDiff

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "name": self.name,
            "plan_hash": self.plan_hash,
            "tier": self.tier,
            "verdict": self.verdict,
            "change": self.diff.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The findings, worst first within each flow, and the flows that were looked at."""

    findings: tuple[CheckFinding, ...]
    flows: tuple[CheckedFlow, ...]
    changes: tuple[FlowDiff, ...]  # from the base to the code
    drift: tuple[FlowDiff, ...] = ()  # from the lock file to the code
    base: str = "govflow.lock"
    locked: bool = True  # the base is the lock file
    words: tuple[str, ...] = ()  # what was checked, as it was given
    prefix: str = ""  # from the top of the repository to the folder that files are relative to
    older: tuple[CheckFinding, ...] = ()  # left out: the base has them too
    accepted: tuple[CheckFinding, ...] = ()  # left out: the baseline file has them
    command: str = "govflow check"  # that made the report
    counted: str = ""  # what was looked at, if it is not flows: "28 policy rules"
    looked_at: tuple[str, ...] = ()  # what findings are of, if it is not flows
    fails: frozenset[Level] = frozenset({Level.ERROR})  # the weights that fail it

    @property
    def clean(self) -> bool:
        """Whether nothing that was found fails the check."""
        return all(finding.level not in self.fails for finding in self.findings)

    @property
    def needs_approval(self) -> bool:
        """Whether people would have to approve something that is reported."""
        return any(finding.code == "GF203" for finding in self.findings)

    def count(self, level: Level) -> int:
        """How many findings of that weight."""
        return sum(finding.level is level for finding in self.findings)

    def path(self, file: str) -> str:
        """A finding's file as the top of the repository sees it."""
        return os.path.normpath(os.path.join(self.prefix, file)).replace(os.sep, "/")

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "version": 1,
            "clean": self.clean,
            "needs_approval": self.needs_approval,
            "base": self.base,
            "errors": self.count(Level.ERROR),
            "warnings": self.count(Level.WARNING),
            "notes": self.count(Level.NOTE),
            "older": len(self.older),
            "accepted": len(self.accepted),
            "findings": [finding.to_dict() for finding in self.findings],
            "flows": [flow.to_dict() for flow in self.flows],
        }


def check_plans(
    workspace: Workspace,
    words: Sequence[str],
    *,
    base: str | None = None,
    everything: bool = False,
    baseline: Baseline | None = None,
) -> CheckReport:
    """Check the flows of files and folders. Nothing is imported, run or written.

    Args:
        workspace: policy, tiers and the lock file to check against.
        words: ``PATH`` or ``PATH:FLOW``.
        base: a git revision: what is new is what the commit does not have at which it and ``HEAD`` parted. Without
            it, what the lock file does not have.
        everything: report what the base has too.
        baseline: findings to leave out.

    Raises:
        InputError: something that the check needs cannot be used: a path, the policy, the lock, a revision.
    """
    lock = present_lock(workspace)
    reading = read_held(workspace, words, lock)
    side, locked = side_of_tree(reading), side_of_lock(workspace, lock, reading)
    drift = diff_sides(workspace, locked, side)
    compared = base_of_revision(workspace, base, words) if base else base_of_lock(workspace, locked)
    changes = drift if compared.locked else diff_sides(workspace, compared.side, side)
    found = numbered(_findings(workspace, side, drift, changes))
    new = found if everything else Novelty(workspace, compared, changes).new(found)
    held = baseline.fingerprints if baseline is not None else frozenset()
    accepted = [one for one in found if one.fingerprint in held]
    chosen = [one for one in new if one.fingerprint not in held]
    chosen += _unused(workspace, reading, baseline, {one.fingerprint for one in accepted})
    shown = {id(one) for one in new}
    by_name = {change.name: change for change in (*drift.flows, *changes.flows)}
    return CheckReport(
        findings=tuple(sorted(located(chosen, SourceLines(lock_folder(workspace))), key=_order)),
        flows=tuple(_checked(by_name[name]) for name in side.plans),
        changes=changes.flows,
        drift=drift.flows,
        base=compared.name,
        locked=compared.locked,
        words=tuple(words),
        prefix=_prefix(lock_folder(workspace)),
        older=tuple(one for one in found if id(one) not in shown),
        accepted=tuple(accepted),
    )


def _findings(workspace: Workspace, side: Side, drift: Comparison, changes: Comparison) -> Iterator[CheckFinding]:
    yield from side.unread
    yield from find_drift(drift.flows)
    yield from find_raised_tiers(changes.flows)
    said: set[str] = set()
    for name, plan in side.plans.items():
        for finding in find_in_flow(workspace, FlowPlan(name, plan)):
            if finding.code != "GF205" or finding.key not in said:
                yield finding
            if finding.code == "GF205":
                said.add(finding.key)  # of the policy, not of one flow: once is enough


def _unused(
    workspace: Workspace, reading: Reading, baseline: Baseline | None, used: Iterable[str]
) -> Iterator[CheckFinding]:
    """Entries that match nothing, of flows that were looked at."""
    if baseline is None:
        return
    seen = {flow.name for flow in reading.flows} | {one.file for one in reading.unread}
    held = set(used)
    file = Path(os.path.relpath(baseline.path, lock_folder(workspace))).as_posix()
    for entry in baseline.entries:
        if entry.fingerprint not in held and (entry.flow in seen or covers(workspace, reading, entry.flow)):
            message = f"{baseline.path} accepts {entry.code} here, and it is no longer found: {entry.message}"
            mend = f"Write it again: govflow check PATH --baseline {baseline.path} --write-baseline"
            step = entry.step_id or None
            yield CheckFinding("GF401", entry.flow, message, mend, step, file=file, key=entry.fingerprint)


def _checked(change: FlowDiff) -> CheckedFlow:
    assert change.after is not None
    return CheckedFlow(change.name, change.hash_after, int(change.tier[1] or 0), str(change.verdict[1]), change)


def _order(finding: CheckFinding) -> tuple[object, ...]:
    return (finding.flow, list(Level).index(finding.level), finding.code, finding.line or 0, finding.step_id or "")


def _prefix(folder: Path) -> str:
    """From the top of the git repository to a folder; nothing where there is no repository."""
    for top in (folder, *folder.parents):
        if (top / ".git").exists():
            return "" if top == folder else folder.relative_to(top).as_posix()
    return ""
