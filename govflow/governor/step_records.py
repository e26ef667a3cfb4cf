"""What the log says of a call: before its body runs, and after it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from govflow.approval.requests import parameters_digest
from govflow.audit.record import Draft, Severity
from govflow.audit.template import Template
from govflow.errors import GovflowError
from govflow.governor.call import Call, Grant
from govflow.governor.governed_run import GovernedRun
from govflow.governor.port import Port
from govflow.governor.replayable import decided_anew, replayable
from govflow.governor.run import SUSPENDED
from govflow.governor.values import keyed, sealed_values
from govflow.ir.models import Tier

INTENT: Final = "step.intent"
OUTCOME: Final = "step.outcome"
CACHED: Final = "step.cached"
_FILLED_IN: Final = datetime.min.replace(tzinfo=UTC)  # a template has no time of its own


def write_intent(run: GovernedRun, grant: Grant, port: Port) -> None:
    """Write that a body is about to run, where nothing waits for the record."""
    _write(run, grant, port, INTENT, None)


def write_outcome(run: GovernedRun, grant: Grant, port: Port, failed: str | None) -> None:
    """Write how a body ended, likewise. ``failed`` is the type of its exception."""
    _write(run, grant, port, OUTCOME, failed)


def _write(run: GovernedRun, grant: Grant, port: Port, event: str, failed: str | None) -> None:
    template = None if failed else template_of(run, grant, event)
    if template is not None:
        port.fill(template, grant.call.attempt, grant.call.task_run_id)
        return
    draft = intent_draft(run, grant, port.now()) if event == INTENT else outcome_draft(run, grant, port.now(), failed)
    port.append(draft, durable=False)


def template_of(run: GovernedRun, grant: Grant, event: str) -> Template | None:
    """The template of all records of this kind, where a step's are alike but for time, attempt and task run."""
    permit, call = grant.permit, grant.call
    if permit is None or not _alike(grant):
        return None
    key = (event, call.fan_out)
    template = permit.templates.get(key)
    if template is None:
        made = intent_draft(run, grant, _FILLED_IN) if event == INTENT else outcome_draft(run, grant, _FILLED_IN, None)
        try:
            template = permit.templates[key] = Template(made)
        except ValueError:  # a name of the user's is spelled as a hole is: its records are made one by one
            return None
    return template


def _alike(grant: Grant) -> bool:
    permit, call = grant.permit, grant.call
    if permit is None or not permit.static:
        return False
    usual = permit.assessment if call.fan_out is None else permit.by_fan_out.get(call.fan_out)
    return (
        grant.assessment is usual
        and not grant.waits
        and grant.would_stop is None
        and not grant.bound
        and call.task_run_id.isascii()
        and call.task_run_id.replace("-", "").isalnum()  # a template does not escape it
    )


def intent_draft(run: GovernedRun, grant: Grant, at: datetime, executor: str = "") -> Draft:
    """The record that is written before the body."""
    call, permit = grant.call, grant.permit
    payload: dict[str, Any] = dict(permit.intent) if permit else {"mode": run.facts.ground.mode}
    payload["task_run_id"] = call.task_run_id
    if grant.request is not None and grant.request.binding.map_index is not None:
        payload["map_index"] = grant.request.binding.map_index
    if grant.assessment is not None and permit is not None and grant.assessment is not permit.assessment:
        payload.update(tier=int(grant.tier), verdict=str(grant.assessment.verdict), rule=grant.assessment.decision.rule)
    values = {f"parameters.{name}": value for name, value in (grant.bound or {}).items()}
    if grant.assessment is not None and permit is not None and not permit.static:
        payload.update(decided_anew(permit, grant.assessment, values))
    elif grant.assessment is not None and grant.tier >= Tier.MEDIUM:
        payload["request"] = replayable(grant.assessment)
    if grant.assessment is not None and grant.assessment.notes:
        payload["missing"] = list(grant.assessment.notes)
    if grant.assessment is not None and grant.assessment.withheld:
        payload["withheld"] = list(grant.assessment.withheld)
    if grant.assessment is not None and grant.tier >= Tier.MEDIUM:
        payload.update(run_attempt=run.facts.attempt, executor=executor)
        if run.facts.suspends:
            payload["call"] = call_digest(run, call)
    if grant.request is not None:
        payload["request_id"] = grant.request.request_id
    if grant.plan_request is not None:
        payload["plan_request_id"] = grant.plan_request
    if grant.would_stop is not None:
        payload["would_stop"] = {"code": grant.would_stop.code, "reason": grant.would_stop.message}
    return run.draft(INTENT, at, step_id=grant.step_id, attempt=call.attempt, payload=payload, values=values)


def outcome_draft(run: GovernedRun, grant: Grant, at: datetime, failed: str | None) -> Draft:
    """The record that is written after the body. ``failed`` is the type of its exception: its text may hold data."""
    payload = {"task_run_id": grant.call.task_run_id, "state": "failed" if failed else "succeeded"}
    if failed == SUSPENDED:
        payload["state"] = SUSPENDED
    elif failed:
        payload["error"] = failed
    severity = Severity.WARNING if failed else Severity.INFO
    return run.draft(OUTCOME, at, step_id=grant.step_id, attempt=grant.call.attempt, severity=severity, payload=payload)


def call_digest(run: GovernedRun, call: Call) -> str | None:
    """A commitment to the parameters of a call; None where they have no canonical form."""
    try:
        salt = run.row.salt if run.row is not None else b""
        return parameters_digest(salt, sealed(call, salt))
    except (GovflowError, ValueError):
        return None


def sealed(call: Call, key: bytes) -> dict[str, Any]:
    """The parameters with a keyed digest for each secret."""
    return sealed_values(call.parameters(), f"task {call.callee}", keyed(key))
