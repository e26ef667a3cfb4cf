"""Cedar: what goes out comes back, what cannot be said is refused with its place, and its engine fails closed."""

from __future__ import annotations

import sys
from random import Random
from typing import Any

import cedarpy
import pytest

from govflow.errors import PolicyError
from govflow.policy import Combining, Effect, Engine, PolicyDocument, PolicyEngine, PolicyRequest, load_policy
from govflow.policy.cedar import CedarEngine, export_cedar, import_cedar
from govflow.policy.cedar.asking import asked as put
from govflow.policy.cedar.library import lines
from govflow.policy.globs import NoNormalForm, normal_resource
from tests.policy.build import document, request
from tests.policy.test_cedar_differential import TYPES, drawn_three, well_typed

FILE = """
version: 1
policy:
  name: acme
  rules:
    - name: bulk
      description: Deleting "much" needs two.
      effect: require_approval
      actions: ["data:delete", "data:drop"]
      resources: ["dataset://acme/*"]
      subjects: ["role:developer", "user:bob"]
      conditions: {step.records: {gt: 100}, run.flow: {not_any_of: [a, b]}}
      priority: 10
      approval: two
      obligations: [log]
      stride: [tampering]
    - {name: reads, effect: allow, actions: ["data:*"], conditions: {run.environment: {equals: staging}}}
approvals:
  two: {required: 2}
"""


BANDS = """
version: 1
policy:
  name: t
  bands: {safety: {priorities: [5, 9], security: true}}
  rules:
    - {name: all, effect: allow, priority: 1}
    - {name: never, effect: deny, actions: ["data:delete"], priority: 5}
"""


def loaded(rules: str, **more: str) -> PolicyDocument:
    sections = "".join(f"\n{name}: {text}" for name, text in more.items())
    return load_policy(f"version: 1\npolicy:\n  name: t\n  rules:\n    - {rules}{sections}\n", "policy.yaml")


def problems(refused: PolicyError) -> list[dict[str, str]]:
    found: Any = refused.details["problems"]
    return list(found)


def imported(text: str) -> dict[str, Any]:
    rule = import_cedar(text, "p.cedar").policy.rules[0]
    return rule.model_dump(mode="json", exclude_defaults=True, exclude={"name", "effect"})


def test_a_policy_goes_out_and_comes_back_as_it_was() -> None:
    document = load_policy(FILE, "policy.yaml")
    back = import_cedar(
        export_cedar(document), name="acme", combining=Combining.FIRST_MATCH, sections={"approvals": document.approvals}
    )
    assert back.policy == document.policy.model_copy(update={"rules": back.policy.rules})
    mine, theirs = document.policy.rules, back.policy.rules
    for one, other in zip(mine, theirs, strict=True):
        assert one.model_dump(exclude={"conditions"}) == other.model_dump(exclude={"conditions"})
    assert theirs[1].conditions == mine[1].conditions
    assert theirs[0].conditions["step.records"] == {"gt": 100}


def test_what_comes_back_decides_as_what_went_out() -> None:
    back_again = 0
    for seed in range(40):
        random = Random(seed)
        three = drawn_three(random, most=5)
        standing = document(three.policy, TYPES)
        sections = {"attributes": TYPES, "actions": standing.actions}
        try:
            back = Engine(import_cedar(export_cedar(standing), combining=three.policy.combining, sections=sections))
        except PolicyError as refused:  # a condition on `action` comes back as a list of actions, which must be known
            if "unknown action" not in refused.message and "never matches" not in refused.message:
                raise
            continue
        back_again += 1
        for _ in range(10):
            asked = well_typed(random)
            one, other = three.ours.decide(asked), back.decide(asked)
            assert (one.effect, one.rule, one.rules) == (other.effect, other.rule, other.rules), (three.policy, asked)
            assert one.obligations == other.obligations
    assert back_again > 25


