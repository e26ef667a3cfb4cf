"""Packs as a file takes them up: in one line, with limits, several at once, and what is said when they do not fit."""

from __future__ import annotations

import pytest

from govflow.errors import PolicyError
from govflow.ir.actions import ACTIONS
from govflow.policy.attributes import lookup, tenant_of
from govflow.policy.document import PolicyDocument, load_policy
from govflow.policy.engine import Engine
from govflow.policy.memo import Memo
from govflow.policy.model import Effect
from govflow.policy.packs import LIMITS, pack_names, pack_text
from govflow.policy.yaml_reader import read_yaml
from govflow.tiers import TierFacts, TierRules
from tests.policy.build import request

BANDS = {
    "security": ((1, 10), True),
    "compliance": ((11, 30), False),
    "cost": ((31, 50), False),
    "approvals": ((51, 70), False),
    "access": ((71, 100), False),
    "permissive": ((101, 2147483647), False),
}


def loaded(*imports: str, policy: str = "{name: acme}", **others: str) -> PolicyDocument:
    """A file of just these imports; other files by name, without ``.yaml``."""

    def importer(name: str, where: str) -> tuple[str, str]:
        return name, others[name.removesuffix(".yaml")]

    text = f"version: 1\nimports: [{', '.join(map(repr, imports))}]\npolicy: {policy}"
    return load_policy(text, "policy.yaml", importer=importer if others else None)


def refused(*imports: str, **more: str) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        loaded(*imports, **more)
    assert caught.value.mend
    return caught.value


def pack(name: str) -> PolicyDocument:
    return loaded(f"pack:{name}")


def names(document: PolicyDocument) -> list[str]:
    return [rule.name for rule in document.policy.rules]


@pytest.mark.covers("S2-041", "S2-078")
@pytest.mark.parametrize("name", pack_names())
def test_one_line_turns_a_pack_on(name: str) -> None:
    """In a text without any reader of files: packs come with the package."""
    document = pack(name)
    assert any(rule.startswith(f"{name}.") for rule in names(document))
    assert Engine(document).decide(request()).policy_digest == document.digest


def test_the_packs_that_ship() -> None:
    assert {"gdpr", "hipaa", "pci-dss", "soc2", "iso27001"} < set(pack_names())
    wanted = {"enterprise", "security-hardening", "tenant-isolation", "budgets", "production-changes", "data-residency"}
    assert wanted < set(pack_names())


@pytest.mark.parametrize("name", pack_names())
def test_a_pack_is_an_ordinary_file_whose_rules_carry_its_name(name: str) -> None:
    """And a priority of the band that all packs mean by that name."""
    sections, _ = read_yaml(pack_text(name), name)
    assert isinstance(sections, dict)
    assert sections["policy"]["name"] == name
    assert all(line.startswith("pack:") for line in sections.get("imports", ()))
    assert not {"default", "combining"} & sections["policy"].keys(), "they are the importing file's"
    bands = {
        key: (tuple(band["priorities"]), band.get("security", False))
        for key, band in sections["policy"]["bands"].items()
    }
    assert bands.items() <= BANDS.items()
    for rule in sections["policy"]["rules"]:
        assert rule["name"].startswith(f"{name}.")
        assert rule["description"].endswith(".")
        inside = [band for band, ((low, high), _) in bands.items() if low <= rule["priority"] <= high]
        assert len(inside) == 1, "each rule stands in a band that its file names"
        assert rule["effect"] != "allow" or rule["priority"] > 70, "nothing is allowed before people were asked"


@pytest.mark.covers("S2-086")
def test_all_packs_work_together() -> None:
    document = loaded(*(f"pack:{name}" for name in pack_names()))
    assert len(names(document)) == len(set(names(document)))
    assert set(names(document)) == {rule for name in pack_names() for rule in names(pack(name))}
    engine = Engine(document)
    assert engine.decide(request("tool:execute", "tool://eval")).rule.endswith(("code-execution", "cross-tenant"))


def test_no_rule_of_one_pack_repeats_one_of_another() -> None:
    """What two packs share stands in a pack that both import, so nothing is dead behind its double."""
    seen: dict[str, str] = {}
    for rule in loaded(*(f"pack:{name}" for name in pack_names())).policy.rules:
        said = rule.model_copy(update={"name": "x", "description": "", "priority": 0, "stride": (), "compliance": ()})
        assert seen.setdefault(said.model_dump_json(), rule.name) == rule.name


