"""Why something stopped: the same words in the run's state, the log, the command line and the page.

Every stop names the rule, the tier, the reason, who may approve, until when, and what would make it pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from govflow.approval.models import ApprovalRequest, ApprovalRule
from govflow.approval.wording import who_may
from govflow.errors import (
    ApprovalDenied,
    ApprovalExpired,
    ApprovalRevoked,
    Denied,
    GovflowError,
    Refused,
    StepMissing,
)
from govflow.governor.assess import Ground, StepAssessment
from govflow.ir.models import Effect, Tier
from govflow.telemetry import redact_text

_NAMED: Final = 10  # requests that a state's message names; the page has all of them


def reason_of(assessment: StepAssessment) -> str:
    """One sentence: what the step does, its tier and what made it so."""
    why = assessment.findings[0].reason if assessment.findings else "no tier rule fired"
    deed = f"{assessment.action} on {redact_text(assessment.resource)}"
    return f"{assessment.step.callee} does {deed}: tier {int(assessment.tier)} ({why})"


def details_of(assessment: StepAssessment, ground: Ground) -> dict[str, Any]:
    """The same as fields, for pages and JSON."""
    step, decision = assessment.step, assessment.decision
    return {
        "step_id": step.step_id,
        "action": assessment.action,
        "provider": assessment.provider,
        "resource": redact_text(assessment.resource),
        "effects": [_deed(effect) for effect in step.effects],
        "records": assessment.records,
        "tier": int(assessment.tier),
        "tier_rules": [finding.rule for finding in assessment.findings],
        "rule": decision.rule,
        "reason": decision.reason,
        "policy_digest": decision.policy_digest,
        "environment": ground.environment,
    }


def _deed(effect: Effect) -> str:
    every = ", every row" if effect.unbounded else ""
    return f"{effect.action} {effect.provider} {redact_text(effect.resource)}{every}"


def deeds_of(assessment: StepAssessment) -> list[tuple[Tier, str, str]]:
    """What the step does, each deed with the step's tier: what it was judged for, and every effect of its code."""
    effects = ((str(one.action), str(one.resource)) for one in assessment.step.effects)
    return [(assessment.tier, *deed) for deed in ((assessment.action, assessment.resource), *effects)]


def refusal(assessment: StepAssessment, ground: Ground) -> Denied:
    """What a policy that denies a step says."""
    decision = assessment.decision
    return Denied(
        f"Rule {decision.rule!r} denies this in {ground.environment}: {decision.reason}. {reason_of(assessment)}.",
        mend=f"A policy whose rules allow {assessment.action} on {assessment.resource} would let it pass.",
        details=details_of(assessment, ground),
    )


def as_refusal(error: GovflowError) -> Refused:
    """What an error means for a body: no. Whatever keeps a question from being answered refuses it."""
    if isinstance(error, Refused):
        return error
    return Denied(str(error), mend=error.mend, details={"cause": error.code})


def steps_missing(flow: str, missing: Sequence[str]) -> StepMissing:
    """What a flow says that has ended without steps of its plan."""
    return StepMissing(
        f"Flow {flow!r} ended without {len(missing)} step(s) of its plan: {', '.join(missing)}.",
        mend="A step that may be left out belongs in a branch; an approved plan with it is made by govflow lock.",
        details={"missing": list(missing)},
    )


def who_may_approve(rule: ApprovalRule, requester: str) -> str:
    """Who counts, in words."""
    return f"{who_may(rule)}, but not {requester}, who asked for the run"


def question(request: ApprovalRequest) -> str:
    """What a paused run says of itself, in a few lines."""
    until = request.expires_at.strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"{request.reason} Rule {request.policy_rule!r} asks for approval by "
        f"{who_may_approve(request.rule, request.requester)}; until {until}. "
        f"Answer: govflow approvals approve {request.request_id} --as NAME"
    )


def questions(requests: Sequence[ApprovalRequest]) -> str:
    """What a run says of itself that waits for several answers; for one, :func:`question`."""
    if len(requests) == 1:
        return question(requests[0])
    named = "; ".join(f"{request.request_id}: {step_of(request)}" for request in requests[:_NAMED])
    more = f"; and {len(requests) - _NAMED} more" if len(requests) > _NAMED else ""
    return (
        f"{len(requests)} requests wait, each for an answer of its own: {named}{more}. First: {requests[0].reason} "
        f"Answer each: govflow approvals approve ID --as NAME"
    )


def step_of(request: ApprovalRequest) -> str:
    """The step that a request is for, with its map index."""
    index = request.binding.map_index
    return request.binding.step_id if index is None else f"{request.binding.step_id}[{index}]"


def decided_against(request: ApprovalRequest, votes: Mapping[str, str], note: str = "") -> Refused:
    """The refusal that belongs to a request under which a run may not go on.

    Args:
        request: as it stands; closed, used by somebody else, or approved and overdue.
        votes: for each person who denied, the reason given.
        note: anything else that the reader should know; for a request that was withdrawn, why.
    """
    said = "; ".join(f"{name}: {reason or 'no reason given'}" for name, reason in votes.items())
    details = {"request_id": request.request_id, "state": str(request.state), "step_id": request.binding.step_id}
    again = "Start a new run to ask again."
    if request.state == "denied":
        return ApprovalDenied(f"Denied by {said or 'an approver'}. {note}".strip(), mend=again, details=details)
    until = request.expires_at.strftime("%Y-%m-%d %H:%M UTC")
    if request.state == "expired":
        text = f"Request {request.request_id} expired at {until} without enough approvals. {note}".strip()
        return ApprovalExpired(text, mend=again, details=details)
    if request.state == "approved":
        text = f"Request {request.request_id} was approved, and was not used before it expired at {until}. {note}"
        return ApprovalExpired(text.strip(), mend=again, details=details)
    if request.state == "exercised":
        text = f"Request {request.request_id} was used by another execution of this run. {note}".strip()
        return ApprovalRevoked(text, mend=again, details=details)
    text = f"Request {request.request_id} is {request.state}{f': {note}' if note else ''}."
    return ApprovalRevoked(text, mend=again, details=details)
