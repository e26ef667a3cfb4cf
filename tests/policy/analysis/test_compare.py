"""What is said to differ between two policies does; what is said to be proven is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.ir.vocabulary import Vocabulary
from govflow.policy.analysis.compare import MOST_PROBES, Comparison, compare
from govflow.policy.document import PolicyDocument, load_policy
from govflow.policy.engine import Engine
from govflow.policy.model import Effect
from govflow.policy.rules import PolicySet
from govflow.services.describe.policy_difference import difference_text
from tests.conftest import IN_CI
from tests.policy import drawn
from tests.policy.build import document

WORDS = Vocabulary.default()
SEED = Path(__file__).with_name("governance.yaml").read_text("utf-8")


def compared(one: PolicyDocument, other: PolicyDocument) -> Comparison:
    return compare(one, other, WORDS)


def changed(policy: PolicySet, random: Random) -> PolicySet:
    """The policy with one rule drawn anew, left out, added, or with another priority or effect."""
    rules = list(policy.rules)
    place = random.randrange(len(rules) + 1)
    fresh = PolicySet.model_validate({"name": "x", "rules": [drawn.rule(random, f"n{place}")]}).rules[0]
    if place == len(rules) or random.random() < 0.3:
        rules.insert(place, fresh)
    elif random.random() < 0.4:
        del rules[place]
    else:
        rules[place] = rules[place].model_copy(update={"priority": random.randint(0, 4)})
    names = {rule.name for rule in rules}
    exceptions = tuple(one for one in policy.exceptions if one.rule in names)
    return policy.model_copy(update={"rules": tuple(rules), "exceptions": exceptions})


@given(st.randoms(use_true_random=False))
def test_each_difference_is_one(random: Random) -> None:
    policy = drawn.policy(random, most=5)
    before, after = document(policy), document(changed(policy, random))
    one, other = Engine(before), Engine(after)
    for found in compared(before, after).differences:
        assert one.decide(found.request) == found.before
        assert other.decide(found.request) == found.after
        assert found.before != found.after


@pytest.mark.parametrize("seed", range(2))
def test_nearly_every_change_of_effect_that_chance_finds_is_found(seed: int) -> None:
    random = Random(seed)
    known = missed = 0
    for _ in range(120 if IN_CI else 25):
        policy = drawn.policy(random, most=6)
        before, after = document(policy), document(changed(policy, random))
        one, other = Engine(before), Engine(after)
        asked = [drawn.request(random) for _ in range(150)]
        differs = any(one.decide(request).effect is not other.decide(request).effect for request in asked)
        found = compared(before, after)
        known += differs
        missed += differs and not found.changes_effect
        if found.proven:
            assert not differs
    assert known > 5 and missed <= known // 4, (known, missed)


EDITS: list[tuple[str, str, tuple[Effect, Effect]]] = [
    ('"tool://sql_*", "tool://db_*"]', '"tool://sql_*"]', (Effect.DENY, Effect.DENY)),
    ('resources: ["dataset://public/*"]', 'resources: ["dataset://*"]', (Effect.DENY, Effect.ALLOW)),
    ("{\"gt\": 15}", "{\"gt\": 60}", (Effect.DENY, Effect.ALLOW)),
    ('subjects: ["role:analyst"]', 'subjects: ["role:analyst", "role:guest"]', (Effect.DENY, Effect.ALLOW)),
    ('actions: ["data:delete", "data:export"]', 'actions: ["data:export"]', (Effect.DENY, Effect.ALLOW)),
    ('"eu-north-1"]', '"eu-north-1", "us-east-1"]', (Effect.DENY, Effect.ALLOW)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "instead", "effects"), EDITS[1:])
def test_an_edit_of_a_large_policy_is_found(text: str, instead: str, effects: tuple[Effect, Effect]) -> None:
    assert SEED.count(text) >= 1
    before, after = load_policy(SEED, "a.yaml"), load_policy(SEED.replace(text, instead), "b.yaml")
    found = compared(before, after)
    assert effects in [one.effects for one in found.differences]
    weights = [one.effects for one in found.differences]
    milder = [index for index, pair in enumerate(weights) if pair == (Effect.DENY, Effect.ALLOW)]
    assert milder == list(range(len(milder))), "what becomes allowed comes first"


def test_an_edit_before_a_rule_of_the_same_effect_names_the_other_rule() -> None:
    text, instead, effects = EDITS[0]
    found = compared(load_policy(SEED, "a.yaml"), load_policy(SEED.replace(text, instead, 1), "b.yaml"))
    assert not found.changes_effect
    assert effects in [one.effects for one in found.differences]
    assert {one.after.rule for one in found.differences} >= {"security.block_sql_injection"}


def policy(**fields: Any) -> PolicyDocument:
    rule = {"name": "r", "effect": "require_approval", "approval": "one", **fields}
    return PolicyDocument.build(
        PolicySet.model_validate({"name": "p", "rules": [rule]}), approvals={"one": {}, "two": {"required": 2}}
    )


def test_equal_digests_are_a_proof() -> None:
    found = compared(policy(), policy(priority=100))
    assert "digests are equal" in found.proven and not found.differences and found.asked == 0


def test_what_no_decision_depends_on_is_a_proof() -> None:
    found = compared(policy(), policy(description="why", compliance=["GDPR"], stride=["tampering"]))
    assert "nothing differs" in found.proven
    assert [(rule.name, rule.kind, rule.fields) for rule in found.rules] == [
        ("r", "changed", ("description", "stride", "compliance"))
    ]


def test_another_approval_is_a_difference_and_no_change_of_effect() -> None:
    found = compared(policy(), policy(approval="two", obligations=["log"]))
    assert not found.proven and not found.changes_effect
    (one,) = found.differences
    assert (one.before.approval, one.after.approval, one.after.obligations) == ("one", "two", ("log",))


def test_an_approval_rule_that_changed_is_named_and_no_proof_is_claimed() -> None:
    held = PolicySet.model_validate({"name": "p"})
    before = PolicyDocument.build(held, approvals={"one": {"required": 2}})
    after = PolicyDocument.build(held, approvals={"one": {"required": 1}})
    found = compared(before, after)
    assert found.sections == ("approvals",) and not found.proven


def test_a_default_that_changed_is_found() -> None:
    before = document(PolicySet.model_validate({"name": "p"}))
    after = document(PolicySet.model_validate({"name": "p", "default": "allow"}))
    found = compared(before, after)
    assert found.sections == ("default",)
    assert [one.effects for one in found.differences] == [(Effect.DENY, Effect.ALLOW)]


def test_where_not_every_rule_had_its_turn_that_is_said() -> None:
    before = load_policy(SEED, "a.yaml")
    found = compared(before, load_policy(SEED.replace("priority: 102", "priority: 103"), "b.yaml"))
    assert "most that are asked" not in difference_text(found)
    assert "not every rule had its turn" in difference_text(replace(found, asked=MOST_PROBES))
