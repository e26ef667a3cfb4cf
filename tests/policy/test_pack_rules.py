"""Every rule of every pack, held against its rows in ``pack_cases.py`` and against what the law says of the unknown."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import pytest

from govflow.policy.attributes import AttributeType
from govflow.policy.conditions import paths_of
from govflow.policy.document import PolicyDocument, load_policy
from govflow.policy.engine import Engine
from govflow.policy.model import Effect, PolicyRequest
from govflow.policy.packs import pack_names
from govflow.policy.rules import PolicyRule
from tests.conftest import IN_CI
from tests.policy import plain
from tests.policy.pack_cases import CASES, DEFAULT, ERROR, WELL, Case

WRONG: dict[str, Any] = {"bool": "false", "int": "1", "number": "1", "string": 5, "list": "tenant_admin"}


@cache
def pack(name: str, default: str = "deny") -> PolicyDocument:
    text = f"version: 1\nimports: ['pack:{name}']\npolicy: {{name: test, default: {default}}}"
    return load_policy(text, "test.yaml")


@cache
def standing(name: str) -> Engine:
    return Engine(pack(name))


def rule_of(case: Case) -> PolicyRule:
    (rule,) = (rule for rule in pack(case.pack).policy.rules if rule.name == case.rule)
    return rule


def asked(case: Case, **changed: Any) -> PolicyRequest:
    """The request of a row. ``changed``: facts by path, as in ``**{"a.b": 1}``; an ellipsis takes one away."""
    facts = {**WELL, "subject.roles": [case.role] if case.role else [], **case.facts, **changed}
    spaces: dict[str, Any] = {}
    for path, value in facts.items():
        space, _, key = path.partition(".")
        if value is not ...:
            spaces.setdefault(space, {})[key] = value
    selectors = frozenset({"user:rita"} | ({f"role:{case.role}"} if case.role else set()))
    return PolicyRequest(selectors, case.action, "python", case.resource, spaces)


def reads(case: Case) -> list[str]:
    """What the rule of a row asks of the facts of a request."""
    found = paths_of(rule_of(case).conditions)
    return sorted(path for path in found if path != "action" and not path.startswith("resource."))


def named(case: Case) -> str:
    return f"{case.pack}: {case.rule}: {case.says}"


@pytest.mark.covers(
    "S2-026", "S2-027", "S2-028", "S2-029", "S2-030", "S2-032", "S2-033", "S2-034", "S2-035", "S2-036", "S2-037",
    "S2-038", "S2-042", "S2-043", "S2-044", "S2-046", "S2-049", "S2-055", "S2-056", "S2-062", "S2-063", "S2-067",
    "S2-069", "S2-071", "S2-083", "S2-085",
)  # fmt: skip
@pytest.mark.parametrize("case", CASES, ids=named)
def test_each_case_is_decided_as_its_row_says(case: Case) -> None:
    decision = standing(case.pack).decide(asked(case))
    assert decision.rule == case.decided_by
    rules = {rule.name: rule.effect for rule in pack(case.pack).policy.rules}
    assert decision.effect is rules.get(case.decided_by, Effect.DENY)


@pytest.mark.covers("S2-026", "S2-029", "S2-070", "S2-080", "S2-084")
@pytest.mark.parametrize("case", [case for case in CASES if case.decided_by != ERROR], ids=named)
def test_what_is_absent_null_or_of_a_wrong_type_opens_nothing(case: Case) -> None:
    """Whatever a rule reads: without it a deny or an approval stands, and an allow does not."""
    rule, engine = rule_of(case), standing(case.pack)
    # Where nothing is known but what is done to what: only that may rule out a rule that denies or asks.
    blank = asked(case, **dict.fromkeys(reads(case), ...))
    aimed = plain.matches(rule, blank, case.resource) if rule.restricts else plain.targeted(rule, blank, case.resource)
    for path in reads(case):
        for gone in (..., None):
            unknown = asked(case, **{path: gone})
            if rule.effect is Effect.ALLOW:
                assert engine.decide(unknown).rule != rule.name, (path, gone)
            elif aimed:
                assert rule.name in engine.matching(unknown), (path, gone)
                assert engine.decide(unknown).effect is not Effect.ALLOW
        if aimed and _comes_before(engine, case):
            attribute = pack(case.pack).schema.find(path)
            assert attribute is not None
            assert engine.decide(asked(case, **{path: WRONG[attribute.type]})).effect is Effect.DENY, path


def _comes_before(engine: Engine, case: Case) -> bool:
    """Whether the rule of a row is asked before the one that decides the row, or is that."""
    order = [rule.name for rule in engine]
    return case.decided_by == DEFAULT or order.index(case.rule) <= order.index(case.decided_by)


def test_every_rule_has_rows_on_both_sides() -> None:
    """A row in which it decides and, unless it takes all that is left, one in which it does not."""
    rules = {rule.name for name in pack_names() for rule in pack(name).policy.rules}
    assert {case.rule for case in CASES if case.decided_by == case.rule} == rules
    left = {case.rule for case in CASES if case.decided_by != case.rule}
    assert rules - left == {name for name in rules if name.endswith("everything-else")}
    for name in ("enterprise", "security-hardening"):  # with the packs that they import
        assert {case.rule for case in CASES if case.pack == name} == {rule.name for rule in pack(name).policy.rules}


def test_the_rows_know_every_fact_that_a_rule_reads() -> None:
    read = {path for name in pack_names() for rule in pack(name).policy.rules for path in paths_of(rule.conditions)}
    assert {path for path in read if path != "action" and not path.startswith("resource.")} == {*WELL, "subject.roles"}


@pytest.mark.covers("S2-047")
def test_a_run_without_a_tenant_is_told_what_to_do() -> None:
    case = next(case for case in CASES if case.says == "the run has no tenant")
    decision = standing(case.pack).decide(asked(case, **{"run.tenant": ...}))
    assert decision.effect is Effect.DENY
    assert "Set the tenant of the run" in decision.reason


@pytest.mark.covers("S2-071")
def test_an_old_sign_in_is_told_to_be_renewed() -> None:
    (rule,) = (rule for rule in pack("security-hardening").policy.rules if rule.name.endswith("recent-sign-in"))
    assert "Re-authenticate" in rule.description


@pytest.mark.parametrize("name", [*pack_names(), "enterprise', 'pack:security-hardening', 'pack:tenant-isolation"])
def test_a_plain_evaluator_agrees_about_drawn_requests(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document = pack(name)
    for path in {path for rule in document.policy.rules for path in paths_of(rule.conditions)}:
        attribute = document.schema.find(path)
        if attribute is not None and attribute.type is not AttributeType.ANY:
            monkeypatch.setitem(plain.TYPES, path, str(attribute.type))
    engine, random = Engine(document), Random(name)
    effects = set()
    for _ in range(3000 if IN_CI else 300):
        request = drawn(random)
        decision = engine.decide(request)
        told: tuple[object, ...] = (
            decision.effect,
            decision.rule,
            list(decision.rules),
            list(decision.obligations),
            [],
        )
        assert told == plain.said(document.policy, request), request
        effects.add(decision.effect)
    assert Effect.DENY in effects


def drawn(random: Random) -> PolicyRequest:
    """A row with a few facts changed: to another row's, to nothing, or to something that is none."""
    case, other = random.choice(CASES), random.choice(CASES)
    changed: dict[str, Any] = dict(random.sample(sorted(other.facts.items()), random.randint(0, len(other.facts))))
    for path in random.sample(sorted(WELL), random.randint(0, 3)):
        changed[path] = random.choice([..., None, True, False, 0, 1, 1e9, "x", "acme", ["admin"]])
    if random.random() < 0.3:
        case = case._replace(role=random.choice(["admin", "developer", "analyst", "tenant_admin", ""]))
    if random.random() < 0.3:
        case = case._replace(action=other.action)
    return asked(case, **changed)
