"""Conditions in CEL: what they read is known, they end in time, and the law of missing attributes holds for them."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from govflow.errors import PolicyError
from govflow.policy import Engine, Memo, PolicyDocument, load_policy
from govflow.policy.cel import MAX_ITEMS, MAX_TEXT, cel_paths, taken_apart
from govflow.policy.model import Decision
from tests.policy.build import ALLOW, ASK, DENY, decide, engine, request, rule

EXAMPLE = "parameters.amount > 100 && subject.name.startsWith('svc-')"


def told(effect: Any, expression: str, attributes: dict[str, str] | None = None, **spaces: Any) -> Decision:
    """What a set of one rule says; its default is the opposite."""
    policy = [rule("r", effect, conditions={"cel": expression})]
    default = DENY if effect is ALLOW else ALLOW
    return engine(*policy, attributes=attributes, default_effect=default).decide(request(**spaces))


def loaded(expression: str, *, attributes: str = "{}") -> PolicyDocument:
    text = f"""
version: 1
attributes: {attributes}
policy:
  name: t
  rules:
    - name: r
      effect: deny
      conditions:
        cel: >-
          {expression}
"""
    return load_policy(text, "policy.yaml")


@pytest.mark.parametrize(
    ("expression", "met"),
    [
        (EXAMPLE, True),
        ("parameters.amount == 150", True),
        ("parameters.amount / 2 < 75", False),
        ("subject.name in ['svc-a', 'svc-b']", False),
        ("'dev' in subject.roles", True),
        ("size(subject.roles) == 2 && subject.roles[1] == 'ops'", True),
        ("subject.name.size() > 3 ? parameters.amount > 1 : false", True),
        ("run.time < timestamp('2027-01-01T00:00:00Z')", True),
        ("run.time.getHours() >= 22 || run.time.getDayOfWeek() == 0", False),
        ("resource.scheme == 'dataset' && resource.startsWith('dataset://acme/')", True),
        ("action == 'data:read' && provider != \"duckdb\"", True),
        ("parameters.rate > 0.5", True),
        ("parameters.deep.key.endsWith('y')", True),
        ("!(parameters.flag || parameters.amount < -1)", True),
        ("string(parameters.amount) == '150' && int('7') == 7", True),
    ],
)
def test_an_expression_is_a_condition(expression: str, met: bool) -> None:
    spaces: dict[str, Any] = {
        "parameters": {"amount": 150, "rate": 0.75, "deep": {"key": "my"}, "flag": False},
        "subject": {"name": "svc-loader", "roles": ["dev", "ops"]},
        "run": {"time": "2026-11-25T10:00:00+01:00"},
    }
    for effect in (ALLOW, DENY, ASK):
        assert (told(effect, expression, **spaces).rule == "r") is met


def test_it_stands_in_groups_and_beside_other_conditions() -> None:
    conditions = {"any": [{"cel": "step.tier > 2"}, {"not": {"cel": "run.flow == 'a'"}}], "step.records": {"gt": 5}}
    policy = [rule("r", DENY, conditions=conditions)]
    assert decide(policy, request(step={"tier": 3, "records": 6}, run={"flow": "a"}), default_effect=ALLOW).rule == "r"
    assert decide(policy, request(step={"tier": 1, "records": 6}, run={"flow": "b"}), default_effect=ALLOW).rule == "r"
    for step, flow in (({"tier": 1, "records": 6}, "a"), ({"tier": 3, "records": 5}, "b")):
        asked = request(step=step, run={"flow": flow})
        assert decide(policy, asked, default_effect=ALLOW).rule == "default"


@pytest.mark.parametrize("missing", [{}, {"amount": None}])
def test_a_missing_attribute_is_met_under_a_restriction_and_not_under_an_allow(missing: dict[str, Any]) -> None:
    spaces: dict[str, Any] = {"parameters": missing, "subject": {"name": "svc-a"}}
    assert told(DENY, EXAMPLE, **spaces).rule == "r"
    assert told(ASK, EXAMPLE, **spaces).rule == "r"
    assert told(ALLOW, EXAMPLE, **spaces).rule == "default"
    # Though the rest would settle it: what is missing is not guessed at.
    assert told(ALLOW, "parameters.amount > 1 || subject.name == 'svc-a'", **spaces).rule == "default"
    turned = [rule("r", DENY, conditions={"not": {"cel": EXAMPLE}})]
    assert decide(turned, request(**spaces), default_effect=ALLOW).rule == "r"
    turned = [rule("r", ALLOW, conditions={"not": {"cel": EXAMPLE}})]
    assert decide(turned, request(**spaces), default_effect=DENY).rule == "default"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("parameters.x > 100", "many"),
        ("10 / parameters.x > 1", 0),
        ("parameters.x + 1 > 0", 2**63 - 1),
        ("parameters.x > 1", 2**63),
        ("parameters.x > 1", -(2**63)),
        ("parameters.x > 1", float("nan")),
        ("parameters.x == 'a'", {"a": 1}),
        ("parameters.x == 'a'", object()),
        ("parameters.x[0] == 1", [[1]]),
        ("parameters.x[3] == 1", [1]),
        ("parameters.x", 1),
        ("parameters.x", "true"),
        ("parameters.x ? 1 : 2", True),
        ("int(parameters.x) > 1", "canary-7"),
        ("timestamp(parameters.x) > run.time", "canary-7"),
        ("parameters.x == 'a'", "a" * (MAX_TEXT + 1)),
        ("1 in parameters.x", [1] * (MAX_ITEMS + 1)),
        ("step.tier > 1", 1),
    ],
)
def test_an_expression_without_an_answer_denies_and_quotes_nothing(expression: str, value: Any) -> None:
    for effect in (ALLOW, DENY):
        spaces = {"parameters": {"x": value}, "step": {"tier": "3"}, "run": {"time": "2027-01-01T00:00:00Z"}}
        decision = told(effect, expression, **spaces)
        assert (decision.effect, decision.rule) == (DENY, "error")
        assert "canary" not in decision.reason


def test_a_declared_type_makes_a_text_an_error_that_cel_would_find_merely_different() -> None:
    slipping = told(ALLOW, "parameters.force != true", parameters={"force": "true"})
    assert slipping.effect is ALLOW
    declared = told(ALLOW, "parameters.force != true", {"parameters.force": "bool"}, parameters={"force": "true"})
    assert (declared.effect, declared.rule) == (DENY, "error")


def test_what_an_expression_reads_is_its_footprint() -> None:
    standing = engine(rule("r", DENY, conditions={"cel": f"({EXAMPLE}) || resource.same_tenant"}))
    assert standing.footprint == {"parameters.amount", "subject.name", "resource.same_tenant", "run.tenant"}
    memo = Memo(standing)
    low, high = (request(parameters={"amount": amount}, subject={"name": "svc-a"}) for amount in (1, 200))
    assert memo.key(low) != memo.key(high)
    text = '\'parameters.a\' == parameters.b && "x\\"run.flow" != parameters.b.c'
    assert cel_paths(text) == ("parameters.b", "parameters.b.c")


def test_a_resource_with_a_hole_denies_where_an_expression_reads_it() -> None:
    for expression in ("resource.startsWith('dataset://')", "resource.authority == 'acme'"):
        policy = [rule("r", ALLOW, conditions={"cel": expression})]
        assert decide(policy, request(resource="dataset://{?}/x"), default_effect=ALLOW).rule == "error"
    known = [rule("r", ALLOW, conditions={"cel": "resource.scheme == 'dataset'"})]
    assert decide(known, request(resource="dataset://{?}/x")).rule == "r"


@pytest.mark.parametrize(
    ("expression", "says", "mend"),
    [
        ("parameters.x >", "is not CEL", "docs/policy.md"),
        ("run.flwo == 'a'", "unknown attribute 'run.flwo'", "run.flow"),
        ("amount > 100", "unknown attribute 'amount'", "Declare"),
        ("run == 'a'", "unknown attribute 'run'", "run."),
        ("subject.roles.exists(r, r == 'a')", "exists() is no function", "macros"),
        ("subject.roles.all(r, r == 'a')", "all() is no function", "macros"),
        ("size(subject.roles.map(r, r)) > 1", "map() is no function", "macros"),
        ("has(run.flow)", "has() is no function", "exists"),
        ("run.flow.matches('(a+)+')", "matches() is no function", "startsWith"),
        ("env('HOME') == run.flow", "env() is no function", "size"),
        ("run.flow == b'a'", "a mark", "abc"),
        ("run.flow == r'a'", "a mark", "abc"),
        ("run.flow == '''a'''", "a mark", "abc"),
        ("step.tier > 1u", "cannot be read at '1u", "numbers"),
        ("step.tier > 1e9", "cannot be read at '1e9", "numbers"),
        ("{'a': step.tier} == parameters.x", "cannot be read at", "lists"),
        ("step.tier > 1 // 'x'", "a comment", "description"),
        ("[parameters.x][0].y == 1", "a field of something", "attributes"),
        ("-step.tier > 0", "-_", "simply"),
        ("run.flow == null", "unknown attribute 'null'", "Declare"),
        ("v0 == run.flow", "unknown attribute 'v0'", "Declare"),
        ("1 == 1", "reads no attribute", "Remove"),
        ("run.flow + 'a'" + " + 'a'" * 16 + " == 'b'", "adds more than", "all"),
        ("run.flow == '" + "a" * 1000 + "'", "longer than 1000", "all"),
        ("(" * 400 + "run.production" + ")" * 400, "is not CEL", "docs"),
        ("run.flow\\u0000 == 'a'", "cannot be read", "paths"),
    ],
)
def test_an_expression_that_cannot_be_used_is_refused_with_its_place(expression: str, says: str, mend: str) -> None:
    with pytest.raises(PolicyError) as refused:
        loaded(expression)
    assert says in refused.value.message
    assert mend in refused.value.mend
    assert refused.value.details["field"] == "policy.rules[0].conditions.cel"
    assert refused.value.details["line"]


@pytest.mark.parametrize("value", ["", "  ", 3, ["step.tier > 1"], {"equals": "a"}])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(PolicyError, match="as text"):
        engine(rule("r", DENY, conditions={"cel": value}))


def test_an_attribute_cannot_be_called_cel() -> None:
    with pytest.raises(PolicyError, match="begins an expression"):
        engine(attributes={"cel": "string"})


def test_without_the_extra_the_policy_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel", None)
    with pytest.raises(PolicyError) as refused:
        loaded("step.tier > 1")
    assert refused.value.mend == "pip install 'govflow[cel]'"
    load_policy("version: 1\npolicy: {name: t, rules: [{name: r, effect: deny}]}", "policy.yaml")


def test_the_costliest_expressions_end_soon() -> None:
    """The longest values in the longest expressions: milliseconds, and no more for the worst that was thought of."""
    big = "x" * MAX_TEXT
    parts = [
        " + ".join(["parameters.a"] * 17) + " == parameters.b",
        " || ".join(["parameters.a.contains(parameters.b)"] * 25),
        " || ".join(["parameters.a in parameters.c"] * 30),
        " && ".join(["parameters.c == parameters.c"] * 30),
    ]
    spaces: dict[str, Any] = {"parameters": {"a": big, "b": "x" * (MAX_TEXT // 2) + "y", "c": [big] * MAX_ITEMS}}
    for expression in parts:
        assert len(expression) <= 1000
        standing = engine(rule("r", DENY, conditions={"cel": expression}))
        before = time.process_time()
        assert standing.decide(request(**spaces)).rule in {"r", "default"}
        assert time.process_time() - before < 120, "the bounds on size keep it to milliseconds"


def test_threads_share_an_expression() -> None:
    standing = Engine(loaded("parameters.a + parameters.b > 100"))

    def wrong(seed: int) -> int:
        cases = [(seed + number, 100 - number) for number in range(300)]
        return sum(
            (standing.decide(request(parameters={"a": one, "b": other})).rule == "r") is not (one + other > 100)
            for one, other in cases
        )

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(wrong, range(-4, 4))) == 0


def test_the_digest_holds_the_expression_as_it_is_written() -> None:
    assert loaded("step.tier > 1").digest != loaded("step.tier > 2").digest
    assert taken_apart("step.tier>1").paths == ("step.tier",)