@pytest.mark.covers("S2-086")
@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (
            "{name: acme, bands: {security: {priorities: [1, 5], security: true}}}",
            "policy.bands.security: an imported file says otherwise of 'security'",
        ),
        (
            "{name: acme, bands: {mine: {priorities: [5, 40]}}}",
            "bands.mine.priorities: the band 'security' has some of",
        ),
        ("{name: acme, combining: deny_overrides}", "combines by deny_overrides"),
        (
            "{name: acme, rules: [{name: enterprise.admins, effect: allow}]}",
            "policy.rules[0].name: pack:enterprise has one that is named 'enterprise.admins' too",
        ),
    ],
)
def test_priorities_and_names_that_clash_are_reported(policy: str, says: str) -> None:
    assert says in refused("pack:enterprise", policy=policy).message


@pytest.mark.parametrize(
    ("imports", "says", "mend"),
    [
        (["pack:enterprse"], "policy.yaml:2: imports[0]: 'pack:enterprse' cannot be imported: there", "'enterprise'"),
        (["pack:"], "there is no pack ''", "Use one of: budgets"),
        (["pack:../starter"], "there is no pack '../starter'", "Use one of"),
        (["pack:budgets?"], "'' sets no limit", "pack:budgets?LIMIT=VALUE"),
        (["pack:budgets?approve_above"], "'approve_above' sets no limit", "LIMIT=VALUE"),
        (["pack:budgets?approve_above=1&approve_above=2"], "'approve_above' is set twice", "Remove one"),
        (["pack:budgets?approve_abov=1"], "has no limit 'approve_abov'", "'approve_above'"),
        (["pack:hipaa?x=1"], "pack:hipaa has no limit 'x'", "rule of your own"),
        (["pack:budgets?approve_above=five"], "imports[0]: approve_above=five is not a number", "approve_above=20"),
        (["pack:budgets?approve_above=-1"], "is not a number", "not negative"),
        (["pack:budgets?approve_above=1e9"], "is not a number", ""),
        (["pack:budgets?approve_above=nan"], "is not a number", ""),
        (["pack:budgets?approve_above=1_000"], "is not a number", ""),
        (["pack:budgets?approve_above=1."], "is not a number", ""),
        (["pack:budgets?approve_above=٣"], "is not a number", ""),
        (["pack:budgets?approve_above=9999999999999999"], "is not a number", ""),
        (["pack:data-residency?regions=eu-west-1,,x"], "empty word", "regions=ONE,TWO"),
        (
            ["pack:budgets?approve_above=1", "pack:budgets?approve_above=2"],
            "imports[1]: 'pack:budgets?approve_above=2' cannot be imported: policy.yaml sets other limits",
            "once",
        ),
    ],
)  # fmt: skip
def test_an_import_that_cannot_be_meant_is_refused(imports: list[str], says: str, mend: str) -> None:
    error = refused(*imports)
    assert says in error.message
    assert mend in error.mend


@pytest.mark.parametrize(("name", "limit"), [(pack, limit) for pack, limits in LIMITS.items() for limit in limits])
def test_every_limit_is_there_and_can_be_set(name: str, limit: str) -> None:
    told = LIMITS[name][limit]
    before = told.default(pack(name).policy)
    value, wanted = ("a,b", ["a", "b"]) if isinstance(before, list) else ("7", 7)
    document = loaded(f"pack:{name}?{limit}={value}")
    assert told.default(document.policy) == wanted != before
    assert document.digest != pack(name).digest
    changed = {a.name for a, b in zip(document.policy.rules, pack(name).policy.rules, strict=True) if a != b}
    assert changed == {told.rule}


def test_a_limit_set_to_what_it_was_changes_nothing() -> None:
    assert loaded("pack:production-changes?records=100").digest == loaded("pack:production-changes").digest


def test_a_limit_holds_for_a_pack_that_another_pack_imports() -> None:
    limits = "pack:production-changes?records=500"
    for order in (["pack:enterprise", limits], [limits, "pack:enterprise"]):
        document = loaded(*order)
        assert LIMITS["production-changes"]["records"].default(document.policy) == 500
        assert names(document).count("production-changes.bulk-deletion") == 1


def test_an_imported_file_may_import_packs() -> None:
    company = "version: 1\nimports: ['pack:budgets?approve_above=20']\npolicy: {name: company}"
    document = loaded("company.yaml", "pack:budgets", company=company)
    assert LIMITS["budgets"]["approve_above"].default(document.policy) == 20
    error = refused("company.yaml", "pack:budgets?approve_above=50", company=company)
    assert "policy.yaml:2: imports[1]" in error.message and "company.yaml sets other limits" in error.message


def test_a_wrong_type_is_found_in_the_pack_as_in_any_file() -> None:
    attributes = "{name: acme}\nattributes: {budget.left: string}"
    assert (
        "attributes[budget.left]: an imported file says otherwise"
        in refused("pack:enterprise", policy=attributes).message
    )


