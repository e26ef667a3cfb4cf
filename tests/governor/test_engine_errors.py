"""An engine of somebody else's that does what an engine must not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from govflow.policy import Decision, Engine, PolicyRequest
from tests.governor.conftest import Staged
from tests.governor.plans import plan, step

LOAD = plan(step("etl/load#1", action="data:read", provider="duckdb", resource="dataset://acme/sales"))


class Raises(Engine):
    """An engine that fails where it must not."""

    def decide(self, request: PolicyRequest) -> Decision:
        raise ZeroDivisionError("in somebody's engine")


def test_an_engine_that_raises_opens_no_run(staged: Staged) -> None:
    stage = staged()
    broken = replace(stage.workspace.ground, engine=Raises(stage.workspace.document))
    with pytest.raises(ZeroDivisionError):
        stage.open(LOAD, ground=broken)
    assert not {"step.intent", "ir.validated_pass"} & set(stage.events())


def test_an_engine_that_begins_to_raise_lets_no_body_run(staged: Staged) -> None:
    stage = staged()
    run = stage.open(LOAD)
    permit = run.permits["etl/load#1"]
    permit.static = False  # as where a parameter, or the time, decides
    permit.by_fan_out.clear()
    run.facts = replace(run.facts, ground=replace(run.facts.ground, engine=Raises(stage.workspace.document)))
    with pytest.raises(ZeroDivisionError):
        stage.call(run, "etl/load#1")
    assert "step.intent" not in stage.events()
