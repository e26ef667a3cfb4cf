"""The approval of one call: find the request, ask if there is none, wait, claim.

What an approval covers is its binding: this run, this step, this map index, these parameters, this IR and policy, and
the automatic retries that the plan declares. Anything else asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from govflow.approval.effective import rule_for_deeds
from govflow.approval.models import ApprovalRequest, Binding, RequestState
from govflow.approval.requests import open_request, parameters_digest, void_reason
from govflow.approval.stages import fewest
from govflow.audit.record import Severity
from govflow.errors import GovflowError, Refused
from govflow.governor.assess import StepAssessment
from govflow.governor.explain import decided_against, deeds_of, details_of, reason_of
from govflow.governor.governed_run import GovernedRun, Permit
from govflow.governor.port import NOW, Command, Port, Steps
from govflow.governor.what_changed import what_changed
from govflow.ir.models import Multiplicity
from govflow.telemetry import redact

UNCERTAIN = "An earlier attempt of this step was started under an approval and cannot be continued; it may have run."
ENDED = {
    "succeeded": "It has run already and succeeded, and its result was not kept.",
    "failed": "It has run already and failed.",
}
CHANGED = "its parameters were changed while it waited for an answer"
REFUSED = (RequestState.DENIED, RequestState.EXPIRED, RequestState.REVOKED)
OPEN = (RequestState.PENDING, RequestState.APPROVED)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that needs people."""

    permit: Permit
    assessment: StepAssessment
    task_run_id: str
    bound: Mapping[str, Any]  # JSON values, for people: secrets are masked
    sealed: Callable[[bytes], Mapping[str, Any]]  # the same under a key: secrets are digests that nobody can guess
    note: str = ""  # what else people should know
    suspends: bool = False  # nobody holds the run while it waits for this answer
    reason: str = ""  # why, in words; made from the assessment where it is empty
    shown: Mapping[str, Any] = field(default_factory=dict)  # what else people are shown
    covers: Sequence[StepAssessment] = ()  # further steps that the answer covers
    still: Callable[[], Steps[str | None]] | None = None  # why the policy says something else by now; None: it cannot


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


def standing(run: GovernedRun, asked: Asked, new_id: str) -> Steps[ApprovalRequest | None]:
    """The request that stands for a call that is still to come, opened if there is none; nobody waits for it here.

    Returns:
        A pending or an approved one; None for one that was exercised: whether the body runs again is decided there.

    Raises:
        Refused: it was denied, expired or revoked.
    """
    binding = yield from _bind(run, asked)
    note, latest = yield from _latest(run, asked, binding)
    if latest is not None and latest.state is RequestState.EXERCISED:
        return None
    if latest is None:
        latest = yield from _ask(run, asked, binding, new_id, note)
    return latest


def _approved(run: GovernedRun, asked: Asked, binding: Binding, new_id: str) -> Steps[ApprovalRequest]:
    note, latest = yield from _latest(run, asked, binding)
    if latest is not None and latest.state is RequestState.EXERCISED:
        again = latest
        changed = void_reason(again.binding, binding)
        if not changed and (yield Command(lambda port: port.claim_retry(again, binding))):
            return again
        note = f"What was approved before is not what is asked now: {changed}. " if changed else ""
        ended: str | None = yield Command(lambda port: port.outcome_of(again.request_id))
        note += f"{ENDED.get(ended or '', UNCERTAIN)} See request {again.request_id}."
        latest = None
    if latest is None:
        latest = yield from _ask(run, asked, binding, new_id, note)
    return (yield from _wait_and_claim(run, asked, latest))


def _latest(run: GovernedRun, asked: Asked, binding: Binding) -> Steps[tuple[str, ApprovalRequest | None]]:
    """What was last asked for this call, as far as it stands, and what to say of it in the next question.

    Raises:
        Refused: people have answered this question in this attempt of the run, and the answer was no.
    """
    note = asked.note
    known: list[ApprovalRequest] = yield Command(
        lambda port: port.requests(binding.tenant, binding.run_id, binding.step_id, binding.map_index)
    )
    latest = known[0] if known else None
    changed = void_reason(latest.binding, binding) if latest is not None else None
    if latest is not None and latest.state in OPEN and changed:
        voided, plan = latest, run.facts.plan
        reason = changed + (yield Command(lambda port: what_changed(port, voided, binding, plan, run.plan_hash)))
        yield Command(lambda port: port.move(voided.request_id, RequestState.VOIDED, reason))
        note, latest = f"An earlier approval is void: {reason}.", None
    if latest is not None and latest.state in REFUSED:
        answered = latest
        if run.replayed and not changed and answered.summary.get("attempt") == run.facts.attempt:
            refused: Refused = yield Command(lambda port: _refusal(port, answered))
            raise refused
        latest = None
    if latest is not None and latest.state is RequestState.VOIDED:
        latest = None
    return note, latest


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
    index = yield from _index(run, asked, binding, known)
    return binding.model_copy(update={"map_index": index})


def _index(run: GovernedRun, asked: Asked, binding: Binding, known: Sequence[ApprovalRequest]) -> Steps[int]:
    """Which element of a repeated step this call is.

    Tasks start in any order, also after a restart, so an element is known by its parameters: it takes the index of
    the request that asked for them, unless another task run has it; else the next free one.
    """
    alike = [r.binding.map_index for r in known if r.binding.parameters_digest == binding.parameters_digest]
    same = [index for index in alike if index is not None]
    used = {r.binding.map_index or 0 for r in known}
    if run.shared:
        step_id, task_run_id = binding.step_id, asked.task_run_id
        place: int = yield Command(
            lambda port: port.take_place(
                binding.run_id, step_id, task_run_id, wanted=sorted(same), after=max(used, default=-1), limit=None
            )
        )
        return place
    with run.lock:
        taken = run.indices.setdefault(binding.step_id, {})
        if asked.task_run_id not in taken:
            free = [index for index in same if index not in taken.values()]
            used.update(taken.values())
            # Of calls that are alike the first one asked first, in this process as in an earlier one.
            taken[asked.task_run_id] = min(free) if free else max(used, default=-1) + 1
        return taken[asked.task_run_id]


