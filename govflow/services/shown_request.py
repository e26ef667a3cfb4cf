"""A request with all that a person looks at before answering it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from govflow.approval import ApprovalRequest
from govflow.governor.assess import Assessment, assess
from govflow.ir.diff import diff
from govflow.ir.models import Plan
from govflow.services.decide_approvals import show_request
from govflow.services.describe.differences import diff_text
from govflow.services.describe.pictures.drawing import Drawing, draw
from govflow.services.describe.pictures.svg import plans_svg
from govflow.services.workspace import Workspace
from govflow.store.plans import ApprovedPlan


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of the plan as a table shows it."""

    step_id: str
    action: str
    resource: str
    tier: int
    verdict: str
    asked: bool  # the request is for this one


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """The plan that the run goes by, drawn and told."""

    plan_hash: str
    drawing: Drawing
    rows: tuple[StepRow, ...]
    approved_by: str
    at: datetime
    trusted: bool
    changes: str  # against the plan that was approved before it, in words; empty where there is none

    def svg(self) -> str:
        """A picture of its own."""
        return plans_svg([self.drawing], self.drawing.title)


def shown_plan(workspace: Workspace, request_id: str) -> ShownPlan | None:
    """The plan behind a request; None where the store does not hold it, as for a run that was only observed.

    Raises:
        RequestError: there is no such request in this tenant.
    """
    request = show_request(workspace, request_id).request
    plans, wanted = workspace.store.plans, str(request.summary.get("plan_hash", ""))
    held = plans.of_hash(request.binding.tenant, wanted, request.created_at)
    if held is None:
        return None
    plan = held.plan
    judged = assess(plan, workspace.ground, workspace.as_policy_says(request.requester), workspace.opened_at)
    return ShownPlan(
        plan_hash=held.plan_hash,
        drawing=draw(held.flow, plan, judged),
        rows=tuple(_rows(plan, judged, _asked(request))),
        approved_by=held.principal,
        at=held.at,
        trusted=held.trusted,
        changes=_changes(plans.before(held), held),
    )


def _rows(plan: Plan, judged: Assessment, asked: frozenset[str]) -> Sequence[StepRow]:
    made = []
    for step in plan.steps:
        one = judged.steps[step.step_id]
        made.append(
            StepRow(
                step_id=step.step_id,
                action=one.action,
                resource=one.resource,
                tier=int(one.tier),
                verdict=str(one.verdict),
                asked=step.step_id in asked,
            )
        )
    return sorted(made, key=lambda row: (not row.asked, -row.tier))


def _asked(request: ApprovalRequest) -> frozenset[str]:
    covered = request.summary.get("steps")
    ids = [str(one.get("step_id")) for one in covered if isinstance(one, dict)] if isinstance(covered, list) else []
    return frozenset({request.binding.step_id, *ids})


def _changes(earlier: ApprovedPlan | None, held: ApprovedPlan) -> str:
    if earlier is None:
        return ""
    return diff_text(held.flow, diff(earlier.plan, held.plan))
