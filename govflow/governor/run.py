"""Opening and closing a governed run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from govflow.audit.record import Severity
from govflow.errors import (
    CanonicalError,
    Denied,
    GovflowError,
    PlanDrift,
    PlanNotApproved,
    Refused,
    RequestError,
    Unbound,
)
from govflow.governor.assess import Assessment, StepAssessment, assess, mandatory, reads_parameters
from govflow.governor.checks import Check
from govflow.governor.conformance import Followed
from govflow.governor.explain import as_refusal, details_of, refusal, steps_missing
from govflow.governor.governed_run import GovernedRun, Permit, RunFacts
from govflow.governor.port import NOW, ApprovedPlan, Command, Port, Steps
from govflow.governor.replayable import decided_from_source
from govflow.governor.values import hashable
from govflow.ir.diff import diff
from govflow.ir.hashing import ir_hash, plan_hash, step_hash
from govflow.ir.lock import plan_key
from govflow.ir.manifest import Manifest
from govflow.ir.models import IR, Plan, Step, StepKind, Tier
from govflow.policy.model import Verdict
from govflow.telemetry import redact_named

MODES: Final = ("observe", "enforce")
SUSPENDED: Final = "suspended"
"""What stands for an exception where a body was left so that another process goes on with it."""

UNKNOWN: Final = "unknown"
"""The name that stands for a user whom the machine does not know."""


@dataclass(slots=True)
class Opening:
    """A run on its way through the checks."""

    facts: RunFacts
    now: datetime
    run: GovernedRun
    parameters: dict[str, Any] = field(default_factory=dict)  # as JSON
    opaque: CanonicalError | None = None  # the first parameter that has no JSON form
    assessment: Assessment | None = None


def open_run(facts: RunFacts) -> Steps[GovernedRun]:
    """Check a run before the first line of its flow, in the order of :data:`OPENING`.

    In observe mode a refusal is recorded and the run goes on. In enforce mode it is raised.

    Raises:
        Refused: enforce mode, and the answer is no.
        GovflowError: enforce mode, and the question could not be answered.
    """
    now = yield NOW
    opening = Opening(facts, now, GovernedRun(facts, "", "", {}, None, followed=Followed(facts.fit)))
    try:
        for _, check in OPENING:
            yield from check(opening)
    except GovflowError as error:
        yield from _record_refusal(opening.run, error, now)
        if opening.run.enforce:
            raise
        opening.run.stopped = as_refusal(error)
    return opening.run


def share(run: GovernedRun, manifest: Manifest) -> Steps[None]:
    """Let other processes run parts of an open run, once all that has to be decided before it is decided.

    Raises:
        PermitError: its permit could not be signed; that is on record.
        GovflowError: neither could that be asked.
    """
    if run.shared or not run.permits:
        return
    now: datetime = yield NOW
    try:
        yield Command(lambda port: port.clear_places(run.facts.run_id))
        yield Command(lambda port: port.issue_permit(run, manifest))
    except GovflowError as error:
        yield from _record_refusal(run, error, now)
        raise
    run.shared = True


def _identity(opening: Opening) -> Steps[None]:
    """Somebody asked who may: without a name nobody can be kept from approving their own run."""
    if opening.facts.requester.name == UNKNOWN:
        raise Denied("Nobody knows who asked for this run.", mend="Set GOVFLOW_PRINCIPAL to who starts it.")
    facts, name = opening.facts, opening.facts.requester.name
    gone: bool = yield Command(lambda port: port.is_deactivated(facts.ground.tenant, name))
    if gone:
        raise Denied(
            f"{name} asked for this run, and was deactivated.",
            mend=f"Set GOVFLOW_PRINCIPAL to who starts it, or: govflow people change {name} --activate",
        )


def _tenant(opening: Opening) -> Steps[None]:
    """A run belongs to one tenant, however often it is continued."""
    facts = opening.facts
    owner: str | None = yield Command(lambda port: port.tenant_of(facts.run_id))
    if owner is not None and owner != facts.ground.tenant:
        raise Denied(
            f"Run {facts.run_id} belongs to another tenant than {facts.ground.tenant!r}.",
            mend="Continue it with the GOVFLOW_TENANT that it was started with.",
        )


def _mode(opening: Opening) -> Steps[None]:
    """Observe or enforce; nothing else is a mode."""
    mode = opening.facts.ground.mode
    if mode not in MODES:
        raise Denied(f"There is no mode {mode!r}.", mend=f"GOVFLOW_MODE is one of: {', '.join(MODES)}.")
    yield from ()


def _input(opening: Opening) -> Steps[None]:
    """The run has a key, the words of its plan are registered, and it is known which parameters a hash can read."""
    facts = opening.facts
    if not facts.idempotency_key:
        raise RequestError("A run needs an idempotency key.", mend="Give one, or the id of the run.")
    if facts.plan is not None:
        facts.vocabulary.check(facts.plan)
    for name, value in facts.parameters.items():
        try:
            opening.parameters[name] = hashable(value, f"flow {facts.flow}, parameter {name}")
        except CanonicalError as error:
            # Nothing may ever read it: only an approval that binds to it needs its form.
            opening.opaque = opening.opaque or error
            opening.parameters[name] = {"opaque": f"{type(value).__module__}.{type(value).__qualname__}"}
    yield from ()


def _plan(opening: Opening) -> Steps[None]:
    """The loaded code is the source that was read, and the source is the plan that was approved."""
    facts = opening.facts
    if facts.plan is None or facts.unbound is not None:
        raise Unbound(
            f"Flow {facts.flow!r} is not bound to its source: {facts.unbound or 'the source could not be read'}.",
            mend="Run the flow from the file it is written in, unchanged since the process started.",
        )
    opening.run.plan_hash = plan_hash(facts.plan)
    yield from _audit_plan(opening, facts.plan)


def _policy(opening: Opening) -> Steps[None]:
    """Every step is judged from source; what is certain to be denied is denied before the first line."""
    facts, run, plan = opening.facts, opening.run, opening.facts.plan
    if plan is None:
        raise Unbound(f"Flow {facts.flow!r} has no plan.")
    yield Command(lambda port: port.note_policy(run.draft("policy.loaded", opening.now)))
    assessment = opening.assessment = yield from assessed(plan, facts, opening.now)
    if opening.opaque is not None and assessment.verdict is Verdict.ESCALATE and run.enforce:
        raise opening.opaque
    ir = IR(
        tenant=facts.ground.tenant,
        environment=facts.ground.environment,
        policy_digest=facts.ground.engine.digest,
        plan=plan,
        parameters=opening.parameters,
        request_id=facts.run_id,
        idempotency_key=facts.idempotency_key,
    )
    run.ir_hash = ir_hash(ir, run.plan_hash)
    run.permits = {step.step_id: step_permit(step, assessment.steps[step.step_id], facts) for step in plan.steps}
    hashes = {step_id: permit.step_hash for step_id, permit in run.permits.items()}
    digest = facts.ground.engine.digest
    run.row = yield Command(
        lambda port: port.save_run(
            facts.run_id, facts.ground.tenant, facts.flow, run.ir_hash, digest, facts.requester.name, hashes
        )
    )
    yield from _record_verdict(opening, assessment)


def assessed(plan: Plan, facts: RunFacts, now: datetime) -> Steps[Assessment]:
    """Every step of a plan, judged from source. Who has to ask others does not hold up the engine's event loop."""
    if not facts.ground.providers.all:
        return assess(plan, facts.ground, facts.requester, now)
    found: Assessment = yield Command(lambda port: assess(plan, facts.ground, facts.requester, now))
    return found


