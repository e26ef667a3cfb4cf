"""The envelope of a published event.

Published are the nine ``ir.*`` events, and only after their record is acknowledged: the log is the truth, an envelope
is news of it. The id is the record's, so that a consumer can tell a repeated one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from pydantic import Field, JsonValue

from govflow.audit.record import Ack, Draft, Severity
from govflow.audit.vocabulary import IR_EVENTS
from govflow.ir.models import NonEmpty, StrictModel

SOURCE: Final = "govflow"


class Meta(StrictModel):
    """What a consumer routes by."""

    tenant_id: NonEmpty
    correlation_id: NonEmpty
    criticality: Severity
    flow: str | None = None
    step_id: str | None = None


class Envelope(StrictModel):
    """One event. ``target`` is the flow run that it is about, if there is one."""

    id: NonEmpty
    type: NonEmpty
    source: NonEmpty = SOURCE
    target: str | None = None
    timestamp: datetime
    payload: Mapping[str, JsonValue] = Field(default_factory=dict)
    meta: Meta


def envelope_of(draft: Draft, ack: Ack) -> Envelope | None:
    """The envelope of an acknowledged record; ``None`` if its event is not a published one.

    The draft's ``values`` are not in it: what may be erased from the log is not handed out.
    """
    criticality = IR_EVENTS.get(draft.event)
    if criticality is None:
        return None
    identity = f"{ack.writer}:{ack.writer_seq}"
    return Envelope(
        id=identity,
        type=draft.event,
        target=draft.run_id,
        timestamp=draft.at.astimezone(UTC),
        payload=dict(draft.payload),
        meta=Meta(
            tenant_id=draft.tenant,
            # A record that is part of nothing larger is its own correlation.
            correlation_id=draft.correlation or draft.run_id or identity,
            criticality=criticality,
            flow=draft.flow,
            step_id=draft.step_id,
        ),
    )
