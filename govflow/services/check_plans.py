"""Everything for CI in one report: code against lock, tiers, policy verdicts, and what could not be read.

The lock file is the left side: in CI it is what the reviewers of a change see and agree to. At run time it is not
trusted alone; there the store's record of an approved plan is.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from govflow.approval import unsatisfiable
from govflow.errors import PolicyError
from govflow.governor.assess import Assessment, StepAssessment, assess, mandatory
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import Lock
from govflow.ir.models import Plan, Step, StepKind
from govflow.policy.model import Verdict
from govflow.services.diff_plans import FlowDiff, diff_lock, lock_folder, read_lock
from govflow.services.findings import CheckFinding, Level
from govflow.services.literal_secrets import secrets_of_flow, secrets_of_step
from govflow.services.plan_flows import FlowPlan, Reading, place_in, read_flows
from govflow.services.workspace import Workspace

_LOCK_IT = "Have the change reviewed, then write the lock again: govflow lock {path}"


@dataclass(frozen=True, slots=True)
class CheckedFlow:
    """A flow that was looked at."""

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
    changes: tuple[FlowDiff, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing that was found fails the check."""
        return all(finding.level is not Level.ERROR for finding in self.findings)

    def count(self, level: Level) -> int:
        """How many findings of that weight."""
        return sum(finding.level is level for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "clean": self.clean,
            "errors": self.count(Level.ERROR),
            "warnings": self.count(Level.WARNING),
            "findings": [finding.to_dict() for finding in self.findings],
            "flows": [flow.to_dict() for flow in self.flows],
        }


def check_plans(workspace: Workspace, words: Sequence[str]) -> CheckReport:
    """Check the flows of files and folders. Nothing is imported, run or written.

    Args:
        workspace: policy, tiers and the lock file to check against.
        words: ``PATH`` or ``PATH:FLOW``.

    Raises:
        InputError: something that the check needs cannot be used: a path, the policy, the lock, a word of a plan.
    """
    lock = _lock(workspace)
    reading = read_flows(words, lock_folder(workspace), workspace.vocabulary)
    changes = tuple(diff_lock(workspace, reading, lock))
    by_name = {change.name: change for change in changes}
    findings = [
        CheckFinding("GF303", unread.file, unread.error.message, unread.error.mend, file=unread.file)
        for unread in reading.unread
    ]
    flows = []
    for flow in reading.flows:
        judged = assess(flow.plan, workspace.ground, workspace.requester())
        change = by_name[flow.name]
        flows.append(CheckedFlow(flow.name, plan_hash(flow.plan), int(judged.tier), str(judged.verdict), change))
        findings += [*_drift(change), *_verdicts(workspace, flow, judged), *_remarks(flow), *_secrets(flow)]
    findings += [finding for change in changes if change.after is None for finding in _drift(change)]
    findings += _approval_rules(workspace, reading)
    order = list(Level)
    findings.sort(key=lambda finding: (finding.flow, order.index(finding.level), finding.code))
    return CheckReport(tuple(findings), tuple(flows), changes)


def _lock(workspace: Workspace) -> Lock:
    """The lock file; an empty lock when there is none, so that every flow is reported as not locked."""
    path = workspace.settings.lock
    return read_lock(path) if path.exists() or path.is_symlink() else Lock()


def _drift(change: FlowDiff) -> Iterator[CheckFinding]:
    path = change.name.rpartition(":")[0]
    mend = _LOCK_IT.format(path=path)
    if change.kind == "added":
        yield CheckFinding("GF101", change.name, "The flow is not in the lock file.", f"govflow lock {path}", file=path)
    elif change.kind == "removed":
        message = "The lock file holds this flow, and the source does not."
        yield CheckFinding("GF103", change.name, message, mend, file=path)
    elif change.kind == "changed":
        assert change.diff is not None
        message = f"The plan is not the locked one: {len(change.diff.lines())} difference(s)."
        yield CheckFinding("GF102", change.name, message, mend, file=path)
        before, after = change.tier
        if before is not None and after is not None and after > before:
            yield CheckFinding("GF104", change.name, f"The change raises the flow from tier {before} to {after}.")


