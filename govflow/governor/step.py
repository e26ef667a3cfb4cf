"""Deciding one call of a step, and recording how it ended.

The checks run in the order of :mod:`govflow.governor.checks`. Identity, tenant, mode and the plan are settled when the
run opens; what is left for a call is: is it planned, is this body the one that was bound, what do policy and tier say
of its parameters, has it been approved. A step whose answer no parameter can change takes :func:`warm` and waits for
nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from govflow.approval.models import ApprovalRequest
from govflow.audit.record import Draft, Severity
from govflow.audit.template import Filled, Template
from govflow.errors import Denied, GovflowError, Refused, Unbound, Unplanned
from govflow.governor.approval import Asked, approval, severity_of
from govflow.governor.assess import StepAssessment, judge
from govflow.governor.checks import Check
from govflow.governor.explain import as_refusal, refusal
from govflow.governor.port import Command, Steps
from govflow.governor.run import GovernedRun, Permit
from govflow.governor.values import hashable
from govflow.ir.models import Multiplicity, StepKind, Tier
from govflow.policy.model import Verdict

INTENT: Final = "step.intent"
OUTCOME: Final = "step.outcome"


@dataclass(slots=True)
class Call:
    """What an engine knows when a body is about to run."""

    step_ids: frozenset[str]  # the planned steps that this call may be; empty when it is not planned
    callee: str  # for people
    task_run_id: str
    attempt: int = 1
    fan_out: int | None = None  # elements of the map that this call belongs to
    unbound: str | None = None  # why this body is not the one that was bound; None when it is
    parameters: Callable[[], Mapping[str, Any]] = dict  # bound parameters, made only when something reads them
    declared: Callable[[], Mapping[str, Any]] = dict  # what the task declares, for a site that could not be read


@dataclass(slots=True)
class Grant:
    """The body may run."""

    permit: Permit | None  # None only in observe mode, for a call that is not planned
    call: Call
    assessment: StepAssessment | None = None
    request: ApprovalRequest | None = None
    would_stop: Refused | None = None  # observe mode: what enforce mode would have said
    bound: Mapping[str, Any] | None = None  # the parameters that were read, as JSON values

    @property
    def waits(self) -> bool:
        """Whether the records of this call must be durable before anything goes on."""
        return self.tier >= Tier.MEDIUM or self.request is not None

    @property
    def step_id(self) -> str:
        """The planned step, or the name of the callee."""
        return self.permit.step.step_id if self.permit else self.call.callee

    @property
    def tier(self) -> Tier:
        """The tier of this call."""
        return self.assessment.tier if self.assessment else Tier.MINIMAL


def warm(run: GovernedRun, call: Call) -> Grant | None:
    """The grant of a call that needs no decision of its own; None when it does."""
    if len(call.step_ids) != 1 or call.unbound is not None or run.stopped is not None:
        return None
    (step_id,) = call.step_ids
    permit = run.permits.get(step_id)
    if permit is None or not permit.static:
        return None
    assessment = permit.assessment if call.fan_out is None else permit.by_fan_out.get(call.fan_out)
    if assessment is None or not settled(assessment) or not _count(run, permit, call):
        return None
    return Grant(permit, call, assessment)


def may_wait(run: GovernedRun, step_ids: frozenset[str]) -> bool:
    """Whether a call of these steps may have to wait for people."""
    permits = [run.permits[step_id] for step_id in step_ids if step_id in run.permits]
    return run.enforce and not all(permit.static and settled(permit.assessment) for permit in permits)


def settled(assessment: StepAssessment) -> bool:
    """The answer is yes and nobody has to wait for a record."""
    return assessment.verdict is Verdict.PASS and assessment.tier < Tier.MEDIUM


def intent_record(run: GovernedRun, grant: Grant, at: datetime) -> Draft | Filled:
    """The record that is written before the body; from a template where all of a step's records are alike."""
    permit, call = grant.permit, grant.call
    if permit is None or not _alike(permit, grant):
        return intent_draft(run, grant, at)
    template = permit.templates.get(INTENT)
    if template is None:
        template = permit.templates[INTENT] = Template(intent_draft(run, grant, at))
    return Filled(template, at, call.attempt, call.task_run_id)


def outcome_record(run: GovernedRun, grant: Grant, at: datetime, failed: str | None) -> Draft | Filled:
    """The record that is written after the body, likewise."""
    permit, call = grant.permit, grant.call
    if permit is None or failed or not _alike(permit, grant):
        return outcome_draft(run, grant, at, failed)
    template = permit.templates.get(OUTCOME)
    if template is None:
        template = permit.templates[OUTCOME] = Template(outcome_draft(run, grant, at, None))
    return Filled(template, at, call.attempt, call.task_run_id)


def _alike(permit: Permit, grant: Grant) -> bool:
    """Whether nothing but time, attempt and task run tells the records of this call from those of another."""
    run_id = grant.call.task_run_id
    return (
        grant.assessment is permit.assessment
        and not grant.waits
        and grant.would_stop is None
        and not grant.bound
        and run_id.isascii()
        and run_id.replace("-", "").isalnum()  # a template does not escape it
    )


