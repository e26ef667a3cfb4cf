"""What changed between two readings of flows, with tiers, verdicts and who would have to approve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from govflow.approval import rule_for_deeds, who_may
from govflow.approval.stages import approvers_of, fewest
from govflow.errors import PolicyError
from govflow.governor.assess import Assessment, StepAssessment, assess
from govflow.governor.explain import deeds_of
from govflow.ir.changes import PlanDiff
from govflow.ir.diff import diff
from govflow.ir.hashing import plan_hash
from govflow.ir.models import Plan
from govflow.policy.model import Verdict
from govflow.services.findings import CheckFinding
from govflow.services.match_flows import match_flows
from govflow.services.workspace import Workspace
from govflow.telemetry import redact_named


@dataclass(frozen=True, slots=True)
class Ask:
    """Who would have to approve a step."""

    rule: str  # the approval rule
    required: int
    approvers: tuple[str, ...]  # selectors: ``role:owner``, ``user:bob``, ``*``
    people: tuple[str, ...]  # those of the policy file's principals who hold one of the roles
    words: str  # the same as a sentence

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "rule": self.rule,
            "required": self.required,
            "approvers": list(self.approvers),
            "people": list(self.people),
        }


@dataclass(frozen=True, slots=True)
class StepDelta:
    """Tier and verdict of one step that changed; None on the side where it is not there."""

    step_id: str
    tier: tuple[int | None, int | None]
    verdict: tuple[str | None, str | None]
    rule: str | None  # the policy rule of the newer side
    why: str | None  # what set the newer tier
    approval: str | None  # the approval rule that would be asked
    asks: Ask | None = None  # where the newer side needs approval

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "step_id": self.step_id,
            "tier": list(self.tier),
            "verdict": list(self.verdict),
            "rule": self.rule,
            "why": self.why,
            "approval": self.approval,
            "asks": self.asks.to_dict() if self.asks is not None else None,
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
    was: str | None = None  # the older name of a flow that was moved or renamed

    def __bool__(self) -> bool:
        return self.diff is None or bool(self.diff) or self.was is not None

    @property
    def kind(self) -> str:
        """``added``, ``removed``, ``changed``, ``moved`` or ``unchanged``."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "changed" if self.diff else "unchanged" if self.was is None else "moved"

    @property
    def hash_after(self) -> str:
        """The hash of the newer plan; empty where there is none."""
        if self.diff is not None:
            return self.diff.loaded_hash
        return plan_hash(self.after) if self.after is not None else ""

    @property
    def needs_approval(self) -> bool:
        """Whether a step that is new or changed waits for people."""
        return any(delta.verdict[1] == Verdict.ESCALATE for delta in self.deltas)

    @property
    def denied(self) -> bool:
        """Whether a step that is new or changed is denied."""
        return any(delta.verdict[1] == Verdict.REJECT for delta in self.deltas)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "name": self.name,
            "was": self.was,
            "kind": self.kind,
            "tier": list(self.tier),
            "verdict": list(self.verdict),
            "diff": self.diff.to_dict() if self.diff is not None else None,
            "steps": [delta.to_dict() for delta in self.deltas],
        }


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: plans by flow name, and what of it could not be read."""

    plans: Mapping[str, Plan]
    unread: tuple[CheckFinding, ...] = ()
    hashes: Mapping[str, str] | None = None  # of the plans, where they are known
    steps: Mapping[str, Mapping[str, str]] | None = None  # step hashes by flow, of plans whose values are masked


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every flow of two sides, by name, and the files that could not be compared."""

    flows: tuple[FlowDiff, ...]
    unread: tuple[CheckFinding, ...] = ()

    @property
    def changed(self) -> tuple[FlowDiff, ...]:
        """Those that differ."""
        return tuple(change for change in self.flows if change)


_EMPTY: Final[Mapping[str, Mapping[str, str]]] = {}