def _ask(run: GovernedRun, asked: Asked, binding: Binding, new_id: str, note: str) -> Steps[ApprovalRequest]:
    facts, step, assessment = run.facts, asked.permit.step, asked.assessment
    now: datetime = yield NOW
    rule = yield Command(lambda port: port.rule(assessment.rule_name, assessment.tier))
    rule = rule_for_deeds(rule, [deed for one in (assessment, *asked.covers) for deed in deeds_of(one)])
    if step.approval is not None:  # which may not be the one that counts, and has to be one
        yield Command(lambda port: port.rule(step.approval, assessment.tier))
    summary = {
        **details_of(assessment, facts.ground),
        "flow": facts.flow,
        "plan_hash": run.plan_hash,
        "compared": run.compared,
        "callee": assessment.step.callee,
        "parameters": redact(dict(asked.bound)),
        "note": note,
        "attempt": facts.attempt,
        "wait": "suspend" if asked.suspends else "pause",
        **asked.shown,
    }
    request = open_request(
        request_id=new_id,
        binding=binding,
        rule=rule,
        requester=facts.requester.name,
        tier=assessment.tier,
        policy_rule=assessment.decision.rule,
        reason=f"{asked.reason or reason_of(assessment)}.{' ' + note if note else ''}",
        summary=summary,
        now=now,
    ).model_copy(update={"owners": facts.owners})
    payload = {
        "request_id": request.request_id,
        "rule": request.policy_rule,
        "approval_rule": rule.name,
        "required": fewest(rule),
        "tier": int(request.tier),
        "ir_hash": run.ir_hash,
        "policy_digest": binding.policy_digest,
        "parameters_digest": binding.parameters_digest,
        "map_index": binding.map_index,
        "expires_at": request.expires_at.isoformat(),
        "note": note,
    }
    draft = run.draft("ir.approval_created", now, step_id=step.step_id, payload=payload)
    stands: ApprovalRequest | None = yield Command(
        lambda port: port.use_standing(request, draft, run.plan_hash, lambda: _comparable(asked))
    )
    if stands is not None:
        return stands
    opened: ApprovalRequest = yield Command(lambda port: port.open_request(request, draft))
    return opened


def _comparable(asked: Asked) -> Mapping[str, JsonValue]:
    """The parameters that a standing approval may look at: none that holds a secret, or has the name of one.

    Under two keys a secret has two digests; whatever is the same under both is none.
    """
    one, other = (asked.sealed(bytes([filling]) * 32) for filling in (1, 2))
    return {name: value for name, value in one.items() if other[name] == value and redact({name: value})[name] == value}


def _wait_and_claim(run: GovernedRun, asked: Asked, request: ApprovalRequest) -> Steps[ApprovalRequest]:
    decided = request
    if request.state is RequestState.PENDING:
        decided = yield Command(
            lambda port: port.await_decision(request), abandon=lambda port: port.abandon(request.request_id)
        )
    step = asked.permit.step
    if decided.state is RequestState.APPROVED and _changed_meanwhile(run, asked, decided):
        # An object that the caller still holds: what people saw is not what the body would get.
        yield Command(lambda port: port.move(decided.request_id, RequestState.VOIDED, CHANGED))
        decided = yield from _as_it_stands(decided)
    if decided.state is RequestState.APPROVED and asked.still is not None and (why := (yield from asked.still())):
        yield Command(lambda port: port.move(decided.request_id, RequestState.VOIDED, why))
        decided = yield from _as_it_stands(decided)
    if decided.state is RequestState.APPROVED:
        now: datetime = yield NOW
        attempts = (step.retries + 1) * ((run.facts.plan.retries if run.facts.plan else 0) + 1)
        payload = {"request_id": decided.request_id, "ir_hash": run.ir_hash, "attempts_allowed": attempts}
        draft = run.draft("ir.approval_consumed", now, step_id=step.step_id, payload=payload)
        if (yield Command(lambda port: port.claim(decided, attempts, draft))):
            return decided
        decided = yield from _as_it_stands(decided)
    refused: Refused = yield Command(lambda port: _refusal(port, decided))
    raise refused


def _changed_meanwhile(run: GovernedRun, asked: Asked, request: ApprovalRequest) -> bool:
    """Whether the parameters of the call are not those any more that were asked about."""
    salt = run.row.salt if run.row is not None else b""
    try:
        return parameters_digest(salt, asked.sealed(salt)) != request.binding.parameters_digest
    except (GovflowError, ValueError):
        return True  # they have no form any more that could be compared


def _refusal(port: Port, decided: ApprovalRequest) -> Refused:
    note = port.why(decided.request_id) if decided.state in (RequestState.REVOKED, RequestState.VOIDED) else ""
    return decided_against(decided, port.denials(decided.request_id), note)


def _as_it_stands(request: ApprovalRequest) -> Steps[ApprovalRequest]:
    """What has become of a request that could not be claimed."""
    at = request.binding
    known: list[ApprovalRequest] = yield Command(
        lambda port: port.requests(at.tenant, at.run_id, at.step_id, at.map_index)
    )
    return next((found for found in known if found.request_id == request.request_id), request)


def severity_of(refused: GovflowError) -> Severity:
    """How loud the record of a refusal is."""
    return Severity.WARNING if refused.code.startswith("approval") else Severity.ERROR
