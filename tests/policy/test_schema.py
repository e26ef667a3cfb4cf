from __future__ import annotations

import json

from govflow.policy.attributes import BUILT_IN
from govflow.policy.conditions import EXISTS, OPERATORS
from govflow.policy.rules import PolicyRule
from govflow.policy.schema import policy_json_schema
from govflow.policy.shape import PolicyFile


def test_the_schema_names_the_fields_of_the_file() -> None:
    schema = policy_json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["properties"].keys() == PolicyFile.model_fields.keys()
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"version", "policy"}
    definitions = schema["$defs"]
    assert definitions["PolicyRule"]["properties"].keys() == PolicyRule.model_fields.keys()
    assert definitions["PolicyRule"]["additionalProperties"] is False
    assert "default" in definitions["PolicySet"]["properties"]
    assert "default_effect" not in definitions["PolicySet"]["properties"]


def test_the_schema_offers_each_path_the_operators_that_fit_it() -> None:
    conditions = policy_json_schema()["$defs"]["PolicyRule"]["properties"]["conditions"]
    assert conditions["properties"].keys() == BUILT_IN.keys()
    for path, tests in conditions["properties"].items():
        fitting = {name for name, (types, _) in OPERATORS.items() if BUILT_IN[path].type in types}
        assert tests["properties"].keys() == fitting | {EXISTS}
    assert conditions["additionalProperties"]["properties"].keys() == {*OPERATORS, EXISTS}


def test_each_call_gives_a_schema_of_its_own() -> None:
    policy_json_schema()["properties"].clear()
    assert policy_json_schema()["properties"]
