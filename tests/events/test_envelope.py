"""The envelope of each published event."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from govflow.audit.record import Ack, Draft
from govflow.audit.vocabulary import EVENTS, IR_EVENTS
from govflow.events.envelope import Envelope, envelope_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACK = Ack("host.1.aa.s1", 4, durable=False)


@pytest.mark.covers("S5-52", "S5-54", "S5-55", "S5-56")
@pytest.mark.parametrize("event", IR_EVENTS)
def test_an_envelope_has_these_members_and_no_others(event: str) -> None:
    where: dict[str, Any] = {"run_id": "r", "flow": "etl", "step_id": "etl/load#1", "correlation": "c"}
    draft = Draft(event, "acme", AT, **where, payload={"tier": 3}, values={"mail": "m@example.org"})
    envelope = envelope_of(draft, ACK)
    assert envelope is not None
    assert json.loads(envelope.model_dump_json()) == {
        "id": "host.1.aa.s1:4",
        "type": event,
        "source": "govflow",
        "target": "r",
        "timestamp": "2026-03-01T12:00:00Z",
        "payload": {"tier": 3},
        "meta": {
            "tenant_id": "acme",
            "correlation_id": "c",
            "criticality": IR_EVENTS[event].value,
            "flow": "etl",
            "step_id": "etl/load#1",
        },
    }


@pytest.mark.parametrize("event", sorted(set(EVENTS) - set(IR_EVENTS)))
def test_our_own_events_are_not_published(event: str) -> None:
    assert envelope_of(Draft(event, "acme", AT), ACK) is None


@pytest.mark.parametrize(
    ("draft", "correlation"),
    [
        (Draft("ir.dag_diff_ok", "acme", AT, run_id="r"), "r"),
        (Draft("ir.dag_diff_ok", "acme", AT), "host.1.aa.s1:4"),
    ],
)
def test_every_envelope_has_a_correlation(draft: Draft, correlation: str) -> None:
    envelope = envelope_of(draft, ACK)
    assert envelope is not None
    assert envelope.meta.correlation_id == correlation


def test_an_envelope_takes_no_unknown_member() -> None:
    envelope = envelope_of(Draft("ir.dag_diff_ok", "acme", AT), ACK)
    assert envelope is not None
    with pytest.raises(ValidationError):
        Envelope.model_validate({**envelope.model_dump(), "extra": 1})
