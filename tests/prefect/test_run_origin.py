"""What the log says of where a run comes from, and why its steps were decided as they were."""

from __future__ import annotations

from uuid import uuid4

import pytest
from opentelemetry import trace
from prefect.client.schemas.objects import FlowRun

from govflow.prefect import flow, task
from govflow.prefect.run_origin import origin_of_run
from tests.prefect.conftest import Home

TRACE = 0x4BF92F3577B34DA6A3CE929D0E0E4736
SPAN = trace.NonRecordingSpan(trace.SpanContext(TRACE, 0x00F067AA0BA902B7, is_remote=False))
POLICY = """\
version: 1
policy:
  name: told
  rules:
    - name: writes
      description: sales are ours
      effect: allow
      actions: ["data:*", "flow:execute"]
      stride: [tampering]
      compliance: ["SOX 404"]
"""


@task(action="data:write", provider="postgres", resource="dataset://acme/sales", tier=1)
def load() -> int:
    return 1


@flow
def told() -> int:
    return load()


@pytest.mark.covers("S2-091")
def test_a_traced_run_says_so_and_each_decision_says_what_the_rule_protects_from(home: Home) -> None:
    home.configure(mode="enforce", policy=POLICY)
    with trace.use_span(SPAN):
        assert told() == 1
    (said,) = (body["payload"] for body in home.events() if body["event"] == "ir.validated_pass")
    assert said["origin"]["trace_id"] == f"{TRACE:032x}"
    for decided in said["steps"].values():
        assert (decided["stride"], decided["compliance"]) == (["tampering"], ["SOX 404"])
        assert decided["reason"]
        assert "exceptions" not in decided


def test_a_run_of_nobody_we_know_says_nothing(home: Home) -> None:
    home.configure(mode="enforce", policy=POLICY)
    told()
    (said,) = (body["payload"] for body in home.events() if body["event"] == "ir.validated_pass")
    assert "trace_id" not in said.get("origin", {})


def test_what_prefect_knows_is_named() -> None:
    deployment = uuid4()
    run = FlowRun.model_validate(
        {
            "flow_id": uuid4(),
            "deployment_id": deployment,
            "created_by": {"id": uuid4(), "type": "SCHEDULE", "display_value": "nightly"},
            "labels": {"__OTEL_TRACEPARENT": f"00-{TRACE:032x}-00f067aa0ba902b7-01"},
        }
    )
    named = {"client": "SCHEDULE nightly", "deployment": str(deployment), "trace_id": f"{TRACE:032x}"}
    assert origin_of_run(run) == named
    for label in ("", "x", f"00-{TRACE:031x}g-1-01", "00-<script>-1-01"):
        told_by = FlowRun(flow_id=uuid4(), labels={"__OTEL_TRACEPARENT": label})
        assert origin_of_run(told_by) == {}
