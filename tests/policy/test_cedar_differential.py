"""A third opinion: Cedar's engine, on policies drawn by chance, agrees with ours and with the plain evaluator."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.errors import PolicyError
from govflow.policy.cedar import CedarEngine
from govflow.policy.cedar.conditions import Problem
from govflow.policy.cedar.exporting import cedar_forms
from govflow.policy.cedar.library import written
from govflow.policy.engine import Engine
from govflow.policy.model import Effect, PolicyRequest
from govflow.policy.rules import Band, Combining, PolicyRule, PolicySet
from tests.conftest import IN_CI
from tests.policy import drawn, plain
from tests.policy.build import document

TYPES = {"parameters.x": "string", "parameters.y": "int"}
ANSWERS = {"default", "error", "allow", "deny", "require_approval"}


@dataclass(frozen=True)
class Three:
    """One policy in three engines."""

    policy: PolicySet
    ours: Engine
    cedar: CedarEngine

    def answers(self, asked: PolicyRequest) -> list[tuple[str, str, list[str], list[str]]]:
        """Effect, rule, matching rules and obligations: ours, the plain one, Cedar's."""
        effect, rule, names, obligations, _ = plain.said(self.policy, asked)
        mine, theirs = self.ours.decide(asked), self.cedar.decide(asked)
        return [
            (mine.effect, mine.rule, list(mine.rules), list(mine.obligations)),
            (effect, rule, names, obligations),
            (theirs.effect, theirs.rule, list(theirs.rules), list(theirs.obligations)),
        ]


def sayable(random: Random, name: str) -> PolicyRule | None:
    """A drawn rule, if Cedar can say it: no share, regular expression, network, ``?`` or set in a glob."""
    drawn_rule = drawn.rule(random, name) | {"mode": "enforce", "level": "hard-mandatory"}
    drawn_rule.pop("rollout", None)
    problems: list[Problem] = []
    try:
        rule = PolicyRule.model_validate(drawn_rule)
        cedar_forms(document(PolicySet(name="one", rules=[rule]), TYPES), problems)
    except PolicyError:  # an operator that does not fit the types above
        return None
    return None if problems else rule


def drawn_three(random: Random, most: int = 10) -> Three:
    """A policy of up to so many rules."""
    found = [sayable(random, f"r{number}") for number in range(2 * most)]
    combining = random.choice([*Combining])
    policy = PolicySet(
        name="drawn",
        default_effect=random.choice([*Effect]) if combining is Combining.FIRST_MATCH else Effect.DENY,
        combining=combining,
        bands={"security": Band(priorities=(1, 2), security=True)} if random.random() < 0.4 else {},
        rules=[rule for rule in found if rule is not None][: random.randint(1, most)],
    )
    standing = document(policy, TYPES)
    text = written(cedar_forms(standing, []))
    return Three(policy, Engine(standing), CedarEngine(text, combining=combining))


def well_typed(random: Random) -> PolicyRequest:
    """A drawn request whose values are of their types, or missing."""
    asked = drawn.request(random)
    spaces: dict[str, Any] = {
        "parameters": {"x": random.choice([*drawn.WORDS, None]), "y": random.choice([0, 1, 2, 3, None])},
        "step": {"tier": random.choice([0, 1, 2, 3, None])},
        "run": {
            "flow": random.choice([*drawn.WORDS, None]),
            "production": random.choice([True, False, None]),
            "time": random.choice([*drawn.TIMES, None]),
        },
        "subject": {"roles": random.choice([["dev"], ["admin", "ops"], [], None])},
    }
    return replace(asked, attributes={name: held for name, held in spaces.items() if random.random() < 0.9})


@given(st.randoms(use_true_random=False))
def test_cedar_and_the_plain_evaluator_agree(random: Random) -> None:
    three = drawn_three(random, most=4)
    for _ in range(5):
        asked = well_typed(random)
        ours, plainly, theirs = three.answers(asked)
        assert ours == plainly == theirs, (three.policy, asked)


@pytest.mark.parametrize("seed", range(4))
def test_a_hundred_thousand_drawn_pairs_agree_with_cedar(seed: int) -> None:
    """25,000 pairs for each seed in CI, a twentieth of that at a desk: a pair takes Cedar some 150 µs."""
    random = Random(seed)
    rules: Counter[str] = Counter()
    for _ in range(250 if IN_CI else 12):
        three = drawn_three(random)
        for _ in range(100):
            asked = well_typed(random)
            ours, plainly, theirs = three.answers(asked)
            assert ours == plainly == theirs, (three.policy, asked)
            rules[ours[1] if ours[1] in {"default", "error"} else str(ours[0])] += 1
    assert min(rules.values()) > (100 if IN_CI else 0), rules
    assert rules.keys() == ANSWERS


@pytest.mark.parametrize("seed", range(2))
def test_a_value_of_the_wrong_type_is_an_error_in_cedar_too(seed: int) -> None:
    """Cedar gives up at the first error, we look whether another settles it: it never denies less."""
    random = Random(seed)
    both = 0
    for _ in range(60 if IN_CI else 12):
        three = drawn_three(random)
        for _ in range(100):
            asked = drawn.request(random)
            ours, _, theirs = three.answers(asked)  # the plain evaluator knows no declared types
            assert theirs[:2] == ("deny", "error") or theirs == ours, (three.policy, asked)
            both += ours[1] == theirs[1] == "error"
    assert both > 20
