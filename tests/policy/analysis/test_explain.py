"""What is said of a decision is so: about every rule, and about what would make it pass."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.policy.analysis.remedies import remedies
from govflow.policy.analysis.trace import Outcome, Trace, answer_of, trace
from govflow.policy.analysis.views import view_of
from govflow.policy.document import PolicyDocument
from govflow.policy.engine import SEVERITY, Engine
from govflow.policy.globs import NoNormalForm, normal_resource
from govflow.policy.model import Effect, PolicyRequest
from govflow.policy.rules import PolicySet
from govflow.services.explain_policy import explain_policy
from tests.policy import drawn
from tests.policy.build import document

SILENT = {Outcome.ELSEWHERE, Outcome.UNMET}


def explained(held: PolicyDocument, asked: PolicyRequest) -> Trace:
    return trace(view_of(held, drawn.ACTIONS), Engine(held), asked)


@given(st.randoms(use_true_random=False))
def test_each_rule_is_said_to_do_what_the_engine_has_it_do(random: Random) -> None:
    held = document(drawn.policy(random))
    engine = Engine(held)
    for _ in range(5):
        asked = drawn.request(random)
        told = explained(held, asked)
        matching = {name.rpartition(":")[2]: name for name in engine.matching(asked)}
        assert {one.rule.name for one in told.tried if one.outcome not in SILENT} == matching.keys()
        deciding = [one.rule.name for one in told.tried if one.outcome is Outcome.DECIDES]
        assert deciding == [name for name in [told.decision.rule] if name not in {"default", "error"}]
        asked_for = {name.rpartition(":")[2] for name in told.decision.rules}
        behind = {one.rule.name for one in told.tried if one.outcome is Outcome.NOT_ASKED}
        assert behind == (matching.keys() - asked_for)
        assert all(one.why for one in told.tried)


@given(st.randoms(use_true_random=False))
def test_conditions_are_answered_as_the_engine_answers_them(random: Random) -> None:
    """A policy of one rule for everything, so that it matches if and only if its conditions are met."""
    effect = random.choice([*Effect])
    conditions = drawn.conditions(random, effect is not Effect.ALLOW)
    policy = PolicySet.model_validate(
        {"name": "p", "rules": [{"name": "r", "effect": effect, "conditions": conditions}]}
    )
    held = document(policy)
    (rule,) = view_of(held, drawn.ACTIONS).rules
    for _ in range(10):
        asked = drawn.request(random)
        try:
            resource = normal_resource(asked.resource)
        except NoNormalForm:
            continue
        said = answer_of(rule.formula, asked, resource)
        expected = {True: ("r",), False: (), None: ("error:r",)}[said]
        assert Engine(held).matching(asked) == expected


@given(st.randoms(use_true_random=False))
def test_what_would_make_it_pass_does(random: Random) -> None:
    held = document(drawn.policy(random))
    engine = Engine(held)
    told = explained(held, drawn.request(random))
    for remedy in remedies(told, engine):
        assert engine.decide(remedy.request) == remedy.decision
        assert SEVERITY[remedy.decision.effect] > SEVERITY[told.decision.effect]
        changed = told.request
        for change in remedy.changes:
            changed = change.on(changed)
        assert changed == remedy.request


POLICY: dict[str, Any] = {
    "name": "p",
    "rules": [
        {
            "name": "bulk",
            "effect": "deny",
            "actions": ["data:delete"],
            "conditions": {"step.records": {"gt": 100}},
            "priority": 1,
        },
        {"name": "night", "effect": "deny", "conditions": {"context.night": {"equals": True}}, "priority": 2},
        {"name": "dev", "effect": "allow", "resources": ["dataset://acme/*"], "subjects": ["role:dev"], "priority": 3},
    ],
}


def held() -> PolicyDocument:
    return document(PolicySet.model_validate(POLICY), {"context.night": "bool"})


def ask(resource: str, selectors: set[str], records: int, night: bool | None) -> PolicyRequest:
    spaces = {"step": {"records": records}, "context": {"night": night}}
    return PolicyRequest(frozenset(selectors), "data:delete", "postgres", resource, spaces)


@pytest.mark.parametrize(
    ("request_asked", "changes"),
    [
        (ask("dataset://acme/x", {"role:dev"}, 500, False), [("step.records", 100)]),
        (ask("dataset://acme/x", set(), 5, False), [("subject", "role:dev")]),
        (ask("dataset://acme/x", {"role:dev"}, 5, None), [("context.night", False)]),
        (ask("dataset://other/x", {"role:dev"}, 5, False), [("resource", "dataset://acme/x")]),
        (ask("dataset://acme/x", set(), 500, False), [("step.records", 100), ("subject", "role:dev")]),
        (
            ask("dataset://acme/x", set(), 500, True),
            [("context.night", False), ("step.records", 100), ("subject", "role:dev")],
        ),
    ],
)
def test_the_smallest_change_is_told(request_asked: PolicyRequest, changes: list[tuple[str, Any]]) -> None:
    engine = Engine(held())
    found = remedies(explained(held(), request_asked), engine)
    assert sorted((change.field, change.value) for change in found[0].changes) == changes
    assert found[0].decision.effect is Effect.ALLOW


def test_an_allow_needs_no_remedy() -> None:
    told = explained(held(), ask("dataset://acme/x", {"role:dev"}, 5, False))
    assert told.decision.effect is Effect.ALLOW and remedies(told, Engine(held())) == ()


def test_the_first_thing_that_did_not_match_is_named() -> None:
    told = explained(held(), ask("dataset://acme/x", set(), 5, False))
    assert [(one.rule.name, one.outcome, one.field) for one in told.tried] == [
        ("bulk", Outcome.UNMET, "step.records"),
        ("night", Outcome.UNMET, "context.night"),
        ("dev", Outcome.ELSEWHERE, "subjects"),
    ]
    assert told.tried[0].why == "step.records: {gt: 100} is not met: it is a number"


def test_a_value_of_the_wrong_type_is_named_by_path_and_type() -> None:
    told = explained(held(), ask("dataset://acme/x", set(), "many", False))  # type: ignore[arg-type]  # that is the point
    assert told.tried[0].outcome is Outcome.ERROR
    assert "it is text, not of its type int" in told.tried[0].why


@given(st.randoms(use_true_random=False))
def test_no_value_of_the_request_is_repeated(random: Random) -> None:
    secret = "canary-7f3a"
    drawn_request = drawn.request(random)
    spaces = {
        space: {key: secret if random.random() < 0.5 else value for key, value in values.items()}
        for space, values in drawn_request.attributes.items()
    }
    asked = PolicyRequest(drawn_request.selectors, "data:read", "postgres", "dataset://x/y", spaces)
    explanation = explain_policy(document(drawn.policy(random)), asked)
    told = json.dumps({**explanation.to_dict(), "would_pass": None}, default=str)
    assert secret not in told
    assert secret not in json.dumps(explanation.to_dict()["would_pass"], default=str)


def test_a_resource_that_climbs_is_explained() -> None:
    told = explained(held(), ask("dataset://acme/../../x", set(), 5, False))
    assert told.resource is None and told.tried == () and "climbs" in told.decision.reason