OPENING: Final[tuple[tuple[Check, Callable[[Opening], Steps[None]]], ...]] = (
    (Check.IDENTITY, _identity),
    (Check.TENANT, _tenant),
    (Check.MODE, _mode),
    (Check.INPUT, _input),
    (Check.PLAN, _plan),
    (Check.POLICY, _policy),
)
"""What a run goes through before its first line, in the order of :data:`govflow.governor.checks.ORDER`."""


def _audit_plan(opening: Opening, plan: Plan) -> Steps[None]:
    """Compare what was approved with what is loaded. The two never come from one reading."""
    facts, run, now = opening.facts, opening.run, opening.now
    ground, hashed = facts.ground, run.plan_hash
    key = plan_key(plan)
    approved: ApprovedPlan | None = yield Command(lambda port: port.approved_plan(ground.tenant, key))
    if approved is None and facts.locked is not None and not run.enforce:
        approved = facts.locked
    production = ground.tiers.is_production(ground.environment)
    if approved is None or (approved.trusted and production):
        if production:
            raise PlanNotApproved(
                f"Nobody has approved a plan of flow {facts.flow!r}, and {ground.environment} is production.",
                mend="Have a second person run: govflow lock FILE --approve --as NAME",
            )
        trust = run.draft(
            "plan.trusted", now, payload={"plan_hash": hashed, "why": f"first plan seen in {ground.environment}"}
        )
        yield Command(lambda port: port.trust_plan(ground.tenant, key, plan, hashed, facts.requester.name, trust))
        run.compared = "this is the first plan seen of this flow; nobody has approved one"
        return
    payload: dict[str, Any] = {"approved": approved.plan_hash, "loaded": hashed, "approved_by": approved.principal}
    if approved.plan_hash == hashed:
        run.compared = f"no difference from the plan that {_stood_for(approved)}"
        yield Command.append(run.draft("ir.dag_diff_ok", now, payload=payload), durable=False)
        return
    found = diff(approved.plan, plan, approved_hash=approved.plan_hash, loaded_hash=hashed).masked(redact_named)
    payload["diff"] = found.to_dict()
    failed = run.draft("ir.dag_diff_failed", now, severity=Severity.CRITICAL, payload=payload)
    yield Command.append(failed, durable=True)
    raise PlanDrift(
        f"Flow {facts.flow!r} is not the plan that {_stood_for(approved)}:\n" + "\n".join(found.lines()),
        mend="Put the approved code back, or have the change approved: govflow lock FILE --approve --as NAME",
        details={"diff": found.to_dict(), "approved": approved.plan_hash, "loaded": hashed},
    )


