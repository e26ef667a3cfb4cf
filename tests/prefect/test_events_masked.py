"""What Prefect's event feed gets of a record: secrets in names and texts are masked, all else is as it was recorded."""

from __future__ import annotations

from datetime import UTC, datetime

from govflow.audit.record import Draft
from govflow.prefect.events import _payload

CANARY = "pw-canary-4711"


def test_a_password_in_the_source_of_a_flow_does_not_reach_the_event_feed() -> None:
    request = {"action": "data:write", "resource": f"postgresql://u:{CANARY}@db.example.org/sales"}
    steps = {"etl/load#1": {"tier": 1, "rule": "writes", "request": request}}
    payload = {"ir_hash": "sha256:" + "ab" * 32, "steps": steps, "api_key": CANARY}
    draft = Draft("ir.validated_pass", "acme", datetime(2026, 3, 1, tzinfo=UTC), run_id="r-1", payload=payload)
    sent = _payload(draft, None)
    assert CANARY not in repr(sent)
    assert sent["payload"]["ir_hash"] == payload["ir_hash"]
    assert sent["payload"]["steps"]["etl/load#1"] == {
        "tier": 1,
        "rule": "writes",
        "request": {"action": "data:write", "resource": "postgresql://u:***@db.example.org/sales"},
    }
    assert draft.payload["steps"] is steps, "the record itself is as it was"