def test_an_engine_that_knows_nothing_of_our_annotations_is_never_laxer() -> None:
    random = Random(3)
    permitted = 0
    for _ in range(60):
        three = drawn_three(random)
        if three.policy.default_effect is not Effect.DENY:
            continue
        text = cedarpy.PolicySet.from_str(export_cedar(document(three.policy, TYPES)))
        for _ in range(20):
            asked = well_typed(random)
            try:
                resource = normal_resource(asked.resource)
            except NoNormalForm:
                continue
            question, entities = put(asked, resource, three.cedar._reads, three.cedar._schema)
            if cedarpy.is_authorized(question, text, entities).allowed:
                permitted += 1
                assert three.ours.decide(asked).effect is Effect.ALLOW
    assert permitted > 20


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ("{name: r, effect: deny, conditions: {run.flow: {matches: '^a$'}}}", "conditions[run.flow].matches"),
        ("{name: r, effect: deny, conditions: {run.flow: {cidr: '10.0.0.0/8'}}}", "conditions[run.flow].cidr"),
        ("{name: r, effect: deny, conditions: {any: [{run.flow: {glob: 'a?'}}]}}", "conditions.any[0][run.flow].glob"),
        ("{name: r, effect: deny, conditions: {parameters.x: {gt: 1.5}}}", "conditions[parameters.x].gt"),
        ("{name: r, effect: deny, conditions: {parameters.x: {contains: a}}}", "conditions[parameters.x].contains"),
        ("{name: r, effect: deny, conditions: {parameters.x: {before: 2027-01-01}}}", "[parameters.x].before"),
        ("{name: r, effect: deny, resources: ['s3://[ab]/*']}", "policy.rules[0].resources[0]"),
        ("{name: r, effect: deny, actions: ['data:?ead']}", "policy.rules[0].actions[0]"),
        ("{name: r, effect: deny, rollout: {percent: 5, by: run.flow}}", "policy.rules[0].rollout"),
    ],
)  # fmt: skip
def test_what_cedar_cannot_say_is_refused_with_its_place(rules: str, place: str) -> None:
    with pytest.raises(PolicyError) as refused:
        export_cedar(loaded(rules))
    assert problems(refused.value)[0]["field"].endswith(place)
    assert refused.value.mend


def test_all_that_cannot_be_said_is_told_at_once() -> None:
    document = loaded("{name: r, effect: deny, resources: ['a?', 'b?'], conditions: {run.flow: {matches: '^a$'}}}")
    with pytest.raises(PolicyError) as refused:
        export_cedar(document)
    assert len(problems(refused.value)) == 3
    assert "3 thing(s)" in refused.value.message


def test_exceptions_and_other_defaults_are_refused() -> None:
    for policy in (
        "{name: t, rules: [{name: r, effect: deny, level: soft-mandatory}], exceptions: "
        "[{name: e, rule: r, owner: carol, ticket: T, expires: 2027-01-01}]}",
        "{name: t, default: allow, combining: permit_overrides}",
        "{name: t, default: require_approval, combining: deny_overrides}",
    ):
        with pytest.raises(PolicyError, match="cannot be said"):
            export_cedar(load_policy(f"version: 1\npolicy: {policy}", "p.yaml"))


def test_a_rule_that_never_decides_is_left_out_and_named() -> None:
    text = export_cedar(loaded("{name: quiet, effect: deny, mode: shadow}"))
    assert "Left out, since it never decides: quiet." in text
    assert "forbid (" not in text


def test_text_of_a_policy_cannot_break_out_of_its_place() -> None:
    name = 'a"); permit(principal, action, resource); //\n*'
    document = load_policy(
        "version: 1\npolicy: " + __import__("json").dumps(
            {"name": name, "rules": [{"name": "r", "effect": "deny", "description": name,
                                      "conditions": {"run.flow": {"equals": name}}}]}), "p.yaml"
    )  # fmt: skip
    text = export_cedar(document)
    cedar = CedarEngine(text)
    assert cedar.decide(request(run={"flow": name})).rule == "r"
    assert cedar.decide(request(run={"flow": "b"})).rule == "default"
    assert len(import_cedar(text, sections={}).policy.rules) == 1


