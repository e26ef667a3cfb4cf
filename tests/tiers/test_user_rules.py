"""Rules that a user adds, and files that cannot be used."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from govflow.errors import PolicyError
from govflow.ir.models import Tier
from govflow.tiers import TierFacts, TierRules

RULES = TierRules.default()


def facts(action: str = "task:execute", **changes: Any) -> TierFacts:
    given: dict[str, Any] = {"provider": "python", "resource": "task://a", "name": "work", "environment": "dev"}
    return TierFacts(action, **(given | changes))


def mine(text: str) -> TierRules:
    return RULES.extended(TierRules.load("version: 1\n" + text, "tiers.yaml"))


@pytest.mark.covers("S5-17")
def test_the_list_of_critical_models_is_configurable() -> None:
    rules = mine("lists: {critical_models: [hr.payslip]}\nremove_from_lists: {critical_models: [account.move]}")
    assert rules.judge(facts("odoo:update", provider="odoo", attributes={"model": "hr.payslip"})).tier is Tier.MEDIUM
    assert rules.judge(facts("odoo:update", provider="odoo", attributes={"model": "account.move"})).tier is Tier.LOW
    assert RULES.judge(facts("odoo:update", provider="odoo", attributes={"model": "hr.payslip"})).tier is Tier.LOW


def test_a_rule_is_added_and_names_itself() -> None:
    rules = mine("""
rules:
  - name: large-transfer
    tier: 3
    reason: "{action} of a large amount"
    when:
      - domain: {equals: bank}
        attributes.amount: {gt: 1000}
""")
    verdict = rules.judge(facts("bank:transfer", attributes={"amount": 1001}))
    assert (verdict.deciding.rule, verdict.deciding.reason) == ("large-transfer", "bank:transfer of a large amount")
    assert rules.judge(facts("bank:transfer", attributes={"amount": 1000})).tier is Tier.LOW
    assert "amount" in rules.reads
    assert "amount" not in RULES.reads


@pytest.mark.parametrize(
    "attributes", [{}, {"amount": "1000"}, {"amount": float("nan")}, {"amount": True}, {"amount": None}]
)
def test_a_missing_or_strange_attribute_never_turns_a_rule_off(attributes: dict[str, Any]) -> None:
    rules = mine("rules: [{name: big, tier: 3, reason: big, when: {attributes.amount: {gt: 1000}}}]")
    assert rules.judge(facts(attributes=attributes)).tier is Tier.HIGH


def test_a_rule_may_ask_for_the_attribute_to_be_there() -> None:
    rules = mine("rules: [{name: big, tier: 3, reason: big, when: {attributes.amount: {exists: true, gt: 1000}}}]")
    assert rules.judge(facts()).tier is Tier.MINIMAL
    assert rules.judge(facts(attributes={"amount": Decimal("1000.01")})).tier is Tier.HIGH


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ("{equals: Prod}", "prod", True),
        ("{equals: 'true'}", True, True),
        ("{equals: '5'}", 5, True),
        ("{equals: 'null'}", None, True),
        ("{in: [a, b]}", "c", False),
        ("{in: [a, b]}", ["c", "b"], True),
        ("{not_in: [a, b]}", "a", False),
        ("{glob: 's3://*/raw'}", "s3://bucket/a/b/raw", True),
        ("{not_glob: 's3://*'}", "s3://x", False),
        ("{any_word: [drop]}", "backdrop", False),
        ("{no_word: [drop]}", "backdrop", True),
        ("{any_part: [eu.west]}", "x://eu.west/y", True),
        ("{ge: 5, lt: 7}", 5, True),
        ("{ge: 5, lt: 7}", 7, False),
        ("{le: 5}", 5.5, False),
    ],
)
def test_operators(condition: str, value: object, expected: bool) -> None:
    rules = mine(f"rules: [{{name: x, tier: 2, reason: x, when: {{attributes.x: {condition}}}}}]")
    assert (rules.judge(facts(attributes={"x": value})).tier is Tier.MEDIUM) is expected


def test_a_dotted_path_enters_mappings_and_finds_a_key_with_points() -> None:
    rules = mine("rules: [{name: x, tier: 2, reason: x, when: {attributes.a.b: {exists: true, equals: c}}}]")
    for attributes in ({"a": {"b": "c"}}, {"a.b": "c"}):
        assert rules.judge(facts(attributes=attributes)).tier is Tier.MEDIUM
    others: list[dict[str, Any]] = [{"a": "c"}, {"a": {}}, {"a": ["b"]}]
    for other in others:
        assert rules.judge(facts(attributes=other)).tier is Tier.MINIMAL


def test_a_disabled_rule_is_left_out() -> None:
    rules = mine("disabled_rules: [bulk]")
    assert rules.judge(facts("data:write", records=500)).tier is Tier.LOW


def test_terms_are_shared_between_rules() -> None:
    rules = mine("""