def diff_sides(workspace: Workspace, before: Side, after: Side) -> Comparison:
    """Compare two sides; both are judged by the policy and the tier rules of ``workspace``."""
    was = match_flows(before.plans, after.plans)
    taken = set(was.values())
    # A flow is not gone when its file could not be read.
    unread = {finding.flow for finding in (*before.unread, *after.unread)}
    names = sorted({*after.plans, *(name for name in before.plans if name not in taken)})
    flows = [
        _compare(workspace, name, was.get(name), before, after)
        for name in names
        if (name in before.plans and name in after.plans) or unread.isdisjoint(_places(name))
    ]
    return Comparison(tuple(flows), (*before.unread, *after.unread))


def _places(name: str) -> tuple[str, ...]:
    """A flow, its file, and the folders that this lies in."""
    file = PurePosixPath(name.rpartition(":")[0])
    return name, str(file), *map(str, file.parents)


def diff_plans(
    workspace: Workspace,
    name: str,
    before: Plan | None,
    after: Plan | None,
    *,
    was: str | None = None,
    hashes: tuple[str | None, str | None] = (None, None),
    steps: tuple[Mapping[str, str] | None, Mapping[str, str] | None] = (None, None),
) -> FlowDiff:
    """Compare two readings of one flow, judged by the same policy and tier rules.

    Args:
        workspace: policy and tiers to judge by.
        name: of the flow.
        before: the older reading, None where there is no such flow.
        after: the newer one.
        was: the older name, if it is another.
        hashes: of the two plans, where they are known.
        steps: step hashes of the two, where a plan's values were masked after it was hashed.
    """
    old, new = _judged(workspace, before), _judged(workspace, after)
    found = None
    if before is not None and after is not None:
        found = diff(
            before,
            after,
            approved_hash=hashes[0],
            loaded_hash=hashes[1],
            approved_steps=steps[0],
            loaded_steps=steps[1],
        ).masked(redact_named)
    return FlowDiff(
        name,
        before,
        after,
        found,
        _deltas(workspace, found, before, after, old, new),
        (_tier(old), _tier(new)),
        (_verdict(old), _verdict(new)),
        was,
    )


def _compare(workspace: Workspace, name: str, was: str | None, before: Side, after: Side) -> FlowDiff:
    older = was or name
    return diff_plans(
        workspace,
        name,
        before.plans.get(older),
        after.plans.get(name),
        was=was,
        hashes=((before.hashes or {}).get(older), (after.hashes or {}).get(name)),
        steps=((before.steps or _EMPTY).get(older), (after.steps or _EMPTY).get(name)),
    )


def _judged(workspace: Workspace, plan: Plan | None) -> Assessment | None:
    return None if plan is None else assess(plan, workspace.ground, workspace.requester(), workspace.opened_at)


def _deltas(
    workspace: Workspace,
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
    return tuple(_delta(workspace, a, b, old, new) for a, b in pairs)


def _delta(
    workspace: Workspace, a: str | None, b: str | None, old: Assessment | None, new: Assessment | None
) -> StepDelta:
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
        asks=ask_of(workspace, right) if right is not None else None,
    )


def ask_of(workspace: Workspace, judged: StepAssessment) -> Ask | None:
    """Who would have to approve a step; None when nobody is asked, or the rule that it names is not there."""
    if judged.verdict is not Verdict.ESCALATE:
        return None
    try:
        rule = workspace.approval_rule(judged.step.approval or judged.decision.approval, judged.tier)
    except PolicyError:
        return None
    rule = rule_for_deeds(rule, deeds_of(judged))
    approvers = approvers_of(rule)
    roles = {approver.removeprefix("role:") for approver in approvers if approver.startswith("role:")}
    people = tuple(sorted(name for name, held in workspace.principals.items() if roles & set(held)))
    return Ask(rule.name, fewest(rule), approvers, people, who_may(rule))


def _tier(judged: Assessment | None) -> int | None:
    return None if judged is None else int(judged.tier)


def _verdict(judged: Assessment | None) -> str | None:
    return None if judged is None else str(judged.verdict)