def test_a_security_band_goes_with_its_rules() -> None:
    text = export_cedar(load_policy(BANDS, "p.yaml"))
    cedar = CedarEngine(text, combining=Combining.FIRST_MATCH)
    assert cedar.decide(request("data:delete")).rule == "never"
    assert cedar.decide(request("data:read")).rule == "all"
    back = import_cedar(text, combining=Combining.FIRST_MATCH)
    assert Engine(back).decide(request("data:delete")).rule == "never"
    mixed = text + '@priority("5") forbid (principal, action, resource) when { context.run.production };'
    with pytest.raises(PolicyError, match="is not in it"):
        import_cedar(mixed, combining=Combining.FIRST_MATCH)


# What comes from Cedar.


@pytest.mark.parametrize(
    ("clause", "conditions"),
    [
        ('when { context.run.flow == "a" }', {"run.flow": {"equals": "a"}}),
        ('when { "a" != context.run.flow }', {"run.flow": {"not_equals": "a"}}),
        ('when { context.run.flow like "a*" }', {"run.flow": {"glob": "a*"}}),
        ('when { context.run.flow like "a\\*?" }', {"run.flow": {"equals": "a*?"}}),
        ('when { context.run.flow like "[x]?*" }', {"run.flow": {"glob": "[[]x][?]*"}}),
        ("when { 3 < context.step.tier }", {"step.tier": {"gt": 3}}),
        ("when { context.step.tier >= 1 && context.step.tier <= 3 }", {"step.tier": {"gte": 1, "lte": 3}}),
        ("when { context.run.production }", {"run.production": {"equals": True}}),
        ("unless { context.run.production }", {"not": {"run.production": {"equals": True}}}),
        ('when { principal.roles.contains("dev") }', {"subject.roles": {"contains": "dev"}}),
        ('when { principal.roles.containsAny(["a", "b"]) }', {"subject.roles": {"any_of": ["a", "b"]}}),
        ('when { ["a", "b"].contains(context.run.flow) }', {"run.flow": {"any_of": ["a", "b"]}}),
        ('when { context.run.time < datetime("2027-01-01") }', {"run.time": {"before": "2027-01-01"}}),
        ('when { context.run.time >= datetime("2027-01-01") }', {"not": {"run.time": {"before": "2027-01-01"}}}),
        ('when { !(context has run) || !(context.run has flow) || context.run.flow == "a" }', None),
        ('when { !(context has run && context.run has flow) || context.run.flow == "a" }',
         {"run.flow": {"equals": "a"}}),
        ('when { !(context has run.flow) || context.run.flow == "a" }', {"run.flow": {"equals": "a"}}),
        ('when { context.run.flow == "a" || context.step.tier == 1 }',
         {"any": [{"run.flow": {"equals": "a"}}, {"step.tier": {"equals": 1}}]}),
        ('when { context.run.flow == "a" } when { context.run.flow == "b" }',
         {"run.flow": {"equals": "a"}, "all": [{"run.flow": {"equals": "b"}}]}),
        ("when { true }", {}),
    ],
)  # fmt: skip
def test_clauses_become_conditions(clause: str, conditions: dict[str, Any] | None) -> None:
    text = f"forbid (principal, action, resource) {clause};"
    if conditions is None:
        with pytest.raises(PolicyError, match="unknown attribute"):  # `run` alone is no attribute
            imported(text)
        return
    assert imported(text).get("conditions", {}) == conditions


