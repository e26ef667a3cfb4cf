"""Layers: the most restrictive decides, whatever the order in which they are given."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.errors import PolicyError
from govflow.policy.engine import SEVERITY, Engine
from govflow.policy.layers import Layer, LayeredEngine
from govflow.policy.model import Effect, PolicyEngine
from tests.policy import drawn
from tests.policy.build import ALLOW, ASK, DENY, document, engine, request, rule


@pytest.mark.parametrize(("outer", "inner"), [*itertools.product(Effect, Effect)])
def test_the_most_restrictive_layer_decides(outer: Effect, inner: Effect) -> None:
    layers = LayeredEngine({Layer.TASK: engine(rule("t", inner)), Layer.ORG: engine(rule("o", outer))})
    decision = layers.decide(request())
    strict = min(outer, inner, key=lambda effect: SEVERITY[effect])
    assert decision.effect is strict
    assert decision.rule == ("org/o" if outer is strict else "task/t")
    assert decision.rules == ("org/o", "task/t")
    assert decision.policy_digest == layers.digest


def test_a_default_is_a_decision_too() -> None:
    layers = {Layer.ORG: engine(rule("o", ALLOW)), Layer.FLOW: engine()}
    assert LayeredEngine(layers).decide(request()).rule == "flow/default"
    layers[Layer.FLOW] = engine(default_effect=ALLOW)
    assert LayeredEngine(layers).decide(request()).rule == "org/o"


def test_an_error_in_any_layer_denies() -> None:
    broken = engine(rule("b", ALLOW, conditions={"parameters.n": {"gt": 1}}))
    layers = LayeredEngine({Layer.ORG: engine(rule("o", ALLOW)), Layer.TENANT: broken})
    decision = layers.decide(request(parameters={"n": "x"}))
    assert (decision.effect, decision.rule, decision.rules) == (DENY, "tenant/error", ("org/o", "tenant/error:b"))


def test_obligations_of_layers_that_decide_the_same_hold_together() -> None:
    layers = LayeredEngine(
        {
            Layer.ORG: engine(rule("o", ASK, obligations=["log"])),
            Layer.TENANT: engine(rule("t", ALLOW, obligations=["never"])),
            Layer.FLOW: engine(rule("f", ASK, obligations=["mask", "log"])),
        }
    )
    assert layers.decide(request()).obligations == ("log", "mask")


def test_no_layer_makes_an_exception_from_the_rule_of_another() -> None:
    soft = rule("night", DENY, level="soft-mandatory")
    exception = {"name": "e", "rule": "night", "owner": "carol", "ticket": "T", "expires": "2030-01-01"}
    excepted = engine(soft, default_effect=ALLOW, exceptions=[exception])
    asked = request(run={"time": "2027-01-01T00:00:00Z"})
    assert excepted.decide(asked).effect is ALLOW
    decision = LayeredEngine({Layer.ORG: engine(soft), Layer.FLOW: excepted}).decide(asked)
    assert (decision.effect, decision.rule, decision.exceptions) == (DENY, "org/night", ("flow/e",))


def test_the_digest_says_which_policy_stands_in_which_layer() -> None:
    one, two = engine(rule("o", ALLOW)), engine(rule("t", DENY))
    digests = {
        LayeredEngine({Layer.ORG: one, Layer.FLOW: two}).digest,
        LayeredEngine({Layer.ORG: two, Layer.FLOW: one}).digest,
        LayeredEngine({Layer.ORG: one}).digest,
        one.digest,
    }
    assert len(digests) == 4
    standing: PolicyEngine = LayeredEngine({Layer.FLOW: two, Layer.ORG: one})
    assert standing.digest in digests


def test_the_footprint_is_that_of_all_layers() -> None:
    reads = [engine(rule("r", DENY, conditions={path: {"equals": "a"}})) for path in ("run.flow", "provider")]
    assert LayeredEngine({Layer.ORG: reads[0], Layer.TASK: reads[1]}).footprint == {"run.flow", "provider"}


def test_no_layers_are_no_policy() -> None:
    with pytest.raises(PolicyError, match="no layer"):
        LayeredEngine({})


@given(st.randoms(use_true_random=False))
def test_one_layer_more_never_allows_more(random: Random) -> None:
    layers: dict[Layer, Engine] = {Layer.ORG: Engine(document(drawn.policy(random)))}
    few = LayeredEngine(layers)
    more = LayeredEngine({**layers, Layer.FLOW: Engine(document(drawn.policy(random)))})
    for _ in range(5):
        asked = drawn.request(random)
        assert SEVERITY[more.decide(asked).effect] <= SEVERITY[few.decide(asked).effect]
