"""Opening and closing a governed run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from govflow.audit.record import Draft, Severity
from govflow.audit.template import Template
from govflow.errors import (
    CanonicalError,
    Denied,
    GovflowError,
    PlanDrift,
    PlanNotApproved,
    Refused,
    RequestError,
    StepMissing,
    Unbound,
)
from govflow.governor.assess import Assessment, Ground, StepAssessment, assess, mandatory, reads_parameters
from govflow.governor.checks import Check
from govflow.governor.explain import as_refusal, details_of, refusal
from govflow.governor.port import ApprovedPlan, Command, RunRow, Steps
from govflow.governor.values import hashable
from govflow.identity import Principal
from govflow.ir.diff import diff
from govflow.ir.hashing import ir_hash, plan_hash, step_hash
from govflow.ir.lock import plan_key
from govflow.ir.models import IR, Plan, Step, StepKind, Tier
from govflow.ir.vocabulary import Vocabulary
from govflow.policy.model import Verdict
from govflow.telemetry import redact_named

MODES: Final = ("observe", "enforce")
UNKNOWN: Final = "unknown"
"""The name that stands for a user whom the machine does not know."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What an engine knows of a run when its flow is about to start."""

    run_id: str
    flow: str
    idempotency_key: str
    requester: Principal
    ground: Ground
    vocabulary: Vocabulary
    plan: Plan | None  # None when the source could not be planned
    unbound: str | None  # why the code in memory is not the source that was read; None when it is
    parameters: Mapping[str, Any]  # validated by the flow, not yet JSON
    attempt: int = 1
    locked: ApprovedPlan | None = None  # from a lock file: the left side of the diff in observe mode
    parent_run_id: str | None = None
    refused: dict[tuple[str, int | None], Refused] = field(default_factory=dict)
    """Answers that stand in this process: neither a retry of a task nor one of the flow asks the same people again."""


@dataclass(slots=True)
class Permit:
    """What one planned step may do in this run. Built once; read for every call."""

    step: Step
    step_hash: str
    assessment: StepAssessment
    reads: frozenset[str] | None  # parameters that a decision reads; None: any
    intent: Mapping[str, Any]  # payload of its intent records, made once
    static: bool  # no parameter can change the answer
    by_fan_out: dict[int, StepAssessment] = field(default_factory=dict)  # if static: by the size of the map
    templates: dict[str, Template] = field(default_factory=dict)  # of its records, by event


@dataclass(slots=True)
class GovernedRun:
    """A run that is open. Shared by the threads of its process; ``called`` and ``counts`` are guarded by ``lock``."""

    facts: RunFacts
    ir_hash: str
    plan_hash: str
    permits: Mapping[str, Permit]
    row: RunRow | None
    stopped: Refused | None = None  # observe mode: why enforce mode would not have let the run start
    called: set[str] = field(default_factory=set)  # step ids that a call reached
    blocked: set[str] = field(default_factory=set)  # of those, the ones that were refused and have not run since
    counts: dict[frozenset[str], set[str]] = field(default_factory=dict)  # candidates of a site → task run ids
    indices: dict[str, dict[str, int]] = field(default_factory=dict)  # repeated step → task run id → map index
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def enforce(self) -> bool:
        """Whether a refusal stops the body: always, unless the mode is to observe."""
        return self.facts.ground.mode != "observe"

    def draft(self, event: str, at: datetime, **fields: Any) -> Draft:
        """A record of this run."""
        facts = self.facts
        return Draft(
            event=event,
            tenant=facts.ground.tenant,
            at=at,
            subject=facts.requester.name,
            run_id=facts.run_id,
            flow=facts.flow,
            correlation=facts.idempotency_key,
            **fields,
        )


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
    now = yield Command(lambda port: port.now())
    opening = Opening(facts, now, GovernedRun(facts, "", "", {}, None))
    try:
        for _, check in OPENING:
            yield from check(opening)
    except GovflowError as error:
        stop = as_refusal(error)
        yield from _record_refusal(opening.run, stop, now)
        if opening.run.enforce:
            raise
        opening.run.stopped = stop
    return opening.run


def _identity(opening: Opening) -> Steps[None]:
    """Somebody asked: without a name nobody can be kept from approving their own run."""
    if opening.facts.requester.name == UNKNOWN:
        raise Denied("Nobody knows who asked for this run.", mend="Set GOVFLOW_PRINCIPAL to who starts it.")
    yield from ()


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
    assessment = opening.assessment = assess(plan, facts.ground, facts.requester)
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
    run.permits = {step.step_id: _permit(step, assessment.steps[step.step_id], facts) for step in plan.steps}
    hashes = {step_id: permit.step_hash for step_id, permit in run.permits.items()}
    digest = facts.ground.engine.digest
    run.row = yield Command(
        lambda port: port.save_run(
            facts.run_id, facts.ground.tenant, facts.flow, run.ir_hash, digest, facts.requester.name, hashes
        )
    )
    yield from _record_verdict(opening, assessment)


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
        return
    payload: dict[str, Any] = {"approved": approved.plan_hash, "loaded": hashed, "approved_by": approved.principal}
    if approved.plan_hash == hashed:
        yield Command(lambda port: port.append(run.draft("ir.dag_diff_ok", now, payload=payload), durable=False))
        return
    found = diff(approved.plan, plan, approved_hash=approved.plan_hash, loaded_hash=hashed).masked(redact_named)
    payload["diff"] = found.to_dict()
    failed = run.draft("ir.dag_diff_failed", now, severity=Severity.CRITICAL, payload=payload)
    yield Command(lambda port: port.append(failed, durable=True))
    raise PlanDrift(
        f"Flow {facts.flow!r} is not the plan that {_stood_for(approved)}:\n" + "\n".join(found.lines()),
        mend="Put the approved code back, or have the change approved: govflow lock FILE --approve --as NAME",
        details={"diff": found.to_dict(), "approved": approved.plan_hash, "loaded": hashed},
    )


