"""The approval of one call: find the request, ask if there is none, wait, claim.

What an approval covers is its binding: this run, this step, this map index, these parameters, this IR and policy, and
the automatic retries that the plan declares. Anything else asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from govflow.approval.models import ApprovalRequest, Binding, RequestState
from govflow.approval.requests import open_request, parameters_digest, void_reason
from govflow.audit.record import Severity
from govflow.errors import Refused
from govflow.governor.assess import StepAssessment
from govflow.governor.explain import decided_against, details_of, reason_of
from govflow.governor.port import Command, Steps
from govflow.governor.run import GovernedRun, Permit
from govflow.ir.models import Multiplicity
from govflow.telemetry import redact

UNCERTAIN = "An earlier attempt of this step was started under an approval and cannot be continued; it may have run."
OPEN = (RequestState.PENDING, RequestState.APPROVED)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that needs people."""

    permit: Permit
    assessment: StepAssessment
    task_run_id: str
    bound: Mapping[str, Any]  # JSON values, for people: secrets are masked
    sealed: Callable[[bytes], Mapping[str, Any]]  # the same under a key: secrets are digests that nobody can guess


def approval(run: GovernedRun, asked: Asked, new_id: str) -> Steps[ApprovalRequest]:
    """Return the request under which the body may run; this executor has claimed it.

    Raises:
        Refused: denied, expired, revoked, or it could not be claimed.
    """
    binding = yield from _bind(run, asked)
    standing = run.facts.refused.get((binding.step_id, binding.map_index))
    if standing is not None:
        raise standing  # an automatic retry does not ask the same people the same question again
    try:
        return (yield from _approved(run, asked, binding, new_id))
    except Refused as refused:
        run.facts.refused[binding.step_id, binding.map_index] = refused
        raise


def _approved(run: GovernedRun, asked: Asked, binding: Binding, new_id: str) -> Steps[ApprovalRequest]:
    note = ""
    known: list[ApprovalRequest] = yield Command(
        lambda port: port.requests(binding.tenant, binding.run_id, binding.step_id, binding.map_index)
    )
    latest = known[0] if known else None
    changed = void_reason(latest.binding, binding) if latest is not None else None
    if latest is not None and latest.state in OPEN and changed:
        voided = latest
        yield Command(lambda port: port.move(voided.request_id, RequestState.VOIDED, changed))
        note, latest = f"An earlier approval is void: {changed}.", None
    if latest is not None and latest.state is RequestState.EXERCISED:
        again = latest
        if not changed and (yield Command(lambda port: port.claim_retry(again, binding))):
            return latest
        note = f"What was approved before is not what is asked now: {changed}. " if changed else ""
        note += UNCERTAIN
        latest = None
    if latest is None or latest.state not in OPEN:
        latest = yield from _ask(run, asked, binding, new_id, note)
    return (yield from _wait_and_claim(run, asked, latest))


def _bind(run: GovernedRun, asked: Asked) -> Steps[Binding]:
    facts, step = run.facts, asked.permit.step
    salt = run.row.salt if run.row is not None else b""
    binding = Binding(
        tenant=facts.ground.tenant,
        flow=facts.flow,
        run_id=facts.run_id,
        step_id=step.step_id,
        ir_hash=run.ir_hash,
        policy_digest=facts.ground.engine.digest,
        parameters_digest=parameters_digest(salt, asked.sealed(salt)),
    )
    if step.multiplicity is not Multiplicity.MANY:
        return binding
    known: list[ApprovalRequest] = yield Command(
        lambda port: port.requests_of_step(binding.tenant, binding.run_id, binding.step_id)
    )
    return binding.model_copy(update={"map_index": _index(run, asked, binding, known)})


def _index(run: GovernedRun, asked: Asked, binding: Binding, known: Sequence[ApprovalRequest]) -> int:
    """Which element of a repeated step this call is.

    Tasks start in any order, also after a restart, so an element is known by its parameters: it takes the index of
    the request that asked for them, unless another task run of this process has it; else the next free one.
    """
    with run.lock:
        taken = run.indices.setdefault(binding.step_id, {})
        if asked.task_run_id not in taken:
            same = [r.binding.map_index for r in known if r.binding.parameters_digest == binding.parameters_digest]
            free = [index for index in same if index is not None and index not in taken.values()]
            used = {*taken.values(), *(r.binding.map_index or 0 for r in known)}
            taken[asked.task_run_id] = free[0] if free else max(used, default=-1) + 1
        return taken[asked.task_run_id]


def _ask(run: GovernedRun, asked: Asked, binding: Binding, new_id: str, note: str) -> Steps[ApprovalRequest]:
    facts, step, assessment = run.facts, asked.permit.step, asked.assessment
    now: datetime = yield Command(lambda port: port.now())
    rule = yield Command(
        lambda port: port.rule(assessment.step.approval or assessment.decision.approval, assessment.tier)
    )
    summary = {
        **details_of(assessment, facts.ground),
        "flow": facts.flow,
        "plan_hash": run.plan_hash,
        "callee": assessment.step.callee,
        "parameters": redact(dict(asked.bound)),
        "note": note,
    }
    request = open_request(
        request_id=new_id,
        binding=binding,
        rule=rule,
        requester=facts.requester.name,
        tier=assessment.tier,
        policy_rule=assessment.decision.rule,
        reason=f"{reason_of(assessment)}.{' ' + note if note else ''}",
        summary=summary,
        now=now,
    )
    payload = {
        "request_id": request.request_id,
        "rule": request.policy_rule,
        "approval_rule": rule.name,
        "required": rule.required,
        "tier": int(request.tier),
        "ir_hash": run.ir_hash,
        "policy_digest": binding.policy_digest,
        "parameters_digest": binding.parameters_digest,
        "map_index": binding.map_index,
        "expires_at": request.expires_at.isoformat(),
        "note": note,
    }
    draft = run.draft("ir.approval_created", now, step_id=step.step_id, payload=payload)
    opened: ApprovalRequest = yield Command(lambda port: port.open_request(request, draft))
    return opened


def _wait_and_claim(run: GovernedRun, asked: Asked, request: ApprovalRequest) -> Steps[ApprovalRequest]:
    decided = request
    if request.state is RequestState.PENDING:
        decided = yield Command(
            lambda port: port.await_decision(request), abandon=lambda port: port.abandon(request.request_id)
        )
    step = asked.permit.step
    if decided.state is RequestState.APPROVED:
        now: datetime = yield Command(lambda port: port.now())
        attempts = (step.retries + 1) * ((run.facts.plan.retries if run.facts.plan else 0) + 1)
        payload = {"request_id": decided.request_id, "ir_hash": run.ir_hash, "attempts_allowed": attempts}
        draft = run.draft("ir.approval_consumed", now, step_id=step.step_id, payload=payload)
        if (yield Command(lambda port: port.claim(decided, attempts, draft))):
            return decided
        decided = yield from _as_it_stands(decided)
    refused: Refused = yield Command(lambda port: decided_against(decided, port.denials(decided.request_id)))
    raise refused


def _as_it_stands(request: ApprovalRequest) -> Steps[ApprovalRequest]:
    """What has become of a request that could not be claimed."""
    at = request.binding
    known: list[ApprovalRequest] = yield Command(
        lambda port: port.requests(at.tenant, at.run_id, at.step_id, at.map_index)
    )
    return next((found for found in known if found.request_id == request.request_id), request)


def severity_of(refused: Refused) -> Severity:
    """How loud the record of a refusal is."""
    return Severity.WARNING if refused.code.startswith("approval") else Severity.ERROR
