"""Proofs about conditions, held against every kind of value."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from govflow.ir.vocabulary import Vocabulary
from govflow.policy.analysis.lint import DEAD, SHADOWED, lint
from govflow.policy.engine import Engine
from govflow.policy.model import Effect, PolicyRequest
from govflow.policy.rules import PolicySet
from tests.conftest import IN_CI
from tests.policy import drawn
from tests.policy.build import document

VALUES: list[Any] = [
    None, *drawn.WORDS, -1, 0, 0.5, 1, 1.5, 2, 3, 4, True, False, "true", "aab", "other", "xphix", "1.x", "fd00::1",
    "::ffff:10.0.0.9", "192.168.1.1", "8.8.8.8", "2026-12-31", "2027-01-01T00:00:01Z", "2025-12-31", "2028-01-01",
    "soon", [], ["a"], ["a", "ab"], ["dev"], ["dev", "admin"], ["ops", "dev"], [1], [True], [0, {}], {"a": 1},
    float("nan"), float("inf"), datetime(2026, 6, 1, tzinfo=UTC), ("a",), "",
]  # fmt: skip


def drawn_rule(random: Random, number: int) -> dict[str, Any]:
    effect = random.choice([*Effect])
    return {
        "name": f"r{number}",
        "effect": effect,
        "priority": random.randint(0, 3),
        "obligations": ["log"][: number % 2],
        "conditions": drawn.conditions(random, effect is not Effect.ALLOW),
    }


@pytest.mark.parametrize("path", ["parameters.x", "step.tier", "run.time", "subject.roles", "run.flow"])
def test_conditions_on_one_attribute_are_held_against_every_kind_of_value(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules for everything, which only conditions on one attribute tell apart: where proofs are made most often."""
    monkeypatch.setattr(drawn, "PATHS", [path])
    random = Random(path)
    space, _, key = path.partition(".")
    asked_of = [{space: {key: value}} for value in VALUES] + [{}, {space: "no mapping"}]
    claimed = 0
    for _ in range(200 if IN_CI else 40):
        given = [drawn_rule(random, number) for number in range(random.randint(1, 4))]
        bands = {"security": {"priorities": [1, 2], "security": True}} if random.random() < 0.3 else {}
        combining = random.choice(["first_match", "deny_overrides", "permit_overrides"])
        policy = PolicySet.model_validate({"name": "p", "rules": given, "bands": bands, "combining": combining})
        report = lint(document(policy), vocabulary=Vocabulary.default(), now=datetime(2026, 6, 1, tzinfo=UTC))
        silent = {one.rule: one for one in report.findings if one.code in {DEAD, SHADOWED}}
        claimed += len(silent)
        engine = Engine(document(policy))
        for attributes in asked_of:
            request = PolicyRequest(frozenset(), "data:read", "python", "file", attributes)
            decision = engine.decide(request)
            assert decision.rule not in silent, (silent[decision.rule], given, attributes)
            for name, claim in silent.items():
                if claim.removable:
                    kept = tuple(rule for rule in policy.rules if rule.name != name)
                    after = Engine(document(policy.model_copy(update={"rules": kept}))).decide(request)
                    assert (after.effect, after.rule) == (decision.effect, decision.rule), (claim, given, attributes)
    assert claimed > 5
