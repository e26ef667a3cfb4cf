"""Prefect's event feed as a sink: with prefixes, a queue and figures, and from every process that writes records."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.events import Event
from prefect.events.clients import get_events_client
from prefect.events.related import related_resources_from_run_context
from prefect.settings import PREFECT_API_URL

from govflow.errors import SettingsError
from govflow.events.envelope import Envelope
from govflow.prefect.events import shown

RECONNECTIONS = 2
"""Attempts to connect again; each may take a second, and what follows waits."""


def send(envelope: Envelope) -> None:
    """Send one envelope, and wait until it is sent.

    Called in the context of whoever published it, it adds what the run stands in, as Prefect's own events have it.

    Raises:
        SettingsError: it is not said where Prefect's API is; a server of one's own for an event would help nobody.
        Exception: whatever Prefect's client has against it.
    """
    if not PREFECT_API_URL.value() and FlowRunContext.get() is None:
        raise SettingsError("There is no Prefect to tell of events.", mend="Set PREFECT_API_URL.")
    asyncio.run(_sent(_event_of(envelope)))


async def _sent(fields: dict[str, Any]) -> None:
    event = Event(**fields)
    async with get_client() as client:
        known = {resource.id for resource in event.involved_resources}
        event.related += await related_resources_from_run_context(client=client, exclude=known)
    async with get_events_client(reconnection_attempts=RECONNECTIONS) as feed:
        await feed.emit(event)


def _event_of(envelope: Envelope) -> dict[str, Any]:
    meta = envelope.meta
    writer, _, number = envelope.id.rpartition(":")
    return shown(
        event=envelope.type,
        tenant=meta.tenant_id,
        run_id=envelope.target,
        flow=meta.flow,
        at=envelope.timestamp,
        payload={
            "source": envelope.source,
            "target": envelope.target,
            "step_id": meta.step_id,
            "payload": dict(envelope.payload),  # masked before it came here
            "meta": {
                "tenant_id": meta.tenant_id,
                "correlation_id": meta.correlation_id,
                "criticality": str(meta.criticality),
                "writer": writer,
                "writer_seq": int(number),
            },
        },
    )