def intent_draft(run: GovernedRun, grant: Grant, at: datetime) -> Draft:
    """The record that is written before the body."""
    call, permit = grant.call, grant.permit
    payload: dict[str, Any] = dict(permit.intent) if permit else {"mode": run.facts.ground.mode}
    payload["task_run_id"] = call.task_run_id
    if grant.request is not None and grant.request.binding.map_index is not None:
        payload["map_index"] = grant.request.binding.map_index
    if grant.assessment is not None and permit is not None and grant.assessment is not permit.assessment:
        payload.update(tier=int(grant.tier), verdict=str(grant.assessment.verdict), rule=grant.assessment.decision.rule)
    if grant.assessment is not None and grant.tier >= Tier.MEDIUM:
        payload["request"] = _replayable(grant.assessment)
    if grant.request is not None:
        payload["request_id"] = grant.request.request_id
    if grant.would_stop is not None:
        payload["would_stop"] = {"code": grant.would_stop.code, "reason": grant.would_stop.message}
    values = {f"parameters.{name}": value for name, value in (grant.bound or {}).items()}
    return run.draft(INTENT, at, step_id=grant.step_id, attempt=call.attempt, payload=payload, values=values)


def outcome_draft(run: GovernedRun, grant: Grant, at: datetime, failed: str | None) -> Draft:
    """The record that is written after the body. ``failed`` is the type of its exception: its text may hold data."""
    payload = {"task_run_id": grant.call.task_run_id, "state": "failed" if failed else "succeeded"}
    if failed:
        payload["error"] = failed
    severity = Severity.WARNING if failed else Severity.INFO
    return run.draft(OUTCOME, at, step_id=grant.step_id, attempt=grant.call.attempt, severity=severity, payload=payload)


@dataclass(slots=True)
class Case:
    """A call on its way through the checks."""

    run: GovernedRun
    call: Call
    new_id: str  # for the approval request, if there has to be one
    grant: Grant
    bound: dict[str, Any] = field(default_factory=dict)


def before(run: GovernedRun, call: Call, new_id: str) -> Steps[Grant]:
    """Put a call through :data:`CHECKS`. Returns only if the body may run.

    Raises:
        Refused: enforce mode, and the answer is no.
        GovflowError: enforce mode, and there is no answer: the body does not run.
    """
    case = Case(run, call, new_id, Grant(None, call))
    try:
        for _, check in CHECKS:
            yield from check(case)
    except GovflowError as error:
        stop = as_refusal(error)
        yield from _record_stop(run, call, stop)
        if run.enforce:
            with run.lock:
                run.blocked.update(call.step_ids)
            raise
        case.grant = Grant(_permit_of(run, call), call, would_stop=stop)
        yield from _intent(case)
    if call.step_ids and run.blocked:
        with run.lock:
            run.blocked.difference_update(call.step_ids)
    return case.grant


def after(run: GovernedRun, grant: Grant, failed: str | None) -> Steps[None]:
    """Write how the body ended."""
    now: datetime = yield Command(lambda port: port.now())
    draft = outcome_record(run, grant, now, failed)
    yield Command(lambda port: port.append(draft, durable=grant.tier >= Tier.MEDIUM))
    if grant.request is not None:
        request_id, outcome = grant.request.request_id, "failed" if failed else "succeeded"
        yield Command(lambda port: port.outcome(request_id, outcome))


def _conformance(case: Case) -> Steps[None]:
    """The call is planned, no more often than it is planned, and its body is the code that was read."""
    run, call = case.run, case.call
    if run.stopped is not None:
        raise run.stopped
    permit = _permit_of(run, call)
    if permit is None:
        raise Unplanned(
            f"{call.callee} is called where the approved plan of flow {run.facts.flow!r} has no such step.",
            mend="Plan the flow again and have the change approved: govflow lock FILE --approve --as NAME",
            details={"callee": call.callee, "plan_hash": run.plan_hash},
        )
    if not _count(run, permit, call):
        raise Unplanned(
            f"Step {permit.step.step_id} runs more often than the approved plan says ({permit.step.multiplicity}).",
            mend="A step that runs several times belongs in a loop or a map of the approved plan.",
            details={"callee": call.callee, "step_id": permit.step.step_id},
        )
    if call.unbound is not None:
        raise Unbound(
            f"The body of step {permit.step.step_id} is not the code that was read: {call.unbound}.",
            mend="Start a new process from the approved source.",
        )
    case.grant.permit = permit
    yield from ()


def _policy(case: Case) -> Steps[None]:
    """Tier and policy, with the parameters of this call where something reads them."""
    permit = _cleared(case)
    case.grant.assessment = assessment = _assess(case, permit)
    case.grant.bound = case.bound
    if assessment.verdict is Verdict.REJECT:
        raise refusal(assessment, case.run.facts.ground)
    yield from ()


