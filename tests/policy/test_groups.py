"""all, any and not: three answers, and the law of missing attributes however deep a condition stands."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.policy.engine import Engine
from govflow.policy.model import Effect
from govflow.policy.rules import PolicySet
from tests.policy.build import ALLOW, ASK, DENY, decide, document, engine, request, rule

YES: dict[str, Any] = {"parameters.one": {"equals": 1}}
NO: dict[str, Any] = {"parameters.one": {"equals": 2}}
BROKEN: dict[str, Any] = {"parameters.text": {"gt": 1}}
VALUES = {"one": 1, "text": "x"}


def said(conditions: dict[str, Any], effect: Effect = DENY) -> str:
    """The rule that decides: ``r`` when the conditions are met."""
    return decide([rule("r", effect, conditions=conditions)], request(parameters=VALUES), default_effect=ALLOW).rule


@pytest.mark.parametrize("effect", [*Effect])
@pytest.mark.parametrize(
    ("conditions", "answer"),
    [
        ({"all": [YES, YES]}, "r"),
        ({"all": [YES, NO]}, "default"),
        ({"any": [NO, YES]}, "r"),
        ({"any": [NO, NO]}, "default"),
        ({"not": NO}, "r"),
        ({"not": YES}, "default"),
        ({"not": {"parameters.one": {"gt": 0, "lt": 1}}}, "r"),  # not (both)
        ({"not": {"not": YES}}, "r"),
        ({"any": [{"all": [YES, {"not": NO}]}, NO]}, "r"),
        ({"parameters.one": {"equals": 1}, "any": [NO, YES], "not": NO}, "r"),
        ({"parameters.one": {"equals": 1}, "any": [NO, NO]}, "default"),
        ({"all": [BROKEN, YES]}, "error"),
        ({"all": [BROKEN, NO]}, "default"),  # whatever the answer would be, the rule does not match
        ({"all": [NO, BROKEN]}, "default"),
        ({"any": [BROKEN, NO]}, "error"),
        ({"any": [BROKEN, YES]}, "r"),
        ({"any": [YES, BROKEN]}, "r"),
        ({"not": BROKEN}, "error"),
        ({"not": {"all": [BROKEN, NO]}}, "r"),
    ],
)
def test_groups_say_what_their_names_say(effect: Effect, conditions: dict[str, Any], answer: str) -> None:
    assert said(conditions, effect) == answer


GONE: dict[str, Any] = {"parameters.gone": {"equals": 1}}


@pytest.mark.parametrize(
    "conditions", [{"not": GONE}, {"any": [NO, GONE]}, {"not": {"not": GONE}}, {"all": [GONE, {"not": GONE}]}]
)
def test_what_is_missing_counts_as_what_the_rule_needs(conditions: dict[str, Any]) -> None:
    assert said(conditions, DENY) == "r"
    assert said(conditions, ASK) == "r"
    assert said(conditions, ALLOW) == "default"


def test_exists_keeps_the_law_inside_not() -> None:
    there = {"not": {"parameters.one": {"exists": True}}}
    assert decide([rule("r", DENY, conditions=there)], request(parameters=VALUES), default_effect=ALLOW).rule != "r"
    assert decide([rule("r", DENY, conditions=there)], request(parameters={}), default_effect=ALLOW).rule == "r"
    gone = {"not": {"parameters.one": {"exists": False}}}
    assert decide([rule("r", ALLOW, conditions=gone)], request(parameters=VALUES)).rule == "r"
    assert decide([rule("r", ALLOW, conditions=gone)], request(parameters={})).rule == "default"


def test_the_footprint_reaches_into_groups() -> None:
    conditions = {"any": [{"run.flow": {"equals": "a"}}, {"not": {"all": [{"step.tier": {"gt": 1}}]}}]}
    assert engine(rule("r", DENY, conditions=conditions)).footprint == {"run.flow", "step.tier"}


_LEAVES = st.builds(
    lambda path, test: {path: test},
    st.sampled_from(["parameters.x", "parameters.y"]),
    st.one_of(
        st.integers(0, 2).map(lambda number: {"equals": number}),
        st.integers(0, 2).map(lambda number: {"not_equals": number}),
        st.integers(0, 2).map(lambda number: {"lte": number}),
    ),
)
_GROUPS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=8,
)


@given(
    conditions=_GROUPS,
    values=st.dictionaries(st.sampled_from("xy"), st.integers(0, 2)),
    lost=st.sampled_from("xy"),
    effect=st.sampled_from([*Effect]),
)
def test_losing_a_value_never_turns_a_restrictive_rule_off_nor_an_allow_on(
    conditions: dict[str, Any], values: dict[str, int], lost: str, effect: Effect
) -> None:
    policy = PolicySet(name="p", default_effect=ALLOW, rules=[rule("r", effect, conditions=conditions)])
    standing = Engine(document(policy))
    before = standing.decide(request(parameters=values)).rule
    rest = {key: value for key, value in values.items() if key != lost}
    after = standing.decide(request(parameters=rest)).rule
    if effect is ALLOW:
        assert not (before == "default" and after == "r")
    else:
        assert not (before == "r" and after == "default")


@pytest.mark.parametrize(
    ("resource", "scheme", "authority", "path"),
    [
        ("HTTPS://API.acme.io/v1?x=/2", "https", "api.acme.io", "/v1"),
        ("dataset://acme/sales/../x", "dataset", "acme", "/x"),
        ("s3://bucket", "s3", "bucket", None),
        ("reports/a.csv", None, None, "reports/a.csv"),
        ("file:///tmp/x", "file", None, "/tmp/x"),
    ],
)
def test_conditions_read_the_parts_of_a_resource(
    resource: str, scheme: str | None, authority: str | None, path: str | None
) -> None:
    for name, wanted in (("scheme", scheme), ("authority", authority), ("path", path)):
        asked = request(resource=resource)
        there = rule("r", ALLOW, conditions={f"resource.{name}": {"exists": True}})
        assert decide([there], asked).rule == ("default" if wanted is None else "r")
        if wanted is not None:
            same = rule("r", ALLOW, conditions={f"resource.{name}": {"equals": wanted}})
            assert decide([same], asked).rule == "r"


@pytest.mark.parametrize(
    ("resource", "known"),
    [("https://{?}/x", ["scheme"]), ("https://h/{?}", ["scheme", "authority"]), ("https://{?}", ["scheme"])],
)
def test_a_part_that_a_hole_reaches_has_no_answer(resource: str, known: list[str]) -> None:
    for name in ("scheme", "authority", "path"):
        asked = dataclasses.replace(request(), resource=resource)
        decision = decide([rule("r", ALLOW, conditions={f"resource.{name}": {"exists": True}})], asked)
        assert decision.rule == ("r" if name in known else "error")