def _stood_for(approved: ApprovedPlan) -> str:
    if approved.trusted:
        return f"was trusted when it was first seen, in a run of {approved.principal}"
    return f"{approved.principal} approved"


def _permit(step: Step, assessment: StepAssessment, facts: RunFacts) -> Permit:
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
    static = reads == frozenset() and step.kind is not StepKind.UNRESOLVED
    return Permit(step, hashed, assessment, reads, intent, static)


_VERDICT_EVENTS: Mapping[Verdict, tuple[str, Severity]] = {
    Verdict.PASS: ("ir.validated_pass", Severity.INFO),
    Verdict.ESCALATE: ("ir.validated_escalate", Severity.WARNING),
    Verdict.REJECT: ("ir.validated_reject", Severity.ERROR),
}


def _record_verdict(opening: Opening, assessment: Assessment) -> Steps[None]:
    facts, run, now = opening.facts, opening.run, opening.now
    event, severity = _VERDICT_EVENTS[assessment.verdict]
    payload = {
        "ir_hash": run.ir_hash,
        "plan_hash": run.plan_hash,
        "policy_digest": facts.ground.engine.digest,
        "mode": facts.ground.mode,
        "tier": int(assessment.tier),
        "attempt": facts.attempt,
        "assurance": str(facts.requester.assurance),
        "parent_run_id": facts.parent_run_id,
        "steps": {
            step_id: {"tier": int(step.tier), "verdict": str(step.verdict), "rule": step.decision.rule}
            for step_id, step in assessment.steps.items()
        },
    }
    durable = assessment.tier >= Tier.MEDIUM
    draft = run.draft(event, now, severity=severity, payload=payload, attempt=facts.attempt)
    yield Command(lambda port: port.append(draft, durable=durable))
    rejected = [permit for permit in run.permits.values() if permit.assessment.verdict is Verdict.REJECT]
    if rejected and (stop := _reject(run, rejected)):
        if run.enforce:
            raise stop
        run.stopped = stop


def _reject(run: GovernedRun, rejected: list[Permit]) -> Refused | None:
    """A step that is certain to run, or cannot be read, stops the run; others stop when they are reached."""
    final = [p for p in rejected if p.static]  # else a parameter that is not bound yet may change the answer
    certain = [p for p in final if mandatory(p.step) or p.step.kind in (StepKind.BODY, StepKind.UNRESOLVED)]
    if not certain:
        return None
    stop = refusal(certain[0].assessment, run.facts.ground)
    others = [f"{p.step.step_id} (rule {p.assessment.decision.rule!r})" for p in certain[1:]]
    also = f" Denied as well: {', '.join(others)}." if others else ""
    violations = [details_of(p.assessment, run.facts.ground) for p in certain]
    return Denied(stop.message + also, mend=stop.mend, details={**stop.details, "violations": violations})


def _record_refusal(run: GovernedRun, stop: Refused, now: datetime) -> Steps[None]:
    payload = {"code": stop.code, "reason": stop.message, "mode": run.facts.ground.mode, "stopped": run.enforce}
    draft = run.draft("run.refused", now, severity=Severity.ERROR, payload=payload)
    try:
        yield Command(lambda port: port.append(draft, durable=True))
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
    now = yield Command(lambda port: port.now())
    missing = [] if failed or not run.permits else _missing(run)
    payload = {"ir_hash": run.ir_hash, "failed": failed, "missing": missing, "attempt": run.facts.attempt}
    severity = Severity.CRITICAL if missing else Severity.INFO
    draft = run.draft("run.closed", now, severity=severity, payload=payload, attempt=run.facts.attempt)
    yield Command(lambda port: port.append(draft, durable=bool(missing)))
    if missing and run.enforce:
        raise StepMissing(
            f"Flow {run.facts.flow!r} ended without {len(missing)} step(s) of its plan: {', '.join(missing)}.",
            mend="A step that may be left out belongs in a branch; an approved plan with it is made by govflow lock.",
            details={"missing": missing},
        )


def _missing(run: GovernedRun) -> list[str]:
    with run.lock:
        called = run.called - run.blocked
    return sorted(s for s, p in run.permits.items() if mandatory(p.step) and s not in called)
