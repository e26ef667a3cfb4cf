"""Governance events in Prefect's event feed, so that automations can react to them.

Governed runs tell the feed of all of them by themselves, unless a sink of the settings does (:mod:`.event_feed`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from prefect.events import emit_event

from govflow.approval.models import ApprovalRequest
from govflow.audit.record import Ack, Draft
from govflow.audit.vocabulary import severity_of
from govflow.telemetry import get_logger, redact

_log = get_logger(__name__)


def publish(draft: Draft, ack: Ack | None) -> None:
    """Emit a record as a Prefect event. Never raises and never waits: the record in the log is the truth."""
    try:
        payload = _payload(draft, ack)
        tenant, run_id, flow = draft.tenant, draft.run_id, draft.flow
        emit_event(**shown(event=draft.event, tenant=tenant, run_id=run_id, flow=flow, at=draft.at, payload=payload))
    except Exception as error:  # noqa: BLE001 - an event bus that is down must not stop a run
        _log.warning("event.lost", event_name=draft.event, reason=f"{type(error).__name__}: {error}")


def shown(
    *, event: str, tenant: str, run_id: str | None, flow: str | None, at: datetime, payload: dict[str, Any]
) -> dict[str, Any]:
    """The members of a Prefect event.

    The resource is the flow run, so that Prefect's pages show the event there; a rule can follow ``govflow.tenant``.
    """
    resource = {"prefect.resource.name": flow or "", "govflow.tenant": tenant}
    if run_id is None:
        resource["prefect.resource.id"] = f"govflow.tenant.{tenant}"
        related = []
    else:
        resource["prefect.resource.id"] = f"govflow.run.{run_id}"
        related = [{"prefect.resource.id": f"prefect.flow-run.{run_id}", "prefect.resource.role": "flow-run"}]
    return {"event": event, "resource": resource, "related": related, "occurred": at, "payload": payload}


def publish_about(request: ApprovalRequest, event: str, payload: Mapping[str, Any] | None = None) -> None:
    """Emit an event about a request whose record the store has already written."""
    binding = request.binding
    draft = Draft(
        event=event,
        tenant=binding.tenant,
        at=datetime.now(UTC),
        run_id=binding.run_id,
        flow=binding.flow,
        step_id=binding.step_id,
        payload={"request_id": request.request_id, **(payload or {})},
    )
    publish(draft, None)


def publish_expired(request: ApprovalRequest) -> None:
    """Say that nobody decided, or nobody claimed, a request in time."""
    publish_about(request, "ir.approval_expired", {"expires_at": request.expires_at.isoformat()})


def _payload(draft: Draft, ack: Ack | None) -> dict[str, Any]:
    """Source, target, payload and meta, as in :mod:`govflow.events.envelope`; id, type and time are the event's own."""
    return {
        "source": "govflow",
        "target": draft.run_id,
        "step_id": draft.step_id,
        "payload": redact(dict(draft.payload)),  # it leaves the log: masked as wherever else a record is shown
        "meta": {
            "tenant_id": draft.tenant,
            "correlation_id": draft.correlation or draft.run_id,
            "criticality": str(severity_of(draft.event, draft.severity)),
            "writer": ack.writer if ack else None,
            "writer_seq": ack.writer_seq if ack else None,
        },
    }