terms:
  night: {name: {any_word: [night, nightly]}}
rules:
  - {name: night-write, tier: 2, reason: writes at night, when: [{is: [night, write]}]}
""")
    assert rules.judge(facts("data:write", name="nightly_load")).deciding.rule == "night-write"
    assert rules.judge(facts("data:read", name="nightly_load")).tier is Tier.MINIMAL


def test_rules_may_come_as_values_of_a_policy_file() -> None:
    entries: list[dict[str, Any]] = [
        {"lists": {"critical_models": ["hr.payslip"]}},
        {"name": "x", "tier": 2, "reason": "x", "when": {"name": {"equals": "special"}}},
    ]
    rules = RULES.extended(entries)
    assert rules.judge(facts(name="special")).tier is Tier.MEDIUM
    assert rules.judge(facts("odoo:update", provider="odoo", attributes={"model": "hr.payslip"})).tier is Tier.MEDIUM
    with pytest.raises(PolicyError, match=r"policy.yaml: tiers\[0\]\.tier: unknown tier 7"):
        RULES.extended([{"name": "x", "tier": 7, "reason": "x", "when": {}}], "policy.yaml: tiers")


def test_the_digest_follows_the_meaning() -> None:
    text = "rules: [{name: x, tier: 2, reason: x, when: {name: {equals: special}}}]"
    assert mine(text).digest == mine("# a comment\n" + text).digest
    assert mine(text).digest != RULES.digest
    assert mine("lists: {critical_models: [hr.payslip]}").digest != RULES.digest
    assert mine("").digest == RULES.digest
    assert RULES.extended([]).digest == RULES.digest


def test_rules_do_not_change() -> None:
    with pytest.raises(AttributeError, match="do not change"):
        RULES.digest = "x"


RULE = "rules: [{{name: x, tier: 2, reason: x, when: {0}}}]"


@pytest.mark.parametrize(
    ("text", "place", "mend"),
    [
        ("rulez: []", "tiers.yaml: rulez: unknown field", "Did you mean 'rules'?"),
        ("rules: {}", "tiers.yaml: rules: expected a list", "- name"),
        ("rules: [x]", "tiers.yaml: rules[0]: expected a mapping", "name, tier"),
        ("rules: [{name: x}]", "tiers.yaml: rules[0].tier: missing", "name, tier"),
        ("rules: [{name: x, tier: 4, reason: x, when: {}}]", "rules[0].tier: unknown tier 4", "0, 1, 2 or 3"),
        ("rules: [{name: x, tier: high, reason: x, when: {}}]", "rules[0].tier: unknown tier 'high'", "0, 1, 2 or 3"),
        ("rules: [{name: x, tier: true, reason: x, when: {}}]", "rules[0].tier: unknown tier True", "0, 1, 2 or 3"),
        (
            "rules: [{name: x, tier: 1, reason: x, when: {}, effect: deny}]",
            "rules[0].effect: unknown field",
            "There are",
        ),
        ("rules: [{name: declared, tier: 1, reason: x, when: {}}]", "rules[0].name: 'declared' is reserved", "another"),
        ("rules: [{name: x, tier: 1, reason: '', when: {}}]", "rules[0].reason: expected text", "quotes"),
        (
            "rules: [{name: x, tier: 1, reason: '{token}', when: {name: {equals: a}}}]",
            "rules[0].reason: unknown field 'token'",
            "There are",
        ),
        (RULE.format("{}"), "rules[0].when[0]: expected conditions", "operator"),
        (RULE.format("[]"), "rules[0].when: expected a list of alternatives", "operator"),
        (RULE.format("{provder: {equals: x}}"), "rules[0].when[0].provder: unknown field", "Did you mean 'provider'?"),
        (RULE.format("{provider: x}"), "rules[0].when[0].provider: expected {operator: value}", "equals"),
        (RULE.format("{provider: {equal: x}}"), "provider.equal: unknown operator 'equal'", "Did you mean 'equals'?"),
        (RULE.format("{provider: {gt: 1}}"), "provider.gt: unknown operator", "There are"),
        (RULE.format("{provider: {in: x}}"), "provider.in: expected a list of texts", "$name"),
        (RULE.format("{provider: {in: [no]}}"), "provider.in: expected a list of texts, found [False]", "$name"),
        (RULE.format("{provider: {in: $critical_model}}"), "unknown list '$critical_model'", "'$critical_models'"),
        (RULE.format("{records: {gt: many}}"), "records.gt: expected a number, found 'many'", "number"),
        (RULE.format("{records: {gt: .nan}}"), "records.gt: expected a number", "number"),
        (RULE.format("{records: {over: 1}}"), "records.over: unknown operator", "There are: ge, gt, le, lt"),
        (RULE.format("{attributes.x: {exists: 1}}"), "attributes.x.exists: expected true or false", "true or false"),
        (RULE.format("{attributes.x: {exists: false, gt: 1}}"), "asks for an attribute to be absent", "one of the two"),
        (RULE.format("{attributes.a..b: {gt: 1}}"), "'a..b' is not a dotted path", "values.state"),
        (RULE.format("{is: produktion}"), "rules[0].when[0].is: unknown term 'produktion'", "'production'"),
        ("lists: {x: [1]}", "lists.x[0]: expected text, found 1", "quotes"),
        ("lists: [x]", "tiers.yaml: lists: expected a mapping", "Indent"),
        ("disabled_rules: [bulks]", "disabled_rules[0]: unknown rule 'bulks'", "Did you mean 'bulk'?"),
        ("remove_from_lists: {dns_provider: [x]}", "remove_from_lists.dns_provider: unknown list", "'dns_providers'"),
        ("remove_from_lists: {dns_providers: [x]}", "remove_from_lists.dns_providers: unknown entry 'x'", "There are"),
        ("terms: {write: {name: {equals: x}}}", "terms.write: there is a term 'write' already", "another name"),
        (
            "rules: [{name: bulk, tier: 1, reason: x, when: {name: {equals: x}}}]",
            "rules[0].name: there is a rule 'bulk' already",
            "disabled_rules",
        ),
        ("lists: {a: [x]}\nlists: {b: [x]}", "not YAML: the key 'lists' stands twice", "syntax"),
        ("rules: [", "tiers.yaml: not YAML", "syntax"),
    ],
)
def test_a_file_that_cannot_be_used_names_file_field_and_mend(text: str, place: str, mend: str) -> None:
    with pytest.raises(PolicyError) as caught:
        TierRules.load("version: 1\n" + text, "tiers.yaml")
    assert caught.value.message.startswith("tiers.yaml: ")
    assert place in caught.value.message
    assert mend in caught.value.mend


@pytest.mark.parametrize("text", ["", "rules: []", "version: 2", "version: true", "version: '1'", "[]"])
def test_a_file_of_no_or_another_version_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match=r"tiers\.yaml: "):
        TierRules.load(text, "tiers.yaml")


def test_two_rules_of_one_name_are_refused() -> None:
    rule = "{name: x, tier: 1, reason: x, when: {name: {equals: x}}}"
    with pytest.raises(PolicyError, match=r"rules\[1\]\.name: there is a rule 'x' already"):
        TierRules.load(f"version: 1\nrules: [{rule}, {rule}]", "tiers.yaml")


def test_yaml_cannot_make_objects() -> None:
    with pytest.raises(PolicyError, match="not YAML"):
        TierRules.load("version: !!python/object/apply:os.getcwd []", "tiers.yaml")
