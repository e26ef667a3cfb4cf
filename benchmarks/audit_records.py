"""Records of the shape and size that runs write, for benchmarks of the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from govflow.audit.record import Draft

TENANT = "acme"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RULES = 29
PEOPLE = 37
OF_A_RUN = 50
_EVENTS = ("step.intent", "step.outcome", "step.intent", "step.outcome", "run.opened", "run.closed", "approval.vote")
_DIGEST = "sha256:" + "a" * 64


def draft(number: int) -> Draft:
    """The record with this number: one a second, with one rule, person and run or another."""
    event = _EVENTS[number % len(_EVENTS)]
    payload: dict[str, object] = {"task_run_id": f"{number:032x}", "policy_digest": _DIGEST}
    if event == "step.intent":
        payload |= {"rule": f"rule-{number % RULES}", "tier": number % 4, "verdict": "pass"}
    run_id = f"run-{number // OF_A_RUN}"
    at = BEGAN + timedelta(seconds=number)
    return Draft(
        event, TENANT, at, f"person-{number % PEOPLE}", run_id, "etl", "etl/load#1", 1, run_id, payload=payload
    )