def test_scopes_become_actions_resources_and_subjects() -> None:
    text = """
    permit (principal in Role::"dev", action in [Action::"data:read", Action::"data:write"], resource is Resource)
    when { resource.name like "dataset://acme/*" || resource.name like "s3://b/*" };
    permit (principal == User::"bob", action == Action::"data:read", resource == Resource::"s3://b/[x]");
    """
    rules = import_cedar(text).policy.rules
    assert rules[0].subjects == ("role:dev",)
    assert rules[0].actions == ("data:read", "data:write")
    assert rules[0].resources == ("dataset://acme/*", "s3://b/*")
    assert (rules[1].subjects, rules[1].resources) == (("user:bob",), ("s3://b/[[]x]",))


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ('permit (principal, action, resource) when { if context.a.b then true else false };', "no rule can say"),
        ('permit (principal, action, resource) when { context.run.flow == context.run.tenant };', "no rule can say"),
        ('permit (principal, action, resource) when { false };', "no rule can say"),
        ('permit (principal, action, resource) unless { true };', "never applies"),
        ('permit (principal, action, resource) when { context.step.tier + 1 > 2 };', "no rule can say"),
        ('permit (principal, action, resource) when { ip(context.run.flow).isLoopback() };', "no rule can say"),
        ('permit (principal, action, resource) when { principal.roles.containsAll(["a"]) };', "no rule can say"),
        ('permit (principal in Squad::"x", action, resource);', "nobody is in a Squad"),
        ('permit (principal is Robot, action, resource);', "principal is none of ours"),
        ('permit (principal, action, resource in Folder::"x");', "resource is none of ours"),
        ('permit (principal, action, resource == File::"x");', "File stands where"),
        ('permit (principal in Role::"a", action, resource) when { principal in Role::"b" };', "two places"),
        ('permit (principal, action, resource) when { principal in Role::"b" || context.run.production };', "beside"),
        ('permit (principal, action, resource) when { !(principal in Role::"b") };', "no rule can say"),
        ('permit (principal, action == Action::"data:raed", resource);', "unknown action"),
        ('permit (principal, action, resource) when { context.run.flwo == "a" };', "unknown attribute"),
        ('permit (principal, action, resource) when { context.step.tier like "a" };', "whole number|a number"),
        ('forbid (principal, action, resource) when { context has run.flow && context.run.flow == "a" };', "exists"),
        ('permit (principal, action, resource) unless { context has run.flow };', "exists"),
        ('@priority("x") permit (principal, action, resource);', "@priority"),
        ('@effect("deny") permit (principal, action, resource);', "@effect"),
        ('@approval("two") @effect("require_approval") permit (principal, action, resource);', "no approval rule"),
        ('permit (principal == ?principal, action, resource);', "templates"),
        ('permit (principal, action', "not Cedar policies"),
    ],
)  # fmt: skip
def test_what_no_rule_can_hold_is_refused_with_its_line(policy: str, said: str) -> None:
    text = f'// one; two\n@description("a;b")\nforbid (principal, action, resource); // "\n\n{policy}\n'
    with pytest.raises(PolicyError, match=said) as refused:
        import_cedar(text, "p.cedar")
    placed = "templates" not in said and "not Cedar" not in said
    assert refused.value.message.startswith("p.cedar:5: " if placed else "p.cedar: ")


def test_annotations_say_what_cedar_cannot() -> None:
    text = """
    @id("ask") @effect("require_approval") @priority("7") @description("why") @obligations("[\\"log\\"]") @other("x")
    permit (principal, action, resource);
    """
    rule = import_cedar(text).policy.rules[0]
    assert (rule.name, rule.effect, rule.priority, rule.description) == ("ask", Effect.REQUIRE_APPROVAL, 7, "why")
    assert rule.obligations == ("log",)


def test_the_line_of_a_policy_is_that_of_its_first_word() -> None:
    assert lines(
        '// a\n\npermit(principal,action,resource);forbid(principal,action,resource);\n@id("x;\\"y\n")\n\npermit'
    ) == [3, 3, 4]


# Its engine.


def engine(text: str, **fields: Any) -> PolicyEngine:
    return CedarEngine(text, **fields)


def test_cedar_decides_as_cedar_does_with_approval_between() -> None:
    standing = engine(
        """
        @id("reads") permit (principal in Role::"dev", action == Action::"data:read", resource);
        @id("asks") @effect("require_approval") permit (principal, action, resource) when { context.step.tier >= 2 };
        @id("never") forbid (principal, action, resource) when { resource.name like "*phi*" };
        """
    )
    dev = request("data:read", "s3://b/x", "role:dev", step={"tier": 1})
    assert standing.decide(dev).effect is Effect.ALLOW
    asked = standing.decide(request("data:read", "s3://b/x", "role:dev", step={"tier": 2}))
    assert (asked.effect, asked.rule, asked.rules) == (Effect.REQUIRE_APPROVAL, "asks", ("asks", "reads"))
    assert standing.decide(request("data:read", "s3://phi/x", "role:dev", step={"tier": 2})).rule == "never"
    assert standing.decide(request("data:write", "s3://b/x", "role:dev", step={"tier": 1})).rule == "default"
    assert standing.footprint == {"step.tier", "resource"}


