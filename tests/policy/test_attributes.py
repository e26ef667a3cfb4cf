from __future__ import annotations

import pytest

from govflow.policy.attributes import AttributeSchema, AttributeType, declaration_problem, lookup
from tests.policy.build import request


def test_lookup_reads_what_a_rule_reads() -> None:
    asked = request("data:read", "S3://b/k", parameters={"order": {"region": "eu"}}, step={"tier": 2})
    paths = ["action", "provider", "resource", "step.tier", "parameters.order.region", "parameters.x", "run.flow"]
    values = [lookup(asked, path, "s3://b/k") for path in paths]
    assert values == ["data:read", "postgres", "s3://b/k", 2, "eu", None, None]


@pytest.mark.parametrize("path", ["step", "step.", "step.tier.x", "parameters", "parameters.a b", "", ".", "context.x"])
def test_there_is_no_such_path(path: str) -> None:
    schema = AttributeSchema({})
    assert schema.find(path) is None
    assert "attributes:" in schema.suggestion(path)


def test_a_path_is_a_value_or_a_group() -> None:
    declared = {"context.a": AttributeType.INT, "context.a.b": AttributeType.INT}
    assert declaration_problem("context.a", declared) is not None
    assert declaration_problem("context.a.b", declared) is not None
    assert declaration_problem("subject.department", {"subject.department": AttributeType.STRING}) is None
    assert declaration_problem("context.x", {"context.x": AttributeType.ANY}) is not None
