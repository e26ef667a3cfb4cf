"""Deciding one call of a step, and recording how it ended.

The checks run in the order of :mod:`govflow.governor.checks`. Identity, tenant, mode and the plan are settled when the
run opens; what is left for a call is: is it planned, is this body the one that was bound, what do policy and tier say
of its parameters, has it been approved. A step whose answer no parameter can change is granted by
:mod:`govflow.governor.warm` and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from govflow.approval.models import ApprovalRequest
from govflow.errors import CanonicalError, Denied, GovflowError, Refused, Unbound, Unplanned
from govflow.governor.approval import ENDED, UNCERTAIN, Asked, approval, severity_of, standing
from govflow.governor.assess import StepAssessment, judge
from govflow.governor.call import Call, Grant
from govflow.governor.checks import Check
from govflow.governor.conformance import rewired_value
from govflow.governor.explain import as_refusal, refusal
from govflow.governor.governed_run import GovernedRun, Permit
from govflow.governor.port import EXECUTOR, NOW, Command, Steps
from govflow.governor.replayable import decided, decided_anew
from govflow.governor.run import SUSPENDED
from govflow.governor.step_records import CACHED, call_digest, intent_draft, outcome_draft, sealed
from govflow.governor.values import sealed_values
from govflow.governor.warm import count, is_once
from govflow.ir.models import StepKind, Tier
from govflow.policy.model import Verdict

DECIDED: Final = "step.decided"


@dataclass(slots=True)
class Case:
    """A call on its way through the checks."""

    run: GovernedRun
    call: Call
    new_id: str  # for the approval request, if there has to be one
    grant: Grant
    bound: dict[str, Any] = field(default_factory=dict)


Checks = tuple[tuple[Check, Callable[[Case], Steps[None]]], ...]
"""What a call goes through, in the order of :data:`govflow.governor.checks.ORDER`; the last puts it on record."""


def before(run: GovernedRun, call: Call, new_id: str, checks: Checks | None = None) -> Steps[Grant]:
    """Put a call through :data:`CHECKS`, or another table of checks. Returns only if the body may run.

    Raises:
        Refused: enforce mode, and the answer is no.
        GovflowError: enforce mode, and there is no answer: the body does not run.
    """
    case = Case(run, call, new_id, Grant(None, call))
    checks = checks or CHECKS
    try:
        for _, check in checks:
            yield from check(case)
    except GovflowError as error:
        yield from _record_stop(run, call, error, case)
        if run.enforce:
            with run.lock:
                run.blocked.update(call.step_ids)
            raise
        case.grant = Grant(_permit_of(run, call), call, would_stop=as_refusal(error))
        record = checks[-1][1]
        yield from record(case)
    if call.step_ids and run.blocked:
        with run.lock:
            run.blocked.difference_update(call.step_ids)
    return case.grant


def ahead(run: GovernedRun, call: Call, new_id: str) -> Steps[ApprovalRequest | None]:
    """The request for a call that is still to come, where people have to be asked; nobody waits for the answer here.

    For a run that suspends: it is left at the call, before the engine makes a task run. What keeps the question from
    being asked keeps the body from running later on, and is said there.

    Raises:
        Refused: people have said no.
    """
    case = Case(run, call, new_id, Grant(None, call))
    permit = _permit_of(run, call)
    if permit is None or call.unbound is not None or run.stopped is not None or not run.enforce:
        return None
    try:
        assessment = yield from _assessed(case, permit)
        if assessment.verdict is not Verdict.ESCALATE or covered(run, permit, assessment) is not None:
            return None
        asked = Asked(permit, assessment, call.task_run_id, case.bound, partial(sealed, call), suspends=True)
        return (yield from standing(run, asked, new_id))
    except Refused:
        raise
    except GovflowError:
        return None


def after(run: GovernedRun, grant: Grant, failed: str | None) -> Steps[None]:
    """Write how the body ended."""
    now: datetime = yield NOW
    draft = outcome_draft(run, grant, now, failed)
    yield Command.append(draft, durable=grant.tier >= Tier.MEDIUM)
    if grant.request is not None:
        request_id, outcome = grant.request.request_id, "failed" if failed else "succeeded"
        outcome = SUSPENDED if failed == SUSPENDED else outcome
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
    if call.refused is not None:
        raise call.refused
    if not (yield from _first(run, call)):
        raise Unplanned(
            f"Step {permit.step.step_id} runs more often than the approved plan says ({permit.step.count}).",
            mend="A step that runs more often belongs in a loop or a map of the approved plan.",
            details={"callee": call.callee, "step_id": permit.step.step_id, "approved": permit.step.count},
        )
    if call.unbound is not None:
        raise Unbound(
            f"The body of step {permit.step.step_id} is not the code that was read: {call.unbound}.",
            mend="Start a new process from the approved source.",
        )
    if (stop := rewired_value(run, call.step_ids, call.named, call.is_same)) is not None:
        raise stop
    case.grant.permit = permit


def _policy(case: Case) -> Steps[None]:
    """Tier and policy, with the parameters of this call where something reads them."""
    permit = _cleared(case)
    assessment = yield from _assessed(case, permit)
    for other in _others(case, permit):
        # The site does not tell its candidates apart, and which of them is strictest may be another one by now.
        found = yield from _assessed(case, other)
        if _severity(found) > _severity(assessment):
            case.grant.permit, assessment = other, found
    case.grant.assessment = assessment
    case.grant.bound = case.bound
    if assessment.verdict is Verdict.REJECT:
        raise refusal(assessment, case.run.facts.ground)


def _approval(case: Case) -> Steps[None]:
    """People, where the policy asks for them."""
    permit, assessment = _cleared(case), case.grant.assessment
    if assessment is None:
        return
    note = (yield from _done_before(case)) if assessment.tier >= Tier.MEDIUM else ""
    if assessment.verdict is Verdict.PASS and not note:
        return
    case.grant.plan_request = covered(case.run, permit, assessment) if not note else None
    if case.grant.plan_request is not None:
        return
    if not case.run.enforce:
        stop = Denied(f"Rule {assessment.decision.rule!r} asks for approval; observe mode does not stop.")
        yield from _record_stop(case.run, case.call, stop)
        case.grant.would_stop = stop
        return
    if note:
        case.bound = _plain(case.call, None)
    asked = Asked(
        permit,
        assessment,
        case.call.task_run_id,
        case.bound,
        partial(sealed, case.call),
        note,
        still=partial(_still, case, permit, assessment) if assessment.fleeting else None,
    )
    case.grant.request = yield from approval(case.run, asked, case.new_id)


def _still(case: Case, permit: Permit, asked: StepAssessment) -> Steps[str | None]:
    """Why the policy asks for something else by now than what people were asked; None where it does not.

    Days may lie between a question and its answer.
    """
    now = yield from _assess(case, permit)
    if now.verdict is Verdict.REJECT:
        return f"rule {now.decision.rule!r} denies it by now: {now.decision.reason}"
    if now.verdict is Verdict.ESCALATE and (now.rule_name != asked.rule_name or now.tier > asked.tier):
        return f"rule {now.decision.rule!r} asks other people by now: {now.decision.reason}"
    return None


def covered(run: GovernedRun, permit: Permit, assessment: StepAssessment) -> str | None:
    """The request for the whole plan under which a call passes, if it is no more than was shown there."""
    cover = run.covered.get(permit.step.step_id)
    if cover is None or assessment.tier > cover.tier or assessment.rule_name != cover.rule:
        return None
    return cover.request_id


def _done_before(case: Case) -> Steps[str]:
    """What another process did of this very call before the run was suspended, in words; empty if nothing is known.

    An engine that kept its result would not have come here.
    """
    run = case.run
    if not run.replayed or case.grant.step_id not in (yield from _earlier(run)):
        return ""
    digest = call_digest(run, case.call)
    calls = (run.earlier or {})[case.grant.step_id]
    same = [one for one in calls if one["state"] != SUSPENDED and (digest is None or one["call"] in (None, digest))]
    if not same:
        return ""
    last = same[-1]
    return f"{ENDED.get(str(last['state']), UNCERTAIN)} That was at {last['at']}, before the run was suspended."


def _earlier(run: GovernedRun) -> Steps[Mapping[str, Any]]:
    if run.earlier is None:
        facts = run.facts
        run.earlier = yield Command(lambda port: port.earlier(facts.ground.tenant, facts.run_id, facts.attempt))
    return run.earlier


def _intent(case: Case) -> Steps[None]:
    """The intent is on record, and durable from tier 2 on, before the body runs."""
    now: datetime = yield NOW
    executor: str = yield EXECUTOR
    draft = intent_draft(case.run, case.grant, now, executor)
    yield Command.append(draft, durable=case.grant.tier >= Tier.MEDIUM)


def _reused(case: Case) -> Steps[None]:
    """The engine hands out a result that it kept: that is the whole of this attempt."""
    now: datetime = yield NOW
    draft = replace(intent_draft(case.run, case.grant, now), event=CACHED)
    yield Command.append(draft, durable=False)


def _nobody_to_ask(case: Case) -> Steps[None]:
    """Before its run is opened a call cannot wait: there is no request yet that people could answer."""
    assessment = case.grant.assessment
    if assessment is not None and assessment.verdict is Verdict.ESCALATE:
        raise Denied(
            f"Rule {assessment.decision.rule!r} asks for approval of {case.call.callee}, which is called where nobody"
            " can be asked: outside the time from the opening of the run to its end.",
            mend="Do it in a task of the flow: there the run waits for people.",
        )
    yield from ()


CHECKS: Final[Checks] = (
    (Check.PLAN, _conformance),
    (Check.POLICY, _policy),
    (Check.APPROVAL, _approval),
    (Check.INTENT, _intent),
)
"""What a call goes through before its body. What comes earlier in the order was settled when the run was opened."""

REUSE: Final[Checks] = ((Check.PLAN, _conformance), (Check.POLICY, _policy), (Check.OUTCOME, _reused))
"""What a call goes through whose result is there already. Its body does not run, so nobody is asked."""

ALONE: Final[Checks] = (
    (Check.PLAN, _conformance),
    (Check.POLICY, _policy),
    (Check.APPROVAL, _nobody_to_ask),
    (Check.INTENT, _intent),
)
"""What a hook goes through that is called while its run is not open."""


def _cleared(case: Case) -> Permit:
    if case.grant.permit is None:
        raise Unplanned(f"{case.call.callee} has no permit.")
    return case.grant.permit


def _permit_of(run: GovernedRun, call: Call) -> Permit | None:
    """The permit of a call; of several candidates the strictest, because the site does not tell them apart."""
    candidates = [run.permits[step_id] for step_id in call.step_ids if step_id in run.permits]
    return max(candidates, key=_strictness, default=None)


def _others(case: Case, permit: Permit) -> list[Permit]:
    """The other candidates of the site whose answer may be another one than when the run was opened."""
    if len(case.call.step_ids) == 1:
        return []
    known = [case.run.permits[step_id] for step_id in sorted(case.call.step_ids) if step_id in case.run.permits]
    return [other for other in known if other is not permit and other.assessment.fleeting]


def _strictness(permit: Permit) -> tuple[int, int, str]:
    return *_severity(permit.assessment), permit.step.step_id


def _severity(assessment: StepAssessment) -> tuple[int, int]:
    order = {Verdict.PASS: 0, Verdict.ESCALATE: 1, Verdict.REJECT: 2}
    return order[assessment.verdict], int(assessment.tier)


def _first(run: GovernedRun, call: Call) -> Steps[bool]:
    """As :func:`govflow.governor.warm.count`; where several processes run this plan, among all of them."""
    if not count(run, call):
        return False
    if not run.shared or not is_once(run, call):
        return True
    run_id, key = run.facts.run_id, ",".join(sorted(call.step_ids))
    place: int | None = yield Command(
        lambda port: port.take_place(run_id, key, call.task_run_id, wanted=(), after=-1, limit=len(call.step_ids))
    )
    return place is not None


def _assessed(case: Case, permit: Permit) -> Steps[StepAssessment]:
    """Judge a call. What then holds for every call of a map of this size is put on record, once."""
    fan_out = case.call.fan_out
    new = permit.static and fan_out is not None and fan_out not in permit.by_fan_out
    assessment = yield from _assess(case, permit)
    if new:
        now: datetime = yield NOW
        payload = {**decided(assessment), "fan_out": fan_out, "mode": case.run.facts.ground.mode}
        draft = case.run.draft(DECIDED, now, step_id=permit.step.step_id, payload=payload)
        yield Command.append(draft, durable=False)
    return assessment


def _assess(case: Case, permit: Permit) -> Steps[StepAssessment]:
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
        ask = partial(
            judge,
            *(step, facts.plan, facts.ground, facts.requester),
            bound=known,
            fan_out=call.fan_out,
            given=partial(_sayable, call),
        )
        if facts.ground.watched:
            found = yield Command(lambda port: ask(port.now()))
        else:
            found = ask(None)
        if permit.static and call.fan_out is not None and not found.fleeting:
            permit.by_fan_out[call.fan_out] = found
    if found.verdict is Verdict.ESCALATE:
        case.bound = _plain(call, None)  # people see all of it, and the approval binds to all of it
    return found


def _plain(call: Call, names: frozenset[str] | None) -> dict[str, Any]:
    values = call.parameters()
    wanted = values if names is None else {name: values[name] for name in names if name in values}
    return sealed_values(wanted, f"task {call.callee}")


def _sayable(call: Call) -> dict[str, Any]:
    """All parameters of a call that JSON can say, for those who give attributes."""
    found: dict[str, Any] = {}
    for name, value in call.parameters().items():
        with suppress(CanonicalError):  # a table or an open session: nobody is told of it
            found |= sealed_values({name: value}, f"task {call.callee}")
    return found


def _record_stop(run: GovernedRun, call: Call, stop: GovflowError, case: Case | None = None) -> Steps[None]:
    """Record that a call is refused; with the decision where ``case`` took one of its own that no intent will tell."""
    now: datetime = yield NOW
    payload = {
        "code": stop.code,
        "reason": stop.message,
        "mend": stop.mend,
        "callee": call.callee,
        "task_run_id": call.task_run_id,
        "stopped": run.enforce,
        "mode": run.facts.ground.mode,
    }
    values: dict[str, Any] = {}
    if case is not None and case.grant.permit is not None and not case.grant.permit.static:
        permit, assessment = case.grant.permit, case.grant.assessment
        if assessment is not None:
            values = {f"parameters.{name}": value for name, value in case.bound.items()}
            payload.update(decided_anew(permit, assessment, values))
    draft = run.draft(
        "step.refused",
        now,
        step_id=_named(run, call),
        attempt=call.attempt,
        severity=severity_of(stop),
        payload=payload,
        values=values,
    )
    try:
        yield Command.append(draft, durable=True)
    except GovflowError:
        if run.enforce:
            raise


def _named(run: GovernedRun, call: Call) -> str:
    permit = _permit_of(run, call)
    return permit.step.step_id if permit else call.callee