@pytest.mark.parametrize("name", ["production-changes", "iso27001"])
def test_a_change_is_what_the_tier_rules_take_for_one(name: str) -> None:
    engine, tiers = Engine(loaded(f"pack:{name}", policy="{name: acme, default: allow}")), TierRules.default()
    for action in [*ACTIONS, "crm:merge"]:
        facts = TierFacts(action=action, provider="python", resource="x://y", name="step", environment="production")
        writes = any(finding.rule == "production-write" for finding in tiers.judge(facts).findings)
        known = {"run": {"production": False}, "step": {"records": 1}}
        stopped = engine.decide(request(action, "x://production/y", **known)).effect is not Effect.ALLOW
        assert stopped is writes, action


@pytest.mark.parametrize("name", ["enterprise", "tenant-isolation"])
@pytest.mark.parametrize("default", ["deny", "allow", "require_approval"])
def test_a_pack_that_closes_does_so_whatever_the_default_of_the_file(name: str, default: str) -> None:
    own = "{name: mine, effect: allow, actions: ['email:send']}"
    engine = Engine(loaded(f"pack:{name}", policy=f"{{name: acme, default: {default}, rules: [{own}]}}"))
    well = {"run": {"tenant": "acme", "production": False, "environment": "staging"}, "budget": {"left": 1}}
    assert engine.decide(request("payment:create", "stripe://acme/x", **well)).rule == "closed.everything-else"
    assert engine.decide(request("email:send", "email://acme/x", **well)).rule == "mine"


@pytest.mark.parametrize("priority", [0, 1, 5, 50])
def test_no_rule_of_a_file_opens_what_isolation_closes(priority: int) -> None:
    rules = f"{{name: acme, rules: [{{name: open, effect: allow, priority: {priority}}}]}}"
    engine = Engine(loaded("pack:tenant-isolation", policy=rules))
    run = {"tenant": "acme"}
    assert engine.decide(request("data:read", "dataset://umbrella/x", run=run)).rule == "tenant-isolation.cross-tenant"
    assert engine.decide(request("data:read", "dataset://acme/x", run=run)).rule == "open"


def test_rules_of_a_file_come_before_the_leave_that_isolation_gives() -> None:
    rules = "{name: acme, rules: [{name: mine, effect: deny, actions: ['data:drop']}]}"
    engine = Engine(loaded("pack:tenant-isolation", policy=rules))
    known = {"run": {"tenant": "acme"}, "subject": {"tenant_verified": True}}
    assert engine.decide(request("data:drop", "dataset://acme/x", **known)).rule == "mine"
    assert engine.decide(request("data:write", "dataset://acme/x", **known)).rule == "tenant-isolation.same-tenant"


@pytest.mark.covers("S2-045")
@pytest.mark.parametrize(
    ("resource", "tenant"),
    [
        ("dataset://acme/sales", "acme"),
        ("graph://acme/workflows/prod", "acme"),
        ("model://acme/m", "acme"),
        ("dataset://acme", "acme"),
        ("sales.csv", None),
        ("file:///etc/hosts", None),
        ("://acme/x", None),
        ("", None),
        ("acme/x", None),
        ("/acme/x", None),
        ("mailto:acme", None),
    ],
)
def test_a_resource_says_whose_it_is(resource: str, tenant: str | None) -> None:
    assert tenant_of(resource) == tenant


@pytest.mark.parametrize(
    ("own", "resource", "answer"),
    [
        ("acme", "dataset://acme/x", True),
        ("acme", "dataset://ACME/x", False),
        ("acme", "https://acme@evil.example/x", False),
        ("acme", "dataset://umbrella/acme", False),
        ("acme", "sales.csv", False),
        (None, "dataset://acme/x", None),
    ],
)
def test_a_resource_of_the_run_s_own_tenant(own: str | None, resource: str, answer: bool | None) -> None:
    asked = request("data:read", resource, run={"tenant": own})
    assert lookup(asked, "resource.same_tenant", resource) is answer


@pytest.mark.parametrize("resource", ["dataset://{?}/x", "{?}://acme/x", "dataset://ac{?}/x"])
def test_a_tenant_that_is_only_partly_known_is_denied(resource: str) -> None:
    known = {"run": {"tenant": "acme"}, "subject": {"tenant_verified": True}}
    assert Engine(pack("tenant-isolation")).decide(request("data:read", resource, **known)).effect is Effect.DENY


def test_what_is_remembered_of_one_tenant_is_not_told_another() -> None:
    memo = Memo(Engine(pack("tenant-isolation")))
    for tenant in ("acme", "umbrella", "acme"):
        known = {"run": {"tenant": tenant}, "subject": {"tenant_verified": True}}
        decision = memo.decide(request("data:read", "dataset://acme/x", **known))
        assert decision.effect is (Effect.ALLOW if tenant == "acme" else Effect.DENY)
