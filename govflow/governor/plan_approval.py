"""Approval of a whole plan before the first line of its flow, for approval rules whose scope is the plan.

People see every step that the answer covers, and the parameters of the flow. A step that is covered passes at its call
as long as it is what was shown: the same plan and policy, the same approval rule, and no higher tier. Any other asks
for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.governor.approval import Asked, approval, standing
from govflow.governor.assess import StepAssessment
from govflow.governor.explain import details_of
from govflow.governor.governed_run import Cover, GovernedRun, Permit
from govflow.governor.port import Command, Port, Steps
from govflow.governor.values import keyed, sealed_values
from govflow.ir.models import Multiplicity, StepKind
from govflow.policy.model import Verdict

PLAN: Final = "*plan:"
"""Stands in the step id of a request that is for a whole plan, before the name of its approval rule."""


@dataclass(frozen=True, slots=True)
class _Group:
    """The steps that one approval rule is asked about at once, strictest first."""

    rule: str
    permits: Sequence[Permit]


def approve_plan(run: GovernedRun, new_id: Callable[[], str]) -> Steps[None]:
    """Wait for the approvals that the whole plan needs, and claim them for this run.

    Raises:
        Refused: denied, expired, revoked, or claimed by another execution.
    """
    for group in (yield from _groups(run)):
        request = yield from approval(run, _asked(run, group, suspends=False), new_id())
        run.plan_requests.append(request)
        _cover(run, group, request)


def adopt_covers(run: GovernedRun) -> Steps[None]:
    """Know the approvals of the whole plan that the process of the flow has claimed for this run."""
    facts = run.facts
    for group in (yield from _groups(run)):
        known = yield Command(partial(_requests, run, f"{facts.flow}/{PLAN}{group.rule}"))
        latest = known[0] if known else None
        if latest is None or latest.state is not RequestState.EXERCISED:
            continue
        if (latest.binding.ir_hash, latest.binding.policy_digest) == (run.ir_hash, facts.ground.engine.digest):
            _cover(run, group, latest)


def _cover(run: GovernedRun, group: _Group, request: ApprovalRequest) -> None:
    """Let the steps pass that people were shown: at another time the policy may ask about more of them."""
    steps: Any = request.summary.get("steps", ())
    shown = {step["step_id"] for step in steps}
    for permit in group.permits:
        if permit.step.step_id in shown:
            run.covered[permit.step.step_id] = Cover(request.request_id, permit.assessment.tier, group.rule)


def _requests(run: GovernedRun, step_id: str, port: Port) -> list[ApprovalRequest]:
    return port.requests(run.facts.ground.tenant, run.facts.run_id, step_id, None)


def plan_ahead(run: GovernedRun, new_id: Callable[[], str]) -> Steps[list[ApprovalRequest]]:
    """The requests for the whole plan that nobody has answered, opened if there are none; nobody waits for them here.

    Raises:
        Refused: people have said no.
    """
    found = []
    for group in (yield from _groups(run)):
        request = yield from standing(run, _asked(run, group, suspends=True), new_id())
        if request is not None and request.state is RequestState.PENDING:
            found.append(request)
    return found


def _groups(run: GovernedRun) -> Steps[list[_Group]]:
    if not run.enforce or run.stopped is not None:
        return []
    groups: list[_Group] = yield Command(lambda port: _by_rule(run, port))
    return groups


def _by_rule(run: GovernedRun, port: Port) -> list[_Group]:
    found: dict[str, list[Permit]] = {}
    for permit in run.permits.values():
        judged = permit.assessment
        name = judged.rule_name
        # What could not be read cannot be shown: it asks when it is known what it is.
        if name is None or judged.verdict is not Verdict.ESCALATE or permit.step.kind is StepKind.UNRESOLVED:
            continue
        if port.rule(name, judged.tier).scope == "plan":
            found.setdefault(name, []).append(permit)
    return [_Group(name, sorted(permits, key=lambda one: -one.assessment.tier)) for name, permits in found.items()]


def _asked(run: GovernedRun, group: _Group, *, suspends: bool) -> Asked:
    facts, strictest = run.facts, group.permits[0]
    step = strictest.step.model_copy(
        update={
            "step_id": f"{facts.flow}/{PLAN}{group.rule}",
            "callee": facts.flow,
            "multiplicity": Multiplicity.ONE,
            "retries": 0,
        }
    )
    judged: StepAssessment = replace(strictest.assessment, step=step)
    steps: list[Mapping[str, Any]] = [details_of(permit.assessment, facts.ground) for permit in group.permits]
    count = "1 step" if len(steps) == 1 else f"{len(steps)} steps"
    return Asked(
        permit=replace(strictest, step=step, assessment=judged),
        assessment=judged,
        task_run_id=f"plan-{facts.run_id}",
        bound=sealed_values(facts.parameters, f"flow {facts.flow}"),
        sealed=partial(_sealed, run),
        suspends=suspends,
        covers=[permit.assessment for permit in group.permits],
        reason=f"The plan of {facts.flow} has {count} that need approval, up to tier {int(judged.tier)}",
        shown={"steps": steps, "scope": "plan"},
    )


def _sealed(run: GovernedRun, key: bytes) -> Mapping[str, Any]:
    return sealed_values(run.facts.parameters, f"flow {run.facts.flow}", keyed(key))
