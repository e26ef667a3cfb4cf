"""The rules that ship, one behaviour a test."""

from __future__ import annotations

import pickle
import socket
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.ir.models import Tier
from govflow.ir.vocabulary import Vocabulary
from govflow.tiers import TierFacts, TierRules, TierVerdict

RULES = TierRules.default()
ACTIONS = sorted(Vocabulary.default().actions)
PROVIDERS = sorted(Vocabulary.default().providers)


def judge(action: str = "task:execute", **changes: Any) -> TierVerdict:
    given: dict[str, Any] = {
        "provider": "python",
        "resource": "task://etl/work",
        "name": "work",
        "environment": "development",
    }
    return RULES.judge(TierFacts(action, **(given | changes)))


def fired(verdict: TierVerdict) -> set[str]:
    return {finding.rule for finding in verdict.findings}


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize("action", ["task:execute", "flow:execute"])
def test_code_with_no_known_effect_is_tier_0_everywhere(action: str, environment: str) -> None:
    """Swapping an import changes nothing."""
    verdict = judge(action, environment=environment)
    assert verdict.tier is Tier.MINIMAL
    assert fired(verdict) == {"baseline"}


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize(
    "action", ["data:read", "data:list", "file:read", "http:get", "dns:read", "odoo:search", "payment:read"]
)
def test_reads_are_tier_0(action: str, environment: str) -> None:
    assert judge(action, environment=environment).tier is Tier.MINIMAL


@pytest.mark.parametrize(
    "action", ["data:write", "data:load", "file:write", "http:post", "http:request", "email:send", "deploy:update"]
)
def test_safe_writes_outside_production_are_tier_1(action: str) -> None:
    verdict = judge(action)
    assert verdict.tier is Tier.LOW
    assert verdict.deciding.rule == "write"


@pytest.mark.parametrize(
    "environment", ["production", "Production", "prod", "eu-prod-1", "prd", "LIVE", "prodution", "", "eu"]
)
@pytest.mark.covers("S5-15")
def test_production_writes_are_tier_2(environment: str) -> None:
    """An environment that is misspelt or not known is treated as production."""
    verdict = judge("data:write", environment=environment)
    assert verdict.tier is Tier.MEDIUM
    assert verdict.deciding.rule == "production-write"
    assert verdict.deciding.reason == f"data:write in environment {environment}"


@pytest.mark.parametrize(
    "environment", ["dev", "staging", "ci", "pre-production", "non-prod", "preprod", "Dev_2", "local"]
)
@pytest.mark.covers("S5-15")
def test_other_environments_are_not_production(environment: str) -> None:
    assert judge("data:write", environment=environment).tier is Tier.LOW


@pytest.mark.parametrize(
    ("action", "provider", "attributes"),
    [
        ("dns:write", "cloudflare", {}),
        ("dns:update", "dns", {"type": "A"}),
        ("dns:create", "route53", {"type": "CNAME"}),
        ("data:write", "route53", {"type": "MX"}),
        ("http:post", "dns", {}),
        ("http:put", "cloudflare", {"type": "MX"}),
        ("http:put", "cloudflare", {"type": "a"}),
    ],
)
@pytest.mark.covers("S5-16")
def test_dns_record_changes_are_tier_2_in_every_environment(
    action: str, provider: str, attributes: dict[str, Any]
) -> None:
    verdict = judge(action, provider=provider, attributes=attributes)
    assert verdict.tier is Tier.MEDIUM
    assert verdict.deciding.rule == "dns-change"


@pytest.mark.covers("S5-16")
def test_what_is_no_dns_change_is_not_judged_as_one() -> None:
    assert "dns-change" not in fired(judge("dns:list", provider="route53", attributes={"type": "A"}))
    assert "dns-change" not in fired(judge("http:put", provider="cloudflare", attributes={"type": "worker"}))
    assert "dns-change" not in fired(judge("http:put", provider="http", attributes={"type": "A"}))


@pytest.mark.parametrize("model", ["account.move", "account.payment", "Account.Move"])
@pytest.mark.covers("S5-17")
def test_critical_models_are_tier_2(model: str) -> None:
    by_attribute = judge("odoo:update", provider="odoo", attributes={"model": model, "values": {"ref": "x"}})
    by_resource = judge("data:write", provider="postgres", resource=f"odoo://acme/{model}/5")
    for verdict in (by_attribute, by_resource):
        assert verdict.tier is Tier.MEDIUM
        assert verdict.deciding.rule == "critical-model"


@pytest.mark.covers("S5-17")
def test_other_models_and_reads_are_not_critical() -> None:
    assert judge("odoo:update", provider="odoo", attributes={"model": "res.partner"}).tier is Tier.LOW
    assert judge("odoo:update", provider="odoo", resource="odoo://acme/res.partner").tier is Tier.LOW
    assert judge("odoo:update", provider="odoo", attributes={"model": "account.move.template"}).tier is Tier.LOW
    assert judge("odoo:read", provider="odoo", attributes={"model": "account.move"}).tier is Tier.MINIMAL


