"""Governance events in Prefect's event feed, so that automations can react to them."""

from __future__ import annotations

from prefect.events import emit_event

from govflow.audit.record import Ack, Draft
from govflow.telemetry import get_logger

_log = get_logger(__name__)


def publish(draft: Draft, ack: Ack | None) -> None:
    """Emit a record as a Prefect event. Never raises and never waits: the record in the log is the truth.

    The resource is the flow run, so that Prefect's pages show the event there; a rule can follow ``govflow.tenant``.
    """
    try:
        emit_event(
            event=draft.event,
            resource={
                "prefect.resource.id": f"govflow.run.{draft.run_id}",
                "prefect.resource.name": draft.flow or "",
                "govflow.tenant": draft.tenant,
            },
            related=[{"prefect.resource.id": f"prefect.flow-run.{draft.run_id}", "prefect.resource.role": "flow-run"}],
            occurred=draft.at,
            payload={
                "source": "govflow",
                "target": draft.step_id or draft.flow,
                "payload": dict(draft.payload),
                "meta": {
                    "tenant_id": draft.tenant,
                    "correlation_id": draft.correlation,
                    "criticality": str(draft.severity),
                    "writer": ack.writer if ack else None,
                    "writer_seq": ack.writer_seq if ack else None,
                },
            },
        )
    except Exception as error:  # noqa: BLE001 - an event bus that is down must not stop a run
        _log.warning("event.lost", event_name=draft.event, reason=f"{type(error).__name__}: {error}")
