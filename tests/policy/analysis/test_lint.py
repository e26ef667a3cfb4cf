"""What lint says of a policy is so."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.ir.vocabulary import Vocabulary
from govflow.policy.analysis.lint import (
    CONFLICT,
    DEAD,
    EXPIRED,
    ONLY_MISSING,
    ORDER,
    SHADOWED,
    UNPROVIDED,
    LintReport,
    lint,
)
from govflow.policy.analysis.views import view_of
from govflow.policy.analysis.witness import requests_for
from govflow.policy.document import PolicyDocument, load_policy
from govflow.policy.engine import Engine
from govflow.policy.holes import HOLE
from govflow.policy.model import PolicyRequest
from govflow.policy.rules import PolicySet
from tests.conftest import IN_CI
from tests.policy import drawn
from tests.policy.build import document

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WORDS = Vocabulary.default()


def found(policy: PolicySet | PolicyDocument, **given: Any) -> LintReport:
    held = policy if isinstance(policy, PolicyDocument) else document(policy)
    return lint(held, vocabulary=WORDS, now=given.get("now", NOW))


def asked(held: PolicyDocument, random: Random, most: int) -> list[PolicyRequest]:
    """Requests drawn by chance, and some that are made for each rule and each pair of rules."""
    view = view_of(held, drawn.ACTIONS)
    requests = [drawn.request(random) for _ in range(most)]
    for rule in view.rules:
        requests += list(requests_for([rule]))[:6]
        for other in random.sample(view.rules, min(3, len(view.rules))):
            requests += list(requests_for([rule, other]))[:2]
    partly = [
        PolicyRequest(one.selectors, one.action, one.provider, one.resource.replace("phi", HOLE), one.attributes)
        for one in requests
        if random.random() < 0.3
    ]
    return requests + partly


def never_wrong(random: Random, requests: int) -> tuple[int, int]:
    """Hold what is said of a drawn policy against decisions; how many rules were called silent, and removable."""
    policy = drawn.policy(random)
    held = document(policy)
    report = found(held)
    silent = {one.rule: one for one in report.findings if one.code in {DEAD, SHADOWED}}
    for one in report.findings:
        for shown in one.shown:
            names = set(Engine(held).matching(shown.request))
            assert {name for name, _ in shown.says} <= names, (one, names)
    if not silent:
        return 0, 0
    engine = Engine(held)
    without = {}
    for name, one in silent.items():
        if one.removable:
            rules = tuple(rule for rule in policy.rules if rule.name != name)
            exceptions = tuple(entry for entry in policy.exceptions if entry.rule != name)
            without[name] = Engine(document(policy.model_copy(update={"rules": rules, "exceptions": exceptions})))
    for request in asked(held, random, requests):
        decision = engine.decide(request)
        assert decision.rule not in silent, (silent[decision.rule], policy, request)
        for name, other in without.items():
            after = other.decide(request)
            assert (after.effect, after.rule, after.approval, set(after.obligations)) == (
                decision.effect, decision.rule, decision.approval, set(decision.obligations),
            ), (silent[name], policy, request)  # fmt: skip
    return len(silent), len(without)


@pytest.mark.covers("B-09")
@given(st.randoms(use_true_random=False))
def test_a_rule_that_is_called_dead_or_shadowed_never_decides(random: Random) -> None:
    never_wrong(random, 20)


@pytest.mark.parametrize("seed", range(4))
def test_many_drawn_policies_hold_no_false_claim(seed: int) -> None:
    random = Random(seed)
    counts = [never_wrong(random, 60) for _ in range(400 if IN_CI else 60)]
    silent, removable = (sum(column) for column in zip(*counts, strict=True))
    assert silent > 10 and removable > 2, "enough was claimed to be held against something"


SEED = Path(__file__).with_name("governance.yaml").read_text("utf-8")


def test_the_dead_rule_of_two_joined_rule_sets_is_found() -> None:
    report = found(load_policy(SEED, "governance.yaml"))
    (silent,) = [one for one in report.findings if one.code not in {ORDER, UNPROVIDED}]
    assert (silent.code, silent.rule, silent.others, silent.removable) == (
        SHADOWED,
        "security.block_sql_injection",
        ("enterprise.block_sql_injection",),
        True,
    )


def test_pairs_of_which_only_the_order_decides_are_told_with_requests() -> None:
    report = found(load_policy(SEED, "governance.yaml"))
    shown = {one.rule: one for one in report.findings if one.code == ORDER}
    admin = shown["enterprise.admin_full_access"]
    assert "enterprise.block_dangerous_tools" in admin.others
    assert "role:admin" in admin.shown[0].request.selectors
    assert report.complete


def rules(*given: dict[str, Any], **fields: Any) -> PolicyDocument:
    return document(PolicySet.model_validate({"name": "p", "rules": list(given), **fields}))


def one(name: str, effect: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "effect": effect, **fields}


def codes(held: PolicyDocument, **given: Any) -> dict[str, str]:
    return {
        finding.rule: finding.code
        for finding in found(held, **given).findings
        if finding.code not in {ORDER, UNPROVIDED}
    }


CONTRADICTIONS: list[dict[str, Any]] = [
    {"step.records": {"gt": 100, "lt": 100}},
    {"step.records": {"gt": 4, "lt": 5}},  # whole numbers
    {"step.tier": {"equals": 1, "any_of": [2, 3]}},
    {"run.environment": {"equals": "prod", "glob": "dev-*"}},
    {"run.environment": {"glob": "dev-*", "contains": "x"}, "not": {"run.environment": {"contains": "x"}}},
    {"run.environment": {"matches": "^a+$"}, "not": {"run.environment": {"matches": "^a+$"}}},
    {"run.time": {"after": "2027-01-01", "before": "2026-01-01"}},
    {"run.production": {"equals": True, "not_equals": True}},
    {"subject.roles": {"contains": "dev", "not_any_of": ["dev", "ops"]}},
    {"any": [{"step.tier": {"gt": 3}}, {"step.tier": {"lt": 1}}], "step.tier": {"between": [1, 3]}},
]
NO_CONTRADICTIONS: list[dict[str, Any]] = [
    {"parameters.x": {"gt": 4, "lt": 5}},  # 4.5
    {"run.environment": {"glob": "dev-*", "contains": "x"}},
    {"run.environment": {"matches": "^a+$", "contains": "aa"}},
    {"run.time": {"after": "2026-01-01", "before": "2027-01-01"}},
    {"subject.roles": {"contains": "dev", "any_of": ["ops"]}},
    {"parameters.x": {"contains": "a", "not_any_of": ["a"]}},  # the text "ab"
    {"any": [{"step.tier": {"gt": 3}}, {"step.tier": {"lt": 2}}], "step.tier": {"between": [1, 3]}},
]


@pytest.mark.parametrize("conditions", CONTRADICTIONS)
def test_an_allow_with_conditions_that_no_value_meets_is_dead(conditions: dict[str, Any]) -> None:
    assert codes(rules(one("a", "allow", conditions=conditions))) == {"a": DEAD}


@pytest.mark.parametrize("conditions", CONTRADICTIONS)
def test_a_deny_with_the_same_conditions_matches_where_they_are_missing(conditions: dict[str, Any]) -> None:
    held = rules(one("a", "deny", conditions=conditions))
    assert codes(held) == {"a": ONLY_MISSING}
    asked_without = PolicyRequest(frozenset(), "data:read", "python", "file", {})
    assert Engine(held).decide(asked_without).rule == "a"


@pytest.mark.parametrize("conditions", NO_CONTRADICTIONS)
@pytest.mark.parametrize("effect", ["allow", "deny"])
def test_conditions_that_a_value_meets_are_not_a_finding(conditions: dict[str, Any], effect: str) -> None:
    held = rules(one("a", effect, conditions=conditions))
    assert codes(held) == {}
    view = view_of(held, ["data:read"])
    engine = Engine(held)
    assert any("a" in engine.matching(request) for request in requests_for(view.rules))


SHADOWS: list[tuple[str, list[dict[str, Any]], dict[str, Any]]] = [
    ("behind a wider glob", [one("a", "deny", resources=["*"]), one("b", "allow", resources=["x/*"])], {}),
    (
        "behind two that cover it together",
        [
            one("a", "deny", actions=["data:read"], priority=1),
            one("c", "deny", actions=["data:write"], priority=1),
            one("b", "allow", actions=["data:read", "data:write"]),
        ],
        {},
    ),
    (
        "behind two that have both answers",
        [
            one("a", "deny", conditions={"run.production": {"equals": True}}, priority=1),
            one("c", "deny", conditions={"run.production": {"equals": False}}, priority=1),
            one("b", "deny", priority=5),
        ],
        {},
    ),
    (
        "behind a weaker condition",
        [
            one("a", "deny", conditions={"step.records": {"gt": 10}}, priority=1),
            one("b", "deny", conditions={"step.records": {"gt": 100}}),
        ],
        {},
    ),
    (
        "overridden by a deny that stands later",
        [one("b", "allow", actions=["data:read"], priority=1), one("a", "deny", actions=["data:*"], priority=9)],
        {"combining": "deny_overrides"},
    ),
    (
        "overridden by an allow that stands later",
        [one("b", "deny", actions=["data:read"], priority=1), one("a", "allow", actions=["data:*"], priority=9)],
        {"combining": "permit_overrides"},
    ),
    (
        "behind a stricter rule of the security band",
        [one("b", "require_approval", priority=1), one("a", "deny", priority=2)],
        {"bands": {"security": {"priorities": [1, 5], "security": True}}},
    ),
]


@pytest.mark.covers("B-09")
@pytest.mark.parametrize(("rules_given", "fields"), [case[1:] for case in SHADOWS], ids=[case[0] for case in SHADOWS])
def test_a_rule_is_shadowed(rules_given: list[dict[str, Any]], fields: dict[str, Any]) -> None:
    assert codes(rules(*rules_given, **fields))["b"] == SHADOWED


OPEN: list[tuple[str, list[dict[str, Any]], dict[str, Any]]] = [
    (
        "an allow does not match a resource of which a part is unknown, and the deny does",
        [one("a", "allow", resources=["dataset://*"], priority=1), one("b", "deny", resources=["dataset://x/*"])],
        {},
    ),
    (
        "a rule with exceptions is not always in the way",
        [one("a", "deny", level="soft-mandatory", priority=1), one("b", "deny")],
        {
            "exceptions": [
                {"name": "e", "rule": "a", "owner": "carol", "ticket": "T", "expires": "2999-01-01", "actions": ["*"]}
            ]
        },
    ),
    ("a rule in shadow is in nobody's way", [one("a", "deny", mode="shadow", priority=1), one("b", "deny")], {}),
    ("advice is in nobody's way", [one("a", "deny", level="advisory", priority=1), one("b", "deny")], {}),
    (
        "a rule for some flows is not in the way of the others",
        [one("a", "deny", rollout={"percent": 99}, priority=1), one("b", "deny")],
        {},
    ),
    (
        "an allow on an attribute that may be missing",
        [
            one("a", "allow", conditions={"step.records": {"gt": 1}}, priority=1),
            one("b", "deny", conditions={"step.records": {"gt": 10}}),
        ],
        {},
    ),
    (
        "a rule of the security band is asked whatever allows before it",
        [one("a", "allow", priority=1), one("b", "deny", priority=2)],
        {"bands": {"security": {"priorities": [1, 5], "security": True}}},
    ),
    ("a set of characters is wider", [one("a", "deny", resources=["[ab]*"], priority=1), one("b", "deny")], {}),
]


@pytest.mark.parametrize(("rules_given", "fields"), [case[1:] for case in OPEN], ids=[case[0] for case in OPEN])
def test_a_rule_that_can_decide_is_not_called_shadowed(
    rules_given: list[dict[str, Any]], fields: dict[str, Any]
) -> None:
    assert codes(rules(*rules_given, **fields)).get("b") != SHADOWED


def test_a_deny_behind_an_allow_decides_where_a_part_of_the_resource_is_unknown() -> None:
    held = rules(*OPEN[0][1])
    partly = PolicyRequest(frozenset(), "data:read", "python", "dataset://{?}/a", {})
    whole = PolicyRequest(frozenset(), "data:read", "python", "dataset://x/a", {})
    assert (Engine(held).decide(partly).rule, Engine(held).decide(whole).rule) == ("a", "a")
    hidden = PolicyRequest(frozenset(), "data:read", "python", "{?}", {})
    assert Engine(held).decide(hidden).rule == "b"


@pytest.mark.covers("B-09")
def test_a_conflict_is_shown_by_a_request_that_both_match() -> None:
    held = rules(
        one("staff", "allow", subjects=["role:staff"], conditions={"step.records": {"lte": 50}}),
        one("patients", "deny", resources=["dataset://patients/*"], conditions={"step.records": {"gt": 40}}),
    )
    (conflict,) = found(held).findings
    assert (conflict.code, conflict.rule, conflict.others) == (CONFLICT, "staff", ("patients",))
    (shown,) = conflict.shown
    assert shown.request.selectors == {"role:staff"}
    assert 40 < shown.request.attributes["step"]["records"] <= 50
    assert Engine(held).matching(shown.request) == ("patients", "staff")


def test_rules_that_never_meet_do_not_conflict() -> None:
    held = rules(
        one("alice", "allow", subjects=["user:alice"]),
        one("bob", "deny", subjects=["user:bob"]),
        one("small", "require_approval", conditions={"step.records": {"lt": 5}}, resources=["a/*"]),
        one("large", "deny", conditions={"step.records": {"gt": 5}}, resources=["b/*"]),
    )
    said = {(finding.rule, *finding.others) for finding in found(held).findings if finding.code == CONFLICT}
    assert ("alice", "bob") not in said and ("small", "large") not in said


def test_where_rules_override_each_other_order_is_no_finding() -> None:
    given = [one("a", "allow"), one("b", "deny", resources=["x/*"])]
    said = found(rules(*given, combining="deny_overrides")).findings
    assert not [finding for finding in said if finding.code in {CONFLICT, ORDER}]


def test_what_has_expired_is_told_at_its_day_and_not_before() -> None:
    held = rules(one("a", "allow", actions=["data:read"], expires="2026-06-01"))
    assert codes(held, now=datetime(2026, 6, 1, tzinfo=UTC)) == {"a": EXPIRED}
    assert codes(held, now=datetime(2026, 5, 31, 23, 59, tzinfo=UTC)) == {}


def test_an_expression_stands_in_the_way_of_itself_and_of_nothing_else() -> None:
    tier = {"cel": "step.tier > 1"}
    same = rules(one("a", "deny", priority=1, conditions=tier), one("b", "require_approval", conditions=tier))
    assert codes(same) == {"b": SHADOWED}
    for other in ({"cel": "step.tier > 2"}, {"not": tier}, {"step.tier": {"gt": 1}}):
        assert codes(rules(one("a", "deny", priority=1, conditions=tier), one("b", "deny", conditions=other))) == {}
    # What is missing counts as met under one of them, and not under the other.
    assert codes(rules(one("a", "allow", priority=1, conditions=tier), one("b", "deny", conditions=tier))) == {}
    assert codes(rules(one("a", "deny", conditions={**tier, "not": tier}))) == {}


def test_an_attribute_that_nobody_provides_is_told_once_for_all_rules() -> None:
    given = [one(name, "deny", conditions={"context.x": {"equals": True}}, actions=[act]) for name, act in TWO]
    held = document(PolicySet.model_validate({"name": "p", "rules": given}), {"context.x": "bool"})
    (note,) = found(held).findings
    assert (note.code, note.rule, note.others, note.key) == (UNPROVIDED, "a", ("b",), "context.x")


TWO = [("a", "data:read"), ("b", "data:write")]


def test_a_rule_whose_exceptions_a_decision_names_is_not_said_to_change_nothing() -> None:
    entry = {"name": "e", "rule": "b", "owner": "carol", "ticket": "T", "expires": "2999-01-01", "actions": ["*"]}
    shadowed = [one("a", "deny", priority=1), one("b", "deny", level="soft-mandatory")]
    report = found(rules(*shadowed, combining="deny_overrides", exceptions=[entry]))
    (finding,) = [each for each in report.findings if each.code == SHADOWED]
    assert (finding.removable, finding.mend.startswith("Remove it")) == (False, False)
    assert "have its exceptions named" in finding.message


def test_a_question_behind_one_that_asks_other_people_is_not_to_be_removed() -> None:
    held = load_policy(
        "version: 1\n"
        "policy: {name: p, rules: [{name: a, effect: require_approval, priority: 1},"
        " {name: b, effect: require_approval, approval: two}]}\n"
        "approvals: {two: {required: 2}}\n",
        "p.yaml",
    )
    (finding,) = [each for each in found(held).findings if each.code == SHADOWED]
    assert finding.mend.startswith("Give it a lower priority"), "whoever wrote it wants two people"