def _stood_for(approved: ApprovedPlan) -> str:
    if approved.trusted:
        return f"was trusted when it was first seen, in a run of {approved.principal}"
    return f"{approved.principal} approved"


def step_permit(step: Step, assessment: StepAssessment, facts: RunFacts) -> Permit:
    """What a step may do that was judged so."""
    hashed = step_hash(step)
    decision = assessment.decision
    intent = {
        "step_hash": hashed,
        "tier": int(assessment.tier),
        "verdict": str(decision.verdict),
        "rule": decision.rule,
        "policy_digest": decision.policy_digest,
        "mode": facts.ground.mode,
    }
    reads = reads_parameters(step, facts.ground)
    static = reads == frozenset() and step.kind is not StepKind.UNRESOLVED and not assessment.fleeting
    return Permit(step, hashed, assessment, reads, intent, static)


_VERDICT_EVENTS: Mapping[Verdict, tuple[str, Severity]] = {
    Verdict.PASS: ("ir.validated_pass", Severity.INFO),
    Verdict.ESCALATE: ("ir.validated_escalate", Severity.WARNING),
    Verdict.REJECT: ("ir.validated_reject", Severity.ERROR),
}


def _record_verdict(opening: Opening, assessment: Assessment) -> Steps[None]:
    facts, run, now = opening.facts, opening.run, opening.now
    event, severity = _VERDICT_EVENTS[assessment.verdict]
    shared, decided = decided_from_source(run.permits)
    payload = {
        "ir_hash": run.ir_hash,
        "plan_hash": run.plan_hash,
        "policy_digest": facts.ground.engine.digest,
        "mode": facts.ground.mode,
        "environment": facts.ground.environment,
        "tier": int(assessment.tier),
        "attempt": facts.attempt,
        "assurance": str(facts.requester.assurance),
        "parent_run_id": facts.parent_run_id,
        **({"origin": dict(facts.origin)} if facts.origin else {}),
        "steps": {
            step_id: decided.get(step_id)
            or {"tier": int(step.tier), "verdict": str(step.verdict), "rule": step.decision.rule}
            for step_id, step in assessment.steps.items()
        },
        "attributes": shared,
    }
    durable = assessment.tier >= Tier.MEDIUM
    draft = run.draft(event, now, severity=severity, payload=payload, attempt=facts.attempt)
    yield Command.append(draft, durable=durable)
    rejected = [permit for permit in run.permits.values() if permit.assessment.verdict is Verdict.REJECT]
    if rejected and (stop := _reject(run, rejected)):
        if run.enforce:
            raise stop
        run.stopped = stop


