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


def test_digests_are_cut_and_what_is_empty_is_left_out() -> None:
    digest = "sha256:" + "0123456789ab" + "c" * 52
    payload = {"ir_hash": digest, "kid": "c" * 64, "missing": [], "mend": "", "stopped": False, "records": 0}
    body = {"at": "2026-03-01T00:00:00.000000Z", "severity": "info", "event": "run.closed", "subject": "ann"}
    line = describe_record(7, body | {"flow": "etl", "step_id": "etl/load#1", "run_id": "r-1", "payload": payload})
    assert "ann  etl/load#1 r-1  ir_hash=sha256:0123456789ab… kid=" + "c" * 64 in line
    assert "missing" not in line and "mend" not in line
    assert "stopped=" in line and "records=0" in line
    assert describe_record(7, body | {"flow": "etl", "payload": {}}).endswith("ann  etl")