def test_a_forbid_that_cannot_be_evaluated_denies_and_a_permit_that_misses_something_is_not_met() -> None:
    permit = '@id("p") permit (principal, action, resource) when { context.run.flow == "a" };'
    forbid = '@id("f") forbid (principal, action, resource) when { context.run.tenant == "x" };'
    allow = '@id("a") permit (principal, action, resource);'
    assert engine(permit + allow).decide(request()).rule == "a"
    assert engine(forbid + allow).decide(request()).rule == "error"
    wrong = '@id("p") permit (principal, action, resource) when { context.step.tier > 1 };'
    decision = engine(wrong + allow).decide(request(step={"tier": "3"}))
    assert (decision.effect, decision.rule, decision.rules[-1]) == (Effect.DENY, "error", "error:p")


@pytest.mark.parametrize(
    "value",
    [1.5, 2**63, float("nan"), {"__entity": {"type": "Role", "id": "admin"}}, {"a": {"__extn": 1}}, [None], object()],
)  # fmt: skip
def test_a_value_that_cedar_does_not_have_denies_where_it_is_read(value: Any) -> None:
    allow = "permit (principal, action, resource) when { !(context has parameters.y) };"
    read = "permit (principal, action, resource) when { context.parameters.x == 1 };"
    asked = request(parameters={"x": value})
    assert engine(allow).decide(asked).effect is Effect.ALLOW
    decision = engine(allow + read).decide(asked)
    assert (decision.effect, decision.rule) == (Effect.DENY, "error")
    assert "admin" not in decision.reason


def test_a_resource_of_which_a_part_is_not_known_is_denied_where_policies_read_it() -> None:
    asked = request("data:read", "dataset://{?}/x")
    everything = "permit (principal, action, resource);"
    assert engine(everything).decide(asked).effect is Effect.ALLOW
    for read in ('resource.name like "*"', "resource has scheme", "resource == resource"):
        assert (
            engine(f"{everything} forbid (principal, action, resource) when {{ {read} }};").decide(asked).rule
            == "error"
        )
    assert engine(f'{everything} permit (principal, action, resource == Resource::"x");').decide(asked).rule == "error"


def test_a_broken_request_is_denied() -> None:
    standing = engine("permit (principal, action, resource);")
    assert standing.decide(PolicyRequest("user:a", "data:read", "p", "r", {})).rule == "error"  # type: ignore[arg-type]  # what must not break it
    assert standing.decide(request(resource="dataset://a/../../b")).rule == "error"
    assert standing.decide(PolicyRequest(frozenset(), "data:read", "p", "r", {"run": "x"})).effect is Effect.ALLOW


def test_the_digest_is_that_of_what_is_meant() -> None:
    one, other = "permit(principal, action, resource);", "// x\npermit  (principal,\naction, resource) ;"
    assert engine(one).digest == engine(other).digest
    assert engine(one).digest != engine(one, combining=Combining.FIRST_MATCH).digest
    assert engine(one).digest != engine(one.replace("permit", "forbid")).digest


@pytest.mark.parametrize(
    "text",
    [
        "permit (principal, action, resource) when { context == {a: 1} };",
        "permit",
        '@id("a") permit(principal, action, resource);' * 2,
    ],
)  # fmt: skip
def test_text_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        engine(text)


def test_presence_of_what_stands_before_an_attribute_is_told() -> None:
    standing = engine("permit (principal, action, resource) when { context has run && !(context.run has flow) };")
    assert standing.decide(request(run={"tenant": "a"})).effect is Effect.ALLOW
    assert standing.decide(request()).effect is Effect.DENY
    assert standing.decide(request(run={"flow": "a"})).effect is Effect.DENY


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cedarpy", None)
    for use in (
        lambda: engine("permit(principal, action, resource);"),
        lambda: import_cedar("x"),
        lambda: export_cedar(loaded("{name: r, effect: deny}")),
    ):
        with pytest.raises(PolicyError) as refused:
            use()
        assert refused.value.mend == "pip install 'govflow[cedar]'"
