from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.errors import PolicyError
from govflow.policy.attributes import BUILT_IN, GROUPS
from govflow.policy.cel import CEL
from govflow.policy.conditions import EXISTS
from govflow.policy.document import load_policy
from govflow.policy.operators import OPERATORS
from govflow.policy.rules import PolicyRule
from govflow.policy.schema import policy_json_schema, schema_text
from govflow.policy.shape import PolicyFile
from govflow.policy.yaml_reader import read_yaml


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


def _resolved(reference: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = policy_json_schema()["$defs"][reference["$ref"].rpartition("/")[2]]
    return found


def test_the_schema_offers_each_path_the_operators_that_fit_it() -> None:
    conditions = policy_json_schema()["$defs"]["Conditions"]
    assert conditions["properties"].keys() == BUILT_IN.keys() | GROUPS | {CEL}
    for path in BUILT_IN:
        tests = _resolved(conditions["properties"][path])
        fitting = {name for name, (types, _) in OPERATORS.items() if BUILT_IN[path].type in types}
        assert tests["properties"].keys() == fitting | {EXISTS}
    assert _resolved(conditions["additionalProperties"])["properties"].keys() == {*OPERATORS, EXISTS}


def test_each_call_gives_a_schema_of_its_own() -> None:
    policy_json_schema()["properties"].clear()
    assert policy_json_schema()["properties"]


# The schema and the loader, held against each other.

VALIDATOR = jsonschema.Draft202012Validator(policy_json_schema())
REPOSITORY = Path(__file__).parents[2]


def _valid(text: str) -> bool:
    return bool(VALIDATOR.is_valid(read_yaml(text, "x")[0]))


def _loads(text: str) -> bool:
    try:
        load_policy(text, "policy.yaml")
    except PolicyError:
        return False
    return True


def test_the_file_of_the_package_holds_the_schema() -> None:
    shipped = resources.files("govflow.policy").joinpath("policy.schema.json").read_text(encoding="utf-8")
    assert shipped == schema_text(), "python -m govflow.policy > govflow/policy/policy.schema.json"
    printed = subprocess.run([sys.executable, "-m", "govflow.policy"], capture_output=True, text=True, check=True)
    assert (printed.stdout, printed.stderr) == (shipped, "")
    jsonschema.Draft202012Validator.check_schema(json.loads(shipped))


@pytest.mark.parametrize("name", ["01_flights", "03_guarded_deployment"])
def test_policy_files_of_the_examples_are_valid(name: str) -> None:
    assert _valid((REPOSITORY / "examples" / name / "policy.yaml").read_text(encoding="utf-8"))


def test_the_starter_policy_is_valid() -> None:
    assert _valid(resources.files("govflow.policy").joinpath("starter.yaml").read_text(encoding="utf-8"))


MISSHAPEN: list[dict[str, Any]] = [
    {"effct": "deny"},
    {"effect": "dney"},
    {"actions": "data:*"},
    {"actions": []},
    {"actions": [""]},
    {"priority": "5"},
    {"priority": -1},
    {"mode": "of"},
    {"level": "hard"},
    {"stride": ["tamper"]},
    {"stride": "tampering"},
    {"compliance": ["GDPR", 7]},
    {"rollout": {"percent": 101}},
    {"rollout": {"percent": "10"}},
    {"rollout": {}},
    {"rollout": {"percent": 5, "key": "run.flow"}},
    {"rollout": 5},
    {"conditions": []},
    {"conditions": {"step.tier": 3}},
    {"conditions": {"step.tier": {}}},
    {"conditions": {"step.tier": {"gtt": 3}}},
    {"conditions": {"step.tier": {"gt": "3"}}},
    {"conditions": {"step.tier": {"glob": "a"}}},
    {"conditions": {"step.tier": {"between": [1]}}},
    {"conditions": {"run.flow": {"any_of": []}}},
    {"conditions": {"run.flow": {"exists": "yes"}}},
    {"conditions": {"run.flow": {"matches": 3}}},
    {"conditions": {"run.time": {"before": 3}}},
    {"conditions": {"run.time": {"equals": "2027-01-01"}}},
    {"conditions": {"any": []}},
    {"conditions": {"cel": ""}},
    {"conditions": {"cel": ["step.tier > 1"]}},
    {"conditions": {"cel": "step.tier > 1" + " " * 1000}},
    {"conditions": {"any": {"run.flow": {"equals": "a"}}}},
    {"conditions": {"not": {}}},
    {"conditions": {"not": [{"run.flow": {"equals": "a"}}]}},
    {"conditions": {"all": [{"run.flow": {"equal": "a"}}]}},
    {"conditions": {"not": {"any": [{"run.flow": {"equal": "a"}}]}}},
]
SET_MISSHAPEN: list[dict[str, Any]] = [
    {"default": "no"},
    {"combining": "first"},
    {"ruls": []},
    {"bands": {"security": {"priorities": [1]}}},
    {"bands": {"security": {"priorities": [1, 2, 3]}}},
    {"bands": {"security": {"security": True}}},
    {"bands": {"security": {"priorities": [1, 2], "security": "yes"}}},
    {"exceptions": [{"name": "e", "rule": "r", "owner": "carol", "ticket": "T-1"}]},
    {"exceptions": [{"name": "e", "rule": "r", "owner": "carol", "expires": "2027-01-01"}]},
    {"exceptions": {}},
]
FILE_MISSHAPEN: list[dict[str, Any]] = [
    {"version": 2},
    {"imports": "a.yaml"},
    {"imports": [1]},
    {"attributes": {"context.x": "text"}},
    {"approvals": {"a": {"required": 0}}},
    {"principals": {"a": {"role": []}}},
    {"plicy": {}},
]


def _file(
    file: dict[str, Any] | None = None, policy: dict[str, Any] | None = None, rule: dict[str, Any] | None = None
) -> str:
    rules = [{"name": "r", "effect": "deny", "level": "soft-mandatory", **(rule or {})}]
    return json.dumps({"version": 1, "policy": {"name": "p", "rules": rules, **(policy or {})}, **(file or {})})


def test_the_file_without_a_mistake_is_valid_and_loads() -> None:
    assert _valid(_file())
    assert _loads(_file())


@pytest.mark.parametrize(
    "text",
    [
        *(_file(rule=wrong) for wrong in MISSHAPEN),
        *(_file(policy=wrong) for wrong in SET_MISSHAPEN),
        *(_file(file=wrong) for wrong in FILE_MISSHAPEN),
    ],
)
def test_what_has_another_shape_is_refused_by_both(text: str) -> None:
    assert not _valid(text)
    assert not _loads(text)


_WORDS = st.sampled_from(["", "a", "data:read", "*", "deny", "allow", "2027-01-01", "run.flow", "10.0.0.0/8", "^a$"])
_VALUES = st.recursive(
    st.one_of(_WORDS, st.integers(-1, 120), st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                ["equals", "any_of", "gt", "before", "cidr", "matches", "exists", "between", "step.tier", "run.flow",
                 "run.time", "parameters.x", "all", "any", "not", "percent", "by", "priorities", "security"]
            ),
            inner,
            max_size=2,
        ),
    ),
    max_leaves=6,
)  # fmt: skip
_RULE_FIELDS = st.sampled_from(sorted(PolicyRule.model_fields))
_SET_FIELDS = st.sampled_from(["description", "default", "combining", "bands", "exceptions"])


def _drawn() -> Iterator[st.SearchStrategy[str]]:
    yield st.dictionaries(_RULE_FIELDS, _VALUES, max_size=2).map(lambda fields: _file(rule=fields))
    yield st.dictionaries(_SET_FIELDS, _VALUES, max_size=2).map(lambda fields: _file(policy=fields))
    yield st.dictionaries(st.just("conditions"), _VALUES, min_size=1).map(lambda fields: _file(rule=fields))


@given(st.one_of(*_drawn()))
def test_what_loads_is_valid(text: str) -> None:
    if _loads(text):
        assert _valid(text)
