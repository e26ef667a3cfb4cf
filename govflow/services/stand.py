"""Standing approvals: asking people to let a step run more than once, within stated bounds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue

from govflow.approval import ApprovalRequest, ApprovalRule, Binding, open_request
from govflow.approval.effective import rule_for_deeds
from govflow.approval.models import Standing
from govflow.approval.stages import fewest
from govflow.approval.standing import why_refused
from govflow.audit.record import Draft
from govflow.errors import RequestError
from govflow.governor.assess import StepAssessment, judge
from govflow.governor.explain import deeds_of, details_of
from govflow.identity import Principal
from govflow.ir.canonical import canonical_digest
from govflow.policy.model import Verdict
from govflow.services.decide_approvals import kept_reason
from govflow.services.workspace import Workspace
from govflow.store.plans import ApprovedPlan
from govflow.store.requests import STANDING_RUN
from govflow.telemetry import redact

STANDING: Final = "standing"
"""What the summary of its request says under ``wait``: no run waits for the answer."""


def stand(
    workspace: Workspace,
    person: Principal,
    *,
    flow: str,
    step_id: str,
    runs: int,
    until: datetime,
    constraint: Mapping[str, JsonValue],
    reason: str,
    now: datetime,
    new_id: str,
) -> ApprovalRequest:
    """Propose a standing approval. It is a request like any other, and in force once people have approved it.

    Args:
        workspace: whose store, tenant and policy.
        person: who proposes, and therefore does not answer.
        flow: what its approved plan is known by: its name, or ``NAME@FILE:FUNCTION`` where two flows have one name.
        step_id: as ``govflow plan`` shows it.
        runs: how many runs it lets through; each counts once, whatever it does under it.
        until: when it ends, aware; also the end of the time to answer.
        constraint: parameter name to the value that it has to have, or a list of values.
        reason: why, in the person's words.
        now: aware.
        new_id: unique.

    Raises:
        RequestError: the flow has no approved plan, or not this step; the step needs no approval, or its approval rule
            has no ``standing`` terms; the bounds are wider than those; a parameter may be a secret; the same one is
            proposed or in force.
    """
    reason = kept_reason(reason)
    approved = _plan_of(workspace, flow)
    judged = _judged(workspace, approved, step_id, person, now, constraint)
    rule = workspace.approval_rule(judged.rule_name, judged.tier)
    rule = rule_for_deeds(rule, deeds_of(judged))
    _check_bounds(rule, runs, until, now)
    _check_constraint(constraint)
    standing = Standing(
        request_id=new_id,
        tenant=workspace.settings.tenant,
        flow=approved.plan.flow,
        step_id=step_id,
        plan_hash=approved.plan_hash,
        policy_digest=workspace.engine.digest,
        constraint=dict(constraint),
        max_runs=runs,
        expires_at=until,
    )
    asked = _asked(workspace, standing, judged, rule, person, reason, now)
    workspace.store.standing.propose(standing, asked, _draft(asked, standing, now))
    return asked


def list_standing(workspace: Workspace, limit: int = 50) -> list[tuple[Standing, ApprovalRequest]]:
    """Standing approvals of this tenant with their requests as they stand, the newest first."""
    return workspace.store.standing.list(workspace.settings.tenant, limit)


def in_force(workspace: Workspace, standing: Standing, asked: ApprovalRequest, now: datetime) -> str:
    """What a standing approval is good for now, in words: ``in force``, or why it is not."""
    if asked.state != "approved":
        return {"pending": "people are asked"}.get(str(asked.state), str(asked.state))
    if now >= standing.expires_at:
        return "over"
    refused = why_refused(standing)
    if refused is not None:
        return f"refused: {refused}"
    if standing.used >= standing.max_runs:
        return "used up"
    if standing.policy_digest != workspace.engine.digest:
        return "void here: the policy is another one"
    current = workspace.store.plans.named(standing.tenant, standing.flow)
    if current and all(plan.plan_hash != standing.plan_hash for plan in current):
        return "void: the approved plan is another one"
    return "in force"


def constraint_of(words: Iterable[str]) -> dict[str, JsonValue]:
    """What ``NAME=VALUE`` words say; a value that is JSON is that value, and a name twice means either value.

    Raises:
        RequestError: a word is not of that form.
    """
    found: dict[str, list[JsonValue]] = {}
    for word in words:
        name, mark, text = word.partition("=")
        if not mark or not name.strip():
            raise RequestError(f"{word!r} says of no parameter what it has to be.", mend="Write --where NAME=VALUE.")
        try:
            value: JsonValue = json.loads(text)
        except ValueError:
            value = text
        found.setdefault(name.strip(), []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _plan_of(workspace: Workspace, flow: str) -> ApprovedPlan:
    found = workspace.store.plans.named(workspace.settings.tenant, flow)
    if len(found) == 1:
        return found[0]
    if found:
        keys = ", ".join(one.flow for one in found)
        raise RequestError(f"Several flows have the name {flow!r}: {keys}.", mend="Name one of these.")
    raise RequestError(
        f"There is no approved plan of a flow {flow!r}.", mend="Approve it first: govflow lock PATH --approve --as NAME"
    )


def _judged(
    workspace: Workspace,
    approved: ApprovedPlan,
    step_id: str,
    person: Principal,
    now: datetime,
    constraint: Mapping[str, JsonValue],
) -> StepAssessment:
    step = next((one for one in approved.plan.steps if one.step_id == step_id), None)
    if step is None:
        steps = ", ".join(step.step_id for step in approved.plan.steps)
        raise RequestError(
            f"The approved plan of {approved.plan.flow} has no step {step_id!r}.", mend=f"Its steps are: {steps}."
        )
    # A parameter that can have one value alone is as good as one that stands in the source.
    fixed = {name: value for name, value in constraint.items() if not isinstance(value, list)}
    known = step.model_copy(update={"constants": {**step.constants, **fixed}})
    judged = judge(known, approved.plan, workspace.ground, person, now)
    if judged.verdict is not Verdict.ESCALATE:
        said = "denies it" if judged.verdict is Verdict.REJECT else "lets it pass without one"
        raise RequestError(
            f"Nobody is asked about {step_id}: policy rule {judged.decision.rule!r} {said}.",
            mend="A standing approval is for steps that need one.",
        )
    return judged


def _asked(
    workspace: Workspace,
    standing: Standing,
    judged: StepAssessment,
    rule: ApprovalRule,
    person: Principal,
    reason: str,
    now: datetime,
) -> ApprovalRequest:
    """The request that people are asked, for a standing approval as it would be in force."""
    where, until, runs = dict(standing.constraint), standing.expires_at, standing.max_runs
    return open_request(
        request_id=standing.request_id,
        binding=_binding(standing, judged),
        rule=rule,
        requester=person.name,
        tier=judged.tier,
        policy_rule=judged.decision.rule,
        reason=f"Standing approval: {judged.step.callee} may do {judged.action} on {judged.resource} in {_runs(runs)} "
        f"until {until:%Y-%m-%d %H:%M} UTC, up to tier {int(judged.tier)}{_where(where)}. {reason}".strip(),
        summary={
            **details_of(judged, workspace.ground),
            "flow": standing.flow,
            "plan_hash": standing.plan_hash,
            "callee": judged.step.callee,
            "parameters": where,
            "wait": STANDING,
            "standing": {"runs": runs, "until": until.isoformat(), "where": where, "reason": reason},
        },
        now=now,
    ).model_copy(update={"expires_at": until})


def _binding(standing: Standing, judged: StepAssessment) -> Binding:
    """What an answer is bound to: no run has an IR yet, so the terms stand in its place."""
    where = dict(standing.constraint)
    terms = {
        "type": "govflow.standing/1",
        "plan_hash": standing.plan_hash,
        "step_id": standing.step_id,
        "runs": standing.max_runs,
        "until": standing.expires_at.isoformat(),
        "tier": int(judged.tier),
        "where": where,
    }
    return Binding(
        tenant=standing.tenant,
        flow=standing.flow,
        run_id=f"{STANDING_RUN}{standing.request_id}",
        step_id=standing.step_id,
        ir_hash=canonical_digest(terms),
        policy_digest=standing.policy_digest,
        parameters_digest=canonical_digest({"type": "govflow.standing.parameters/1", "where": where}),
    )


def _check_bounds(rule: ApprovalRule, runs: int, until: datetime, now: datetime) -> None:
    terms = rule.standing
    if terms is None:
        raise RequestError(
            f"Approval rule {rule.name!r} lets nothing be approved for more than one run.",
            mend=f"Add 'standing' with max_runs and ttl_seconds to approvals.{rule.name} of the policy.",
        )
    if rule.scope == "plan":
        raise RequestError(
            f"Approval rule {rule.name!r} is asked once about a whole plan; a standing approval is for one step.",
            mend="Write 'scope: step' for what is to be approved beforehand.",
        )
    if not 1 <= runs <= terms.max_runs:
        raise RequestError(
            f"{_runs(runs)}: approval rule {rule.name!r} allows 1 to {terms.max_runs}.", mend="Ask for fewer."
        )
    last = now + timedelta(seconds=terms.ttl_seconds)
    if not now < until <= last:
        raise RequestError(
            f"It cannot end at {until:%Y-%m-%d %H:%M} UTC: approval rule {rule.name!r} allows until "
            f"{last:%Y-%m-%d %H:%M} UTC.",
            mend="Give an end that lies between now and then.",
        )


def _check_constraint(constraint: Mapping[str, Any]) -> None:
    for name, value in constraint.items():
        if redact({name: value}) != {name: value}:
            raise RequestError(
                f"Parameter {name!r} may be a secret, and secrets are compared with nothing.",
                mend="Leave it out, or constrain another parameter.",
            )


def _draft(asked: ApprovalRequest, standing: Standing, now: datetime) -> Draft:
    binding = asked.binding
    return Draft(
        "ir.approval_created",
        binding.tenant,
        now,
        subject=asked.requester,
        run_id=binding.run_id,
        flow=binding.flow,
        step_id=binding.step_id,
        correlation=binding.run_id,
        payload={
            "request_id": asked.request_id,
            "rule": asked.policy_rule,
            "approval_rule": asked.rule.name,
            "required": fewest(asked.rule),
            "tier": int(asked.tier),
            "ir_hash": binding.ir_hash,
            "plan_hash": standing.plan_hash,
            "policy_digest": binding.policy_digest,
            "parameters_digest": binding.parameters_digest,
            "expires_at": asked.expires_at.isoformat(),
            "standing": {"runs": standing.max_runs, "where": sorted(standing.constraint)},
        },
        values={"where": dict(standing.constraint)} if standing.constraint else {},
    )


def _runs(runs: int) -> str:
    return "1 run" if runs == 1 else f"{runs} runs"


def _where(where: Mapping[str, JsonValue]) -> str:
    return " where " + " and ".join(f"{name} is {_shown(value)}" for name, value in where.items()) if where else ""


def _shown(value: JsonValue) -> str:
    values = value if isinstance(value, list) else [value]
    return " or ".join(one if isinstance(one, str) else json.dumps(one) for one in values)