def _verdicts(workspace: Workspace, flow: FlowPlan, judged: Assessment) -> Iterator[CheckFinding]:
    for step in flow.plan.steps:
        assessment = judged.steps[step.step_id]
        file, line = place_of(flow, step)
        if assessment.verdict is Verdict.REJECT:
            certain = mandatory(step) or step.kind in (StepKind.BODY, StepKind.UNRESOLVED)
            yield CheckFinding(
                "GF201" if certain else "GF202",
                flow.name,
                f"Rule {assessment.decision.rule!r} denies it in {workspace.settings.environment}: "
                f"{assessment.decision.reason}",
                f"A policy whose rules allow {step.action} on {assessment.resource} would let it pass.",
                step.step_id,
                file,
                line,
            )
        elif assessment.verdict is Verdict.ESCALATE:
            yield CheckFinding("GF203", flow.name, _question(workspace, step, assessment), "", step.step_id, file, line)
        name = step.approval or assessment.decision.approval
        if name is not None and name not in workspace.approvals:
            yield _no_rule(workspace, flow, step, name)
        if step.kind is StepKind.UNRESOLVED:
            message = f"The call could not be read: {step.reason or 'no reason was given'}"
            yield CheckFinding("GF301", flow.name, message, "Call the task by its name.", step.step_id, file, line)


def _question(workspace: Workspace, step: Step, assessment: StepAssessment) -> str:
    name = step.approval or assessment.decision.approval
    why = assessment.findings[0].reason if assessment.findings else "by policy"
    try:
        rule = workspace.approval_rule(name, assessment.tier)
    except PolicyError:
        return f"It needs approval (tier {int(assessment.tier)}: {why})."
    people = "one person" if rule.required == 1 else f"{rule.required} people"
    return f"It needs approval by {people}, rule {rule.name} (tier {int(assessment.tier)}: {why})."


def _no_rule(workspace: Workspace, flow: FlowPlan, step: Step, name: str) -> CheckFinding:
    known = ", ".join(sorted(workspace.approvals)) or "none"
    file, line = place_of(flow, step)
    return CheckFinding(
        "GF204",
        flow.name,
        f"The approval rule {name!r} is not in {workspace.document.where}; there are: {known}.",
        f"Add it under 'approvals' of {workspace.document.where}.",
        step.step_id,
        file,
        line,
    )


def _remarks(flow: FlowPlan) -> Iterator[CheckFinding]:
    folder = posixpath.dirname(flow.name.rpartition(":")[0])
    for finding in flow.plan.findings:
        file = posixpath.normpath(posixpath.join(folder, finding.file)) if finding.file else None
        message = f"{finding.code}: {finding.message}"
        yield CheckFinding("GF302", flow.name, message, "", None, file, finding.line)


def _secrets(flow: FlowPlan) -> Iterator[CheckFinding]:
    """Names alone: what stands there is not repeated."""
    said = "seems to hold a secret that stands in the source; plan, lock file and database keep it as it is."
    mend = "Take it from a secret block or the environment when the step runs, and replace it where it was used."
    path = flow.name.rpartition(":")[0]
    for name in secrets_of_flow(flow.plan):
        yield CheckFinding("GF304", flow.name, f"The default of parameter {name!r} {said}", mend, None, path)
    for step in flow.plan.steps:
        file, line = place_of(flow, step)
        for name in secrets_of_step(step):
            yield CheckFinding("GF304", flow.name, f"{name!r} {said}", mend, step.step_id, file, line)


def _approval_rules(workspace: Workspace, reading: Reading) -> Iterator[CheckFinding]:
    """Rules that can never be met, once each; only those that the flows at hand would ask."""
    asked: dict[str, str] = {}
    for flow in reading.flows:
        judged = assess(flow.plan, workspace.ground, workspace.requester())
        for step in flow.plan.steps:
            decision = judged.steps[step.step_id].decision
            if judged.steps[step.step_id].verdict is Verdict.ESCALATE and (name := step.approval or decision.approval):
                asked.setdefault(name, flow.name)
    for name, flow_name in asked.items():
        rule = workspace.approvals.get(name)
        why = unsatisfiable(rule, workspace.known(), None) if rule is not None else None
        if why is not None:
            mend = f"Name more people under approvals.{name} of {workspace.document.where}."
            yield CheckFinding("GF205", flow_name, why, mend)


def place_of(flow: FlowPlan, step: Step) -> tuple[str | None, int | None]:
    """File and line of a step's call, the file as flow names have it."""
    return place_in(flow.name, step)


def locked_plan_of(lock: Lock, name: str) -> Plan | None:
    """The plan that a lock holds under a name."""
    held = lock.flows.get(name)
    return held.plan if held is not None else None
