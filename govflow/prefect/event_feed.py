"""Prefect's event feed as a sink: with prefixes, a queue and figures, and from every process that writes records."""

from __future__ import annotations

import asyncio
import sys
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.events import Event, RelatedResource
from prefect.events.clients import get_events_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from govflow.errors import SettingsError
from govflow.events.envelope import Envelope
from govflow.prefect.events import shown

RECONNECTIONS = 2
"""Attempts to connect again; each may take a second, and what follows waits."""


def send(envelope: Envelope) -> None:
    """Send one envelope, and wait until it is sent.

    It says what the run stands in, as Prefect's own events do: its flow, deployment and tags. They are asked for by the
    run's id, since an envelope may be sent by a thread that wrote for several runs.

    Raises:
        SettingsError: it is not said where Prefect's API is; a server of one's own for an event would help nobody.
        Exception: whatever Prefect's client has against it.
    """
    if not PREFECT_API_URL.value() and not _has_a_server():
        raise SettingsError("There is no Prefect to tell of events.", mend="Set PREFECT_API_URL.")
    asyncio.run(_sent(Event(**_event_of(envelope)), envelope.target))


def _has_a_server() -> bool:
    """Whether this process has started a temporary one for its flows."""
    module = sys.modules.get("prefect.server.api.server")
    return module is not None and bool(module.SubprocessASGIServer().running)


async def _sent(event: Event, run_id: str | None) -> None:
    if run_id is not None:
        async with get_client() as client:
            event.related += await _around(client, run_id)
    async with get_events_client(reconnection_attempts=RECONNECTIONS) as feed:
        await feed.emit(event)


async def _around(client: PrefectClient, run_id: str) -> list[RelatedResource]:
    """The flow, the deployment and the tags of a run; none where Prefect does not know it."""
    try:
        run = await client.read_flow_run(UUID(run_id))
        found = [_related("flow", run.flow_id, (await client.read_flow(run.flow_id)).name)]
        if run.deployment_id is not None:
            name = (await client.read_deployment(run.deployment_id)).name
            found.append(_related("deployment", run.deployment_id, name))
    except (ObjectNotFound, ValueError):
        return []
    return found + [_related("tag", tag) for tag in sorted(run.tags)]


def _related(role: str, identity: object, name: str | None = None) -> RelatedResource:
    words = {"prefect.resource.id": f"prefect.{role}.{identity}", "prefect.resource.role": role}
    return RelatedResource(words if name is None else words | {"prefect.resource.name": name})


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
