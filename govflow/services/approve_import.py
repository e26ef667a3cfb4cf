"""Approval before any code of a flow is loaded: asked by the worker that pulled it, decided in our store.

The question is about one flow run: its plan, its parameters, the policy, and which attempt of the run this is. Pressing
Resume, or forcing a state, makes the worker ask again what became of it; it answers nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from govflow.approval.effective import rule_for_deeds
from govflow.approval.models import ApprovalRequest, ApprovalRule, Binding, RequestState
from govflow.approval.requests import open_request, parameters_digest, void_reason
from govflow.approval.stages import fewest
from govflow.audit.record import Draft
from govflow.errors import Refused
from govflow.governor.explain import decided_against, deeds_of, details_of
from govflow.governor.what_changed import what_changed
from govflow.ir.hashing import ir_hash
from govflow.ir.models import IR, Tier
from govflow.services.store_port import StorePort
from govflow.services.verify_deployment import Verification
from govflow.services.workspace import Workspace
from govflow.settings import ApprovalBeforeImport
from govflow.telemetry import redact

STEP: Final = "import"
"""Stands where other requests name a step of the plan."""

_OPEN: Final = (RequestState.PENDING, RequestState.APPROVED)


@dataclass(frozen=True, slots=True)
class PulledRun:
    """A flow run whose code was pulled and not yet loaded."""

    run_id: str
    parameters: Mapping[str, Any]  # JSON values, as the engine's server keeps them
    attempt: int  # how often the run has ended before: a retry by hand is another attempt, a resume is not
    owners: tuple[str, ...] = ()  # of the schedule or bot that started it


def must_ask(verification: Verification, when: ApprovalBeforeImport) -> str | None:
    """Why people have to say yes before the code is loaded; None when they do not."""
    if when == "never":
        return None
    if verification.at_import:
        return "; ".join(verification.at_import)
    if when == "plan" and verification.asking:
        names = ", ".join(one.step.step_id for one in verification.asking)
        return f"policy asks for approval of {names}"
    return None


def approve_import(
    workspace: Workspace, port: StorePort, verification: Verification, run: PulledRun, why: str
) -> ApprovalRequest:
    """Find the request, ask if there is none, claim it if it was approved. Never waits.

    Returns:
        The request: pending, or exercised by this run, which may then load its code.

    Raises:
        Refused: denied, expired or revoked.
        PolicyError: a step names an approval rule that the policy does not have.
    """
    asked = _ask_for(workspace, verification, run)
    known = port.requests(asked.tenant, run.run_id, STEP, None)
    latest = known[0] if known else None
    changed = void_reason(latest.binding, asked) if latest is not None else None
    if latest is not None and changed:
        if latest.state in _OPEN:
            changed += what_changed(port, latest, asked, verification.plan, verification.plan_hash)
            port.move(latest.request_id, RequestState.VOIDED, changed)
            why = f"{why}. An earlier approval is void: {changed}"
        latest = None
    if latest is None or latest.state is RequestState.VOIDED:
        latest = _open(workspace, port, verification, run, asked, why)
    current = port.current(latest)
    if current.state is RequestState.APPROVED:
        current = _claim(workspace, port, current)
    if current.state in (RequestState.PENDING, RequestState.EXERCISED):
        return current
    refused: Refused = decided_against(current, port.denials(current.request_id))
    raise refused


def _ask_for(workspace: Workspace, verification: Verification, run: PulledRun) -> Binding:
    """What exactly is asked: another plan, policy, parameter or attempt asks again."""
    settings = workspace.settings
    ir = IR(
        tenant=settings.tenant,
        environment=settings.environment,
        policy_digest=workspace.engine.digest,
        plan=verification.plan,
        parameters=dict(run.parameters),
        request_id=run.run_id,
        idempotency_key=run.run_id,
    )
    # Nothing in here is worth guessing, so the salt need not be secret; the parameters are in the IR.
    salt = hashlib.sha256(f"govflow import {run.run_id}".encode()).digest()
    return Binding(
        tenant=settings.tenant,
        flow=verification.plan.flow,
        run_id=run.run_id,
        step_id=STEP,
        ir_hash=ir_hash(ir, verification.plan_hash),
        policy_digest=workspace.engine.digest,
        parameters_digest=parameters_digest(salt, {"attempt": run.attempt}),
    )


def _rule(workspace: Workspace, verification: Verification) -> ApprovalRule:
    """The rule of the strictest step; where only importing does something, that of tier 2."""
    if not verification.asking:
        return workspace.approval_rule(None, Tier.MEDIUM)
    rules = [
        rule_for_deeds(workspace.approval_rule(one.step.approval or one.decision.approval, one.tier), deeds_of(one))
        for one in verification.asking
        if one.tier == verification.asking[0].tier
    ]
    return max(rules, key=fewest)


def _open(
    workspace: Workspace, port: StorePort, verification: Verification, run: PulledRun, asked: Binding, why: str
) -> ApprovalRequest:
    requester, rule = workspace.requester(), _rule(workspace, verification)
    strictest = verification.asking[0] if verification.asking else None
    tier = max(Tier.MEDIUM, verification.assessment.tier)
    summary: dict[str, Any] = {
        **(details_of(strictest, workspace.ground) if strictest else {}),
        "step_id": STEP,
        "flow": asked.flow,
        "plan_hash": verification.plan_hash,
        "parameters": redact(dict(run.parameters)),
        "steps": [one.step.step_id for one in verification.asking],
        "at_import": list(verification.at_import),
        "note": "Nothing of the flow has been loaded or run yet.",
    }
    request = open_request(
        request_id=str(uuid4()),
        binding=asked,
        rule=rule,
        requester=requester.name,
        tier=tier,
        policy_rule=strictest.decision.rule if strictest else "approval_before_import",
        reason=f"The code of {asked.flow} is about to be loaded: {why}.",
        summary=summary,
        now=port.now(),
    ).model_copy(update={"owners": run.owners})
    payload = {
        "request_id": request.request_id,
        "rule": request.policy_rule,
        "approval_rule": rule.name,
        "required": fewest(rule),
        "tier": int(tier),
        "ir_hash": asked.ir_hash,
        "policy_digest": asked.policy_digest,
        "parameters_digest": asked.parameters_digest,
        "attempt": run.attempt,
        "expires_at": request.expires_at.isoformat(),
    }
    return port.open_request(request, _draft(asked, requester.name, "ir.approval_created", payload))


def _claim(workspace: Workspace, port: StorePort, request: ApprovalRequest) -> ApprovalRequest:
    """Exercise the approval. Loading the code is all that it allows, so that is its outcome."""
    payload = {"request_id": request.request_id, "ir_hash": request.binding.ir_hash, "attempts_allowed": 1}
    draft = _draft(request.binding, workspace.requester().name, "ir.approval_consumed", payload)
    if port.claim(request, 1, draft):
        port.outcome(request.request_id, "succeeded")
    return port.current(request)


def _draft(binding: Binding, subject: str, event: str, payload: dict[str, Any]) -> Draft:
    return Draft(
        event=event,
        tenant=binding.tenant,
        at=datetime.now(UTC),
        subject=subject,
        run_id=binding.run_id,
        flow=binding.flow,
        step_id=STEP,
        payload=payload,
    )
