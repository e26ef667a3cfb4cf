"""The models refuse what they do not know."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from govflow.ir.models import IR, CallSite, Edge, Finding, FlowParameter, Plan, Step, Tier
from tests.ir import plans

EXAMPLES: list[BaseModel] = [
    plans.ir(),
    plans.etl(),
    plans.step("a#1"),
    Edge(source="a", target="b"),
    FlowParameter(name="x"),
    Finding(code="c", message="m"),
    CallSite(file="a.py", function="f", line=1, column=0, end_line=1, end_column=1),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=[type(example).__name__ for example in EXAMPLES])
@pytest.mark.covers("S5-36")
def test_extra_fields_are_refused_everywhere(example: BaseModel) -> None:
    document = json.loads(example.model_dump_json())
    assert type(example).model_validate_json(json.dumps(document)) == example
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        type(example).model_validate_json(json.dumps(document | {"surprise": 1}))


@pytest.mark.parametrize("changes", [{"idempotency_key": ""}, {"idempotency_key": None}])
@pytest.mark.covers("S5-35")
def test_a_request_with_an_empty_idempotency_key_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="idempotency_key"):
        plans.ir(**changes)


@pytest.mark.covers("S5-35")
def test_a_request_without_an_idempotency_key_is_refused() -> None:
    document = json.loads(plans.ir().model_dump_json())
    del document["idempotency_key"]
    with pytest.raises(ValidationError, match="idempotency_key\n  Field required"):
        IR.model_validate_json(json.dumps(document))


def test_nothing_is_coerced() -> None:
    with pytest.raises(ValidationError, match="retries"):
        plans.step("a#1", retries="2")
    with pytest.raises(ValidationError, match="tier"):
        Step.model_validate_json(json.dumps(json.loads(plans.step("a#1").model_dump_json()) | {"tier": 4}))


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        plans.etl().flow = "other"  # type: ignore[misc]  # that it cannot be set is what is tested


def test_a_plan_of_another_version_is_refused() -> None:
    with pytest.raises(ValidationError, match="version"):
        Plan(flow="f", file="f.py", function="f", steps=(), version=2)  # type: ignore[arg-type]  # what is tested


def test_step_is_found_by_id() -> None:
    made = plans.etl()
    assert made.step("purge#1").tier is Tier.HIGH
    with pytest.raises(KeyError):
        made.step("purge#2")