@pytest.mark.parametrize("resource", ["task://etl/work", "odoo://acme/{model}"])
def test_an_odoo_model_that_is_not_known_yet_counts_as_critical(resource: str) -> None:
    verdict = judge("odoo:update", provider="odoo", resource=resource)
    assert verdict.deciding.rule == "critical-model-unknown"
    assert verdict.tier is Tier.MEDIUM


@pytest.mark.parametrize("value", [["res.partner", "account.move"], object(), {"account.move"}])
def test_a_model_in_a_list_or_of_a_strange_type_counts_as_critical(value: object) -> None:
    assert judge("odoo:update", provider="odoo", attributes={"model": value}).tier is Tier.MEDIUM


@pytest.mark.parametrize("word", ["delete", "destroy", "uninstall", "drop", "truncate", "purge", "unlink"])
def test_destructive_words_are_tier_3_in_action_and_name(word: str) -> None:
    assert judge(f"data:{word}").deciding.rule == "destructive-action"
    for name in (f"{word}_table", f"{word}Cache", f"nightly_{word}", word.upper(), f"tasks.py:{word}_all"):
        verdict = judge(name=name)
        assert verdict.tier is Tier.HIGH
        assert verdict.deciding.rule == "destructive-name"


@pytest.mark.parametrize(
    "name", ["backdrop", "dropdown", "undelete", "deleted_rows", "drop_tools.py:load", "truncated"]
)
def test_a_destructive_word_inside_another_word_is_none(name: str) -> None:
    assert judge(name=name).tier is Tier.MINIMAL


def test_free_text_is_not_searched_for_destructive_words() -> None:
    text = {"note": "please delete and drop", "method": "delete"}
    assert judge("data:read", resource="docs://how-to-delete", attributes=text).tier is Tier.MINIMAL


@pytest.mark.parametrize(
    ("action", "attributes"),
    [
        ("odoo:uninstall", {"model": "ir.module.module"}),
        ("odoo:call", {"model": "ir.module.module", "method": "button_immediate_uninstall"}),
        ("odoo:update", {"model": "ir.module.module", "values": {"state": "to remove"}}),
    ],
)
@pytest.mark.covers("S5-19")
def test_odoo_module_uninstall_is_tier_3(action: str, attributes: dict[str, Any]) -> None:
    verdict = judge(action, provider="odoo", attributes=attributes)
    assert verdict.tier is Tier.HIGH
    assert "module-uninstall" in fired(verdict)


def test_odoo_module_install_is_not_an_uninstall() -> None:
    assert judge("odoo:install", provider="odoo", attributes={"model": "ir.module.module"}).tier is Tier.LOW


def test_a_destructive_method_is_tier_3() -> None:
    verdict = judge("odoo:call", provider="odoo", attributes={"model": "res.partner", "method": "unlink"})
    assert verdict.deciding.rule == "destructive-method"


@pytest.mark.parametrize(("records", "tier"), [(None, 1), (0, 1), (1, 1), (100, 1), (101, 3), (10**9, 3)])
def test_more_than_a_hundred_records_are_tier_3(records: int | None, tier: int) -> None:
    verdict = judge("data:write", records=records)
    assert verdict.tier == tier
    if tier == Tier.HIGH:
        assert verdict.deciding.rule == "bulk"
        assert verdict.deciding.reason == f"touches {records} records, more than 100"


def test_reading_many_records_is_still_a_read_and_code_of_unknown_effect_is_none() -> None:
    assert judge("data:read", records=1_000_000).tier is Tier.MINIMAL
    assert judge("task:execute", records=101).tier is Tier.HIGH
    assert judge("task:execute", records=100).tier is Tier.MINIMAL


@pytest.mark.parametrize(
    ("action", "changes"),
    [
        ("payment:create", {}),
        ("payment:refund", {}),
        ("accounting:post", {}),
        ("http:post", {"provider": "stripe"}),
        ("odoo:update", {"provider": "odoo", "attributes": {"model": "account.move", "values": {"state": "posted"}}}),
        ("odoo:call", {"provider": "odoo", "attributes": {"model": "account.move", "method": "action_post"}}),
    ],
)
@pytest.mark.covers("S5-21")
def test_accounting_and_payment_mutations_are_tier_3(action: str, changes: dict[str, Any]) -> None:
    verdict = judge(action, **changes)
    assert verdict.tier is Tier.HIGH
    assert verdict.deciding.rule == "accounting-mutation"


@pytest.mark.covers("S5-21")
def test_looking_at_payments_is_no_mutation() -> None:
    assert judge("payment:list").tier is Tier.MINIMAL
    assert judge("http:get", provider="stripe").tier is Tier.MINIMAL