def _reject(run: GovernedRun, rejected: list[Permit]) -> Refused | None:
    """A step that is certain to run, or cannot be read, stops the run; others stop when they are reached."""
    # A parameter that is not bound yet may change the answer of others, and so may the time until they are reached.
    final = [p for p in rejected if p.static or (p.step.kind is StepKind.BODY and p.reads == frozenset())]
    certain = [p for p in final if mandatory(p.step) or p.step.kind in (StepKind.BODY, StepKind.UNRESOLVED)]
    if not certain:
        return None
    stop = refusal(certain[0].assessment, run.facts.ground)
    others = [f"{p.step.step_id} (rule {p.assessment.decision.rule!r})" for p in certain[1:]]
    also = f" Denied as well: {', '.join(others)}." if others else ""
    violations = [details_of(p.assessment, run.facts.ground) for p in certain]
    return Denied(stop.message + also, mend=stop.mend, details={**stop.details, "violations": violations})


def _record_refusal(run: GovernedRun, error: GovflowError, now: datetime) -> Steps[None]:
    """Put the words on record that the state of the run will have."""
    payload = {
        "code": error.code,
        "reason": error.message,
        "mend": error.mend,
        "mode": run.facts.ground.mode,
        "stopped": run.enforce,
    }
    draft = run.draft("run.refused", now, severity=Severity.ERROR, payload=payload)
    try:
        yield Command.append(draft, durable=True)
    except GovflowError:
        if run.enforce:
            raise


def close_run(run: GovernedRun, *, failed: str | None) -> Steps[None]:
    """Close a run after its flow's body has ended.

    Args:
        run: the open run.
        failed: the type of the exception that the body raised; None when it returned.

    Raises:
        StepMissing: the body returned, and a mandatory step was never called (enforce mode).
    """
    now = yield NOW
    for request in run.plan_requests:
        ended = SUSPENDED if failed == SUSPENDED else "failed" if failed else "succeeded"
        yield Command(partial(_ended, request.request_id, ended))
    missing = [] if failed or not run.permits else _missing(run)
    if missing and (run.shared or run.facts.elsewhere):
        # Steps below a task that ran in another process were called there: the log knows.
        started = yield Command(lambda port: port.steps_started(run.facts.ground.tenant, run.facts.run_id))
        missing = [step_id for step_id in missing if step_id not in started]
    payload = {"ir_hash": run.ir_hash, "failed": failed, "missing": missing, "attempt": run.facts.attempt}
    severity = Severity.CRITICAL if missing else Severity.INFO
    draft = run.draft("run.closed", now, severity=severity, payload=payload, attempt=run.facts.attempt)
    yield Command.append(draft, durable=bool(missing))
    if run.shared and not run.handed_on:
        yield Command(lambda port: port.end_permit(run.facts.ground.tenant, run.facts.run_id))
    if missing and run.enforce:
        raise steps_missing(run.facts.flow, missing)


def _ended(request_id: str, outcome: str, port: Port) -> None:
    port.outcome(request_id, outcome)


def _missing(run: GovernedRun) -> list[str]:
    with run.lock:
        called = run.called - run.blocked
    return sorted(s for s, p in run.permits.items() if mandatory(p.step) and s not in called)
