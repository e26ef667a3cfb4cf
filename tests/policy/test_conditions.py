"""Operators: what each says of a value, of a missing one and of one of the wrong type."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.errors import PolicyError
from govflow.policy.conditions import EXISTS
from govflow.policy.model import Effect, PolicyRequest
from govflow.policy.operators import OPERATORS
from tests.policy.build import ALLOW, ASK, DENY, decide, engine, request, rule

OPERANDS: dict[str, Any] = {
    "equals": "eu",
    "not_equals": "eu",
    "any_of": ["eu", "us"],
    "not_any_of": ["eu", "us"],
    "contains": "e",
    "gt": 5,
    "gte": 5,
    "lt": 5,
    "lte": 5,
    "between": [1, 5],
    "glob": "eu-*",
    "matches": "^eu-[0-9]+$",
    "cidr": "10.0.0.0/8",
    "before": "2027-01-01",
    "after": "2027-01-01",
}

MET = [
    ("equals", "eu", "eu", True),
    ("equals", "eu", "EU", False),
    ("equals", 5, 5, True),
    ("equals", 5, 5.0, True),
    ("equals", True, True, True),
    ("equals", True, False, False),
    ("not_equals", "eu", "us", True),
    ("not_equals", "eu", "eu", False),
    ("any_of", ["eu", "us"], "us", True),
    ("any_of", ["eu", "us"], "cn", False),
    ("any_of", [1, "a"], 1, True),
    ("any_of", ["a", "b"], ["x", "b"], True),
    ("any_of", ["a", "b"], ["x"], False),
    ("not_any_of", ["eu-west-1", "eu-north-1"], "us-east-1", True),
    ("not_any_of", ["eu-west-1", "eu-north-1"], "eu-west-1", False),
    ("not_any_of", ["a"], ["x", "a"], False),
    ("contains", "od", "prod", True),
    ("contains", "x", "prod", False),
    ("contains", "a", ["a", "b"], True),
    ("contains", 1, [True], False),
    ("gt", 5, 5, False),
    ("gt", 5, 5.01, True),
    ("gte", 5, 5, True),
    ("lt", 5, 5, False),
    ("lt", 5, -1, True),
    ("lte", 5, 5, True),
    ("between", [1, 5], 1, True),
    ("between", [1, 5], 5, True),
    ("between", [1, 5], 5.5, False),
    ("glob", "prod-*", "prod-eu/1", True),
    ("glob", "prod-*", "Prod-eu", False),
    ("matches", "^CHG-[0-9]{3}$", "CHG-123", True),
    ("matches", "^CHG-[0-9]{3}$", "xCHG-123", False),
    ("matches", ".*DROP.*", "a\nDROP TABLE", True),
    ("cidr", "10.0.0.0/8", "10.255.0.1", True),
    ("cidr", "10.0.0.0/8", "11.0.0.1", False),
    ("cidr", "10.0.0.0/8", "::ffff:10.0.0.1", True),
    ("cidr", "10.0.0.0/8", "::1", False),
    ("cidr", ["192.168.0.0/16", "fd00::/8"], "fd12::1", True),
    ("cidr", "::ffff:10.0.0.0/104", "10.1.2.3", True),
    ("cidr", "10.0.0.7", "10.0.0.7", True),
    ("before", "2027-01-01", "2026-12-31T23:59:59.999999Z", True),
    ("before", "2027-01-01", "2027-01-01T00:00:00Z", False),
    ("before", "2027-01-01T00:00:00Z", "2027-01-01T00:30:00+01:00", True),
    ("before", "2027-01-01", datetime(2026, 12, 31, tzinfo=UTC), True),
    ("after", "2027-01-01", "2027-01-01T00:00:00Z", False),
    ("after", "2027-01-01", "2027-01-02", True),
    ("exists", False, "x", False),
]

WRONG_TYPE = [
    ("equals", "5", 5),
    ("equals", 1, True),
    ("equals", True, "true"),
    ("equals", "a", ["a"]),
    ("not_equals", "5", 5),
    ("any_of", ["a"], 1),
    ("any_of", [1], True),
    ("not_any_of", ["a"], {"a": 1}),
    ("contains", "a", 7),
    ("contains", 7, "7"),
    ("gt", 5, "9"),
    ("gte", 5, True),
    ("lt", 5, math.nan),
    ("lte", 5, [1]),
    ("between", [1, 5], "3"),
    ("glob", "a*", ["a"]),
    ("equals", 5, math.nan),
    ("matches", "^a$", 7),
    ("cidr", "10.0.0.0/8", "db.internal"),
    ("cidr", "10.0.0.0/8", "10.0.0.0/9"),
    ("cidr", "10.0.0.0/8", "010.0.0.1"),
    ("cidr", "10.0.0.0/8", 167772161),
    ("before", "2027-01-01", "soon"),
    ("before", "2027-01-01", "2026-12-31T10:00:00"),
    ("before", "2027-01-01", datetime(2026, 12, 31)),  # noqa: DTZ001 - what must be refused
    ("after", "2027-01-01", 1798761600),
]


def asking(attributes: dict[str, Any]) -> PolicyRequest:
    return PolicyRequest(frozenset(), "data:read", "postgres", "dataset://acme/sales", attributes)


@pytest.mark.covers("S2-013", "S2-015", "S2-017")
@pytest.mark.parametrize(("operator", "operand", "value", "met"), MET)
def test_each_operator_says_what_its_name_says(operator: str, operand: Any, value: Any, met: bool) -> None:
    effect = DENY
    rules = [rule("r", effect, conditions={"parameters.x": {operator: operand}})]
    decision = decide(rules, request(parameters={"x": value}), default_effect=ALLOW)
    assert decision.rule == ("r" if met else "default")


def test_the_tables_of_this_file_name_every_operator() -> None:
    assert OPERANDS.keys() == OPERATORS.keys()
    assert {operator for operator, *_ in MET} == {*OPERATORS, EXISTS}
    assert {operator for operator, *_ in WRONG_TYPE} == {*OPERATORS}


@pytest.mark.covers("S2-013")
@pytest.mark.parametrize("effect", [DENY, ASK])
@pytest.mark.parametrize("operator", [*OPERATORS])
@pytest.mark.parametrize("attributes", [{}, {"parameters": {}}, {"parameters": {"x": None}}, {"parameters": None}])
def test_a_missing_attribute_never_turns_a_restrictive_rule_off(
    effect: Effect, operator: str, attributes: dict[str, Any]
) -> None:
    rules = [rule("r", effect, conditions={"parameters.x": {operator: OPERANDS[operator]}})]
    assert decide(rules, asking(attributes), default_effect=ALLOW).rule == "r"


@pytest.mark.covers("S2-013")
@pytest.mark.parametrize("operator", [*OPERATORS])
@pytest.mark.parametrize("attributes", [{}, {"parameters": {}}, {"parameters": {"x": None}}, {"parameters": None}])
def test_a_missing_attribute_never_turns_an_allow_rule_on(operator: str, attributes: dict[str, Any]) -> None:
    rules = [rule("r", ALLOW, conditions={"parameters.x": {operator: OPERANDS[operator]}})]
    decision = decide(rules, asking(attributes))
    assert (decision.effect, decision.rule) == (DENY, "default")


@pytest.mark.covers("S2-014")
def test_exists_tells_a_value_from_a_missing_one() -> None:
    deny = [rule("r", DENY, conditions={"parameters.x": {"exists": False}})]
    allow = [rule("r", ALLOW, conditions={"parameters.x": {"exists": True}})]
    given_x, without = request(parameters={"x": 0}), request()
    assert decide(deny, without, default_effect=ALLOW).effect is DENY
    assert decide(deny, given_x, default_effect=ALLOW).effect is ALLOW
    assert decide(allow, given_x).effect is ALLOW
    assert decide(allow, without).effect is DENY


@pytest.mark.parametrize(("effect", "wanted"), [(DENY, True), (ASK, True), (ALLOW, False)])
def test_exists_is_refused_where_only_a_missing_value_could_make_a_difference(effect: Effect, wanted: bool) -> None:
    with pytest.raises(PolicyError, match="a missing attribute never turns"):
        engine(rule("r", effect, conditions={"parameters.x": {"exists": wanted}}))


@pytest.mark.parametrize(("operator", "operand", "value"), WRONG_TYPE)
@pytest.mark.parametrize("effect", [*Effect])
def test_a_value_of_the_wrong_type_is_an_error_and_a_deny(
    operator: str, operand: Any, value: Any, effect: Effect
) -> None:
    rules = [rule("r", effect, conditions={"parameters.x": {operator: operand}})]
    decision = decide(rules, request(parameters={"x": value}), default_effect=ALLOW)
    assert (decision.effect, decision.rule) == (DENY, "error")
    assert "'r'" in decision.reason
    assert "parameters.x" in decision.reason


def test_a_secret_value_does_not_get_into_the_reason() -> None:
    rules = [rule("r", DENY, conditions={"parameters.x": {"gt": 1}})]
    assert "hunter2" not in repr(decide(rules, request(parameters={"x": "hunter2"})))


@pytest.mark.parametrize(
    ("path", "value"),
    [("step.tier", "3"), ("step.tier", True), ("step.tier", 3.0), ("step.kind", 1), ("context.mfa", "yes")],
)
def test_a_value_that_is_not_of_its_declared_type_is_an_error(path: str, value: Any) -> None:
    operand = {"step.tier": 3, "step.kind": "task", "context.mfa": True}[path]
    rules = [rule("r", DENY, conditions={path: {"equals": operand}})]
    space, key = path.split(".")
    asked = asking({space: {key: value}})
    assert decide(rules, asked, attributes={"context.mfa": "bool"}, default_effect=ALLOW).rule == "error"


def test_what_stands_in_the_way_of_a_path_is_an_error() -> None:
    rules = [rule("r", ALLOW, conditions={"parameters.order.amount": {"lt": 5}})]
    assert decide(rules, request(parameters={"order": {"amount": 4}})).rule == "r"
    assert decide(rules, request(parameters={"order": {}})).rule == "default"
    assert decide(rules, request(parameters={"order": "4"})).rule == "error"


def test_a_key_with_a_dot_in_it_is_not_reached_by_a_path() -> None:
    rules = [rule("r", ALLOW, conditions={"parameters.a.b": {"equals": 1}})]
    assert decide(rules, request(parameters={"a.b": 1})).rule == "default"
    assert decide(rules, asking({"parameters.a.b": 1})).rule == "default"


def test_all_conditions_of_a_rule_must_be_met() -> None:
    rules = [rule("r", ALLOW, conditions={"step.tier": {"gte": 1, "lt": 3}, "run.environment": {"equals": "dev"}})]
    assert decide(rules, request(step={"tier": 2}, run={"environment": "dev"})).rule == "r"
    assert decide(rules, request(step={"tier": 3}, run={"environment": "dev"})).rule == "default"
    assert decide(rules, request(step={"tier": 2}, run={"environment": "prod"})).rule == "default"


@given(order=st.permutations(["parameters.a", "parameters.b", "parameters.c"]))
def test_the_order_of_conditions_never_matters(order: list[str]) -> None:
    tests = {"parameters.a": {"gt": 1}, "parameters.b": {"equals": "x"}, "parameters.c": {"exists": False}}
    rules = [rule("r", DENY, conditions={path: tests[path] for path in order})]
    # 'a' has no answer, but 'b' rules the rule out.
    unmet = request(parameters={"a": "text", "b": "y"})
    assert decide(rules, unmet, default_effect=ALLOW).rule == "default"
    assert decide(rules, request(parameters={"a": "text", "b": "x"}), default_effect=ALLOW).rule == "error"


@pytest.mark.covers("S2-015")
@pytest.mark.parametrize(("region", "denied"), [("us-east-1", True), ("eu-west-1", False), (None, True)])
def test_data_of_eu_citizens_stays_in_the_eu(region: str | None, denied: bool) -> None:
    residency = rule(
        "gdpr_data_residency",
        DENY,
        actions=["data:export", "data:transfer"],
        resources=["dataset://eu_citizens/*"],
        conditions={"parameters.destination_region": {"not_any_of": ["eu-west-1", "eu-central-1", "eu-north-1"]}},
        priority=11,
    )
    parameters = {} if region is None else {"destination_region": region}
    asked = request("data:export", "dataset://eu_citizens/2026", parameters=parameters)
    assert decide([residency, rule("rest", ALLOW)], asked).effect is (DENY if denied else ALLOW)


@pytest.mark.covers("S2-016")
def test_declared_paths_are_read_where_they_lead() -> None:
    declared = {"subject.attributes.trained": "bool", "context.tags": "list"}
    conditions = {
        "subject.attributes.trained": {"equals": True},
        "context.tags": {"contains": "phi"},
        "parameters.order.region": {"equals": "eu"},
    }
    rules = [rule("r", ALLOW, conditions=conditions)]
    context, parameters = {"tags": ["phi", "x"]}, {"order": {"region": "eu"}}
    trained = request(subject={"attributes": {"trained": True}}, context=context, parameters=parameters)
    untrained = request(subject={"attributes": {"trained": False}}, context=context, parameters=parameters)
    flat = request(subject={"attributes.trained": True}, context=context, parameters=parameters)
    assert decide(rules, trained, attributes=declared).rule == "r"
    assert decide(rules, untrained, attributes=declared).rule == "default"
    assert decide(rules, flat, attributes=declared).rule == "default"