@pytest.mark.parametrize("environment", ["development", "production"])
def test_asking_a_model_and_reading_a_secret_are_tier_1(environment: str) -> None:
    assert judge("model:invoke", environment=environment).deciding.rule == "model-call"
    assert judge("secret:read", environment=environment).deciding.rule == "secret-read"
    assert judge("secret:read", environment=environment).tier is Tier.LOW


def test_a_declared_tier_raises() -> None:
    verdict = judge(declared=Tier.HIGH)
    assert verdict.tier is Tier.HIGH
    assert (verdict.deciding.rule, verdict.deciding.reason) == ("declared", "declared as tier 3")


def test_a_declared_tier_never_lowers() -> None:
    verdict = judge("data:delete", declared=Tier.MINIMAL)
    assert verdict.tier is Tier.HIGH
    assert [finding.rule for finding in verdict.findings] == ["destructive-action", "write", "declared", "baseline"]


facts = st.builds(
    TierFacts,
    action=st.sampled_from(ACTIONS) | st.text(max_size=8),
    provider=st.sampled_from(PROVIDERS),
    resource=st.sampled_from(["task://a/b", "odoo://acme/account.move", "s3://x"]),
    name=st.sampled_from(["work", "drop_table", "backdrop"]),
    environment=st.sampled_from(["production", "dev"]),
    records=st.none() | st.integers(0, 200),
    declared=st.none() | st.sampled_from(Tier),
    attributes=st.dictionaries(
        st.sampled_from(["model", "method", "type", "values"]),
        st.sampled_from(["account.move", "unlink", "A", None, 1, {"state": "posted"}]),
    ),
)


@given(facts)
def test_findings_stand_strongest_first_and_the_first_is_the_tier(given_facts: TierFacts) -> None:
    verdict = RULES.judge(given_facts)
    tiers = [finding.tier for finding in verdict.findings]
    assert tiers == sorted(tiers, reverse=True)
    assert verdict.tier == max(tiers) >= (given_facts.declared or 0)
    assert verdict.findings[-1].rule == "baseline"
    assert all(finding.rule and finding.reason for finding in verdict.findings)


@given(facts)
def test_what_was_judged_before_does_not_matter(given_facts: TierFacts) -> None:
    """The memo of call sites changes nothing."""
    fresh = pickle.loads(pickle.dumps(RULES))
    assert fresh.judge(given_facts) == RULES.judge(given_facts)


@given(facts)
def test_attributes_that_are_not_read_change_nothing(given_facts: TierFacts) -> None:
    read = RULES.reads_of(given_facts)
    assert read <= RULES.reads
    kept = {
        name: value for name, value in given_facts.attributes.items() if name in {p.partition(".")[0] for p in read}
    }
    bare = TierFacts(
        given_facts.action,
        given_facts.provider,
        given_facts.resource,
        given_facts.name,
        given_facts.environment,
        given_facts.records,
        given_facts.declared,
        kept,
    )
    assert RULES.judge(bare) == RULES.judge(given_facts)


def test_the_parameters_of_an_ordinary_task_are_not_read() -> None:
    """A task that is given an open session or a fitted model is judged without looking at it."""
    for action in ("task:execute", "data:write", "data:delete", "file:read"):
        assert RULES.reads_of(TierFacts(action, "duckdb", "task://a", "fit", "production")) == frozenset()
    assert RULES.reads_of(TierFacts("odoo:update", "odoo", "x", "fit", "dev")) == {"model", "values.state", "method"}


@pytest.mark.covers("S5-10")
def test_ten_thousand_repeats_are_equal_and_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a judgement opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    one = TierFacts(
        "odoo:update", "odoo", "odoo://acme/{m}", "work", "production", 101, None, {"model": "account.move"}
    )
    first = RULES.judge(one)
    assert {pickle.dumps(RULES.judge(one)) for _ in range(10_000)} == {pickle.dumps(first)}


def test_every_action_that_ships_has_a_tier_that_fits_its_verb() -> None:
    for action in ACTIONS:
        verb = action.partition(":")[2]
        if verb in ("delete", "destroy", "drop", "truncate", "purge", "unlink", "uninstall"):
            assert judge(action).tier is Tier.HIGH, action
        if verb in ("read", "list", "get", "head", "query", "search") and not action.startswith("secret:"):
            assert judge(action, environment="production").tier is Tier.MINIMAL, action


def test_an_unknown_verb_counts_as_a_write() -> None:
    assert judge("crm:frobnicate").tier is Tier.LOW
    assert judge("read", environment="production").tier is Tier.MEDIUM


def test_many_sites_do_not_fill_memory() -> None:
    rules = pickle.loads(pickle.dumps(RULES))
    for number in range(5000):
        rules.judge(TierFacts("data:write", "duckdb", f"dataset://{number}", "work", "production"))
    assert len(rules._memo) <= 4096


def test_attributes_may_be_any_mapping() -> None:
    attributes = MappingProxyType({"model": "account.move", "values": MappingProxyType({"state": "posted"})})
    assert judge("odoo:update", provider="odoo", attributes=attributes).tier is Tier.HIGH
