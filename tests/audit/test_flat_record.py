"""A record as a row: what a spreadsheet is searched by is in its own column."""

from __future__ import annotations

from typing import Any

import pytest

from govflow.audit.flat_record import flat_record


def row(payload: dict[str, Any]) -> dict[str, str | int | None]:
    return flat_record(7, "sha256:aa", {"event": "ir.validated_escalate", "payload": payload})


def test_a_plan_has_the_rules_of_its_steps_each_once() -> None:
    steps = {"a": {"rule": "two-people"}, "b": {"rule": "low"}, "c": {"rule": "two-people"}, "d": {"tier": 1}}
    assert row({"steps": steps, "tier": 3})["rule"] == "low two-people"
    assert row({"steps": steps, "rule": "own"})["rule"] == "own", "what the record itself says comes first"


@pytest.mark.parametrize("steps", [None, [], {}, "steps", {"a": None}, {"a": {"rule": 7}}])
def test_a_record_without_any_has_none(steps: object) -> None:
    assert row({"steps": steps})["rule"] is None