def _approval(case: Case) -> Steps[None]:
    """People, where the policy asks for them."""
    permit, assessment = _cleared(case), case.grant.assessment
    if assessment is None or assessment.verdict is Verdict.PASS:
        return
    if not case.run.enforce:
        stop = Denied(f"Rule {assessment.decision.rule!r} asks for approval; observe mode does not stop.")
        yield from _record_stop(case.run, case.call, stop)
        case.grant.would_stop = stop
        return
    asked = Asked(permit, assessment, case.call.task_run_id, case.bound, lambda key: _sealed(case.call, key))
    case.grant.request = yield from approval(case.run, asked, case.new_id)


def _intent(case: Case) -> Steps[None]:
    """The intent is on record, and durable from tier 2 on, before the body runs."""
    now: datetime = yield Command(lambda port: port.now())
    draft = intent_record(case.run, case.grant, now)
    yield Command(lambda port: port.append(draft, durable=case.grant.tier >= Tier.MEDIUM))


CHECKS: Final[tuple[tuple[Check, Callable[[Case], Steps[None]]], ...]] = (
    (Check.PLAN, _conformance),
    (Check.POLICY, _policy),
    (Check.APPROVAL, _approval),
    (Check.INTENT, _intent),
)
"""What a call goes through before its body. What comes earlier in the order was settled when the run was opened."""


def _cleared(case: Case) -> Permit:
    if case.grant.permit is None:
        raise Unplanned(f"{case.call.callee} has no permit.")
    return case.grant.permit


def _permit_of(run: GovernedRun, call: Call) -> Permit | None:
    """The permit of a call; of several candidates the strictest, because the site does not tell them apart."""
    candidates = [run.permits[step_id] for step_id in call.step_ids if step_id in run.permits]
    return max(candidates, key=_strictness, default=None)


def _strictness(permit: Permit) -> tuple[int, int, str]:
    order = {Verdict.PASS: 0, Verdict.ESCALATE: 1, Verdict.REJECT: 2}
    return order[permit.assessment.verdict], int(permit.assessment.tier), permit.step.step_id


def _count(run: GovernedRun, permit: Permit, call: Call) -> bool:
    """Note this task run; False when the plan has the step once and another task run was it already."""
    step = permit.step
    if step.multiplicity is Multiplicity.MANY or step.kind is StepKind.BODY:
        return True
    # A site that does not tell its candidates apart may be used once for each of them.
    key = call.step_ids or frozenset({step.step_id})
    with run.lock:
        seen = run.counts.setdefault(key, set())
        if call.task_run_id not in seen and len(seen) >= len(key):
            return False
        seen.add(call.task_run_id)
    return True


def _assess(case: Case, permit: Permit) -> StepAssessment:
    facts, call, step = case.run.facts, case.call, permit.step
    if not permit.static:
        case.bound = _plain(call, permit.reads)
    if permit.static and call.fan_out is None:
        found = permit.assessment
    elif facts.plan is None:
        raise Unbound(f"Flow {facts.flow!r} has no plan.")
    else:
        if step.kind is StepKind.UNRESOLVED:
            step = step.model_copy(update=dict(call.declared()))
        known = None if permit.static else case.bound
        found = judge(step, facts.plan, facts.ground, facts.requester, bound=known, fan_out=call.fan_out)
        if permit.static and call.fan_out is not None:
            permit.by_fan_out[call.fan_out] = found
    if found.verdict is Verdict.ESCALATE:
        case.bound = _plain(call, None)  # people see all of it, and the approval binds to all of it
    return found


def _sealed(call: Call, key: bytes) -> dict[str, Any]:
    """The parameters with a keyed digest for each secret: another secret is another parameter."""

    def mask(text: str) -> str:
        return f"hmac-sha256:{hmac.new(key, text.encode(), sha256).hexdigest()}"

    values = call.parameters()
    return {name: hashable(value, f"task {call.callee}, parameter {name}", mask) for name, value in values.items()}


def _plain(call: Call, names: frozenset[str] | None) -> dict[str, Any]:
    values = call.parameters()
    wanted = values if names is None else {name: values[name] for name in names if name in values}
    return {name: hashable(value, f"task {call.callee}, parameter {name}") for name, value in wanted.items()}


def _replayable(assessment: StepAssessment) -> dict[str, Any]:
    """What a later replay of the decision needs. Parameter values stay out of the log: they may hold personal data."""
    attributes = assessment.attributes or {}
    return {
        "action": assessment.action,
        "provider": assessment.provider,
        "resource": assessment.resource,
        "attributes": {name: value for name, value in attributes.items() if name != "parameters"},
    }


def _record_stop(run: GovernedRun, call: Call, stop: Refused) -> Steps[None]:
    now: datetime = yield Command(lambda port: port.now())
    payload = {
        "code": stop.code,
        "reason": stop.message,
        "callee": call.callee,
        "task_run_id": call.task_run_id,
        "stopped": run.enforce,
        "mode": run.facts.ground.mode,
    }
    draft = run.draft(
        "step.refused",
        now,
        step_id=_named(run, call),
        attempt=call.attempt,
        severity=severity_of(stop),
        payload=payload,
    )
    try:
        yield Command(lambda port: port.append(draft, durable=True))
    except GovflowError:
        if run.enforce:
            raise


def _named(run: GovernedRun, call: Call) -> str:
    permit = _permit_of(run, call)
    return permit.step.step_id if permit else call.callee
