"""A record as a line for people: however long it is, what is asked first is not what is left out."""

from __future__ import annotations

from govflow.services.describe.records import describe_record


def test_verdict_tier_rule_and_reason_stand_before_what_is_long() -> None:
    payload = {
        **{f"attribute_{number}": "x" * 70 for number in range(20)},
        **{"reason": "prod is touched", "rule": "two-people", "tier": 3, "verdict": "escalate", "none": None},
    }
    body = {"at": "2026-03-01T00:00:00.000000Z", "severity": "info", "event": "step.decided", "subject": "ann"}
    line = describe_record(7, body | {"payload": payload})
    for said in ("escalate", "tier=3", "two-people", "prod is touched"):
        assert said in line
    assert line.index("verdict=") < line.index("tier=") < line.index("rule=") < line.index("reason=")
    assert "none=" not in line
