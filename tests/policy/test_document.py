"""Policy files: what they may say, the errors of those that may not be used, and their digest."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from govflow.errors import PolicyError
from govflow.ir.vocabulary import Vocabulary
from govflow.policy.document import PolicyDocument, load_policy
from govflow.policy.engine import Engine
from govflow.policy.model import Effect
from govflow.policy.rules import Combining, Level, PolicyRule, PolicySet, RuleMode
from tests.policy.build import request

WHOLE = """
version: 1
policy:
  name: acme
  description: Everything that a file may hold.
  default: deny
  combining: first_match
  rules:
    - name: bulk-delete
      description: Deleting more than 100 records needs two people.
      effect: require_approval
      actions: ["data:delete", "ledger:*"]
      resources: ["dataset://acme/*"]
      subjects: ["role:developer", "user:alice"]
      conditions:
        step.records: {gt: 100}
        context.ticket: {exists: false}
      priority: 10
      approval: two
      obligations: [log]
      mode: enforce
      level: hard-mandatory
attributes: {context.ticket: string}
approvals:
  two: {required: 2, approvers: ["role:owner", "user:carol"], ttl_seconds: 600}
principals:
  alice: {roles: [developer]}
  bob: {roles: [owner]}
actions: ["ledger:post"]
providers: [netsuite]
tiers:
  - {name: ledger, tier: 3, actions: ["ledger:*"]}
"""

SMALL = """
version: 1
policy:
  name: small
  rules:
    - name: r
      effect: deny
"""


def small(**changes: Any) -> str:
    """SMALL with fields added to its one rule, in flow style."""
    return SMALL + "".join(f"      {name}: {value}\n" for name, value in changes.items())


def refused(text: str) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        load_policy(textwrap.dedent(text), "policy.yaml")
    assert caught.value.message.startswith("policy.yaml")
    assert caught.value.mend
    return caught.value


@pytest.mark.covers("S5-75")
def test_a_whole_file_is_read() -> None:
    document = load_policy(WHOLE, "policy.yaml")
    rule = document.policy.rules[0]
    assert rule.effect is Effect.REQUIRE_APPROVAL
    assert rule.conditions == {"step.records": {"gt": 100}, "context.ticket": {"exists": False}}
    assert document.approvals == {
        "two": {"required": 2, "approvers": ["role:owner", "user:carol"], "ttl_seconds": 600, "scope": "step"}
    }
    assert document.principals["bob"] == {"roles": ["owner"]}
    assert (document.actions, document.providers) == (("ledger:post",), ("netsuite",))
    assert document.tiers == ({"name": "ledger", "tier": 3, "actions": ["ledger:*"]},)
    asked = request("data:delete", "dataset://acme/x", "role:developer", step={"records": 101})
    assert Engine(document).decide(asked).approval == "two"


def test_python_builds_the_document_that_yaml_gives() -> None:
    policy = PolicySet(
        name="acme",
        description="Everything that a file may hold.",
        rules=[
            PolicyRule(
                name="bulk-delete",
                description="Deleting more than 100 records needs two people.",
                effect=Effect.REQUIRE_APPROVAL,
                actions=["data:delete", "ledger:*"],
                resources=("dataset://acme/*",),
                subjects=["role:developer", "user:alice"],
                conditions={"context.ticket": {"exists": False}, "step.records": {"gt": 100}},
                priority=10,
                approval="two",
                obligations=["log"],
            )
        ],
    )
    built = PolicyDocument.build(
        policy,
        attributes={"context.ticket": "string"},
        approvals={"two": {"approvers": ["role:owner", "user:carol"], "required": 2, "ttl_seconds": 600}},
        principals={"bob": {"roles": ["owner"]}, "alice": {"roles": ["developer"]}},
        actions=["ledger:post"],
        providers=["netsuite"],
        tiers=[{"tier": 3, "name": "ledger", "actions": ["ledger:*"]}],
    )
    assert built.digest == load_policy(WHOLE, "policy.yaml").digest


def test_noise_does_not_change_the_digest() -> None:
    noisy = """
    # A comment.
    policy:
      rules:
        - effect: "deny"
          priority: 100   # the default, spelled out
          name: 'r'
          actions:
            - "*"
          mode: enforce
      default: deny
      name: small
    version: 1
    approvals: {}
    """
    assert load_policy(textwrap.dedent(noisy), "other.yaml").digest == load_policy(SMALL, "policy.yaml").digest


@pytest.mark.parametrize(
    "changed",
    [
        SMALL.replace("deny", "allow"),
        SMALL.replace("name: r", "name: q"),
        small(priority=99),
        small(description="x"),
        small(conditions="{step.tier: {gte: 2}}"),
        SMALL + "approvals: {one: {}}\n",
        SMALL + "principals: {bob: {}}\n",
        SMALL + "actions: ['ledger:post']\n",
        SMALL + "tiers: [{a: 1}]\n",
        SMALL + "attributes: {context.x: int}\n",
    ],
)
def test_every_part_of_the_document_is_in_the_digest(changed: str) -> None:
    assert load_policy(changed, "policy.yaml").digest != load_policy(SMALL, "policy.yaml").digest


@pytest.mark.covers("S2-007")
@pytest.mark.parametrize(
    ("text", "line", "field", "says", "mend"),
    [
        (small(effct="deny"), 8, "policy.rules[0].effct", "unknown field", "'effect'"),
        (small(resorces="['*']"), 8, "policy.rules[0].resorces", "unknown field", "'resources'"),
        (SMALL + "aprovals: {}", 8, "aprovals", "unknown field", "'approvals'"),
        (SMALL.replace("rules:", "ruls:"), 5, "policy.ruls", "unknown field", "'rules'"),
        (SMALL + "approvals: {a: {require: 2}}", 8, "approvals.a.require", "unknown field", "'required'"),
        (SMALL + "principals: {a: {role: x}}", 8, "principals.a.role", "unknown field", "'roles'"),
        (SMALL.replace("deny", "dney"), 7, "policy.rules[0].effect", "not one of the words", "require_approval"),
        (small(mode="of"), 8, "policy.rules[0].mode", "not one of the words", "shadow"),
        (small(level="hard"), 8, "policy.rules[0].level", "not one of the words", "hard-mandatory"),
        (small(priority="'5'"), 8, "policy.rules[0].priority", "not a whole number", "whole number"),
        (small(priority="true"), 8, "policy.rules[0].priority", "not a whole number", "whole number"),
        (small(priority="-1"), 8, "policy.rules[0].priority", "too small", "larger"),
        (small(actions="data:*"), 8, "policy.rules[0].actions", "not a list", "[a, b]"),
        (small(actions="[]"), 8, "policy.rules[0].actions", "empty", "at least one"),
        (small(actions="['']"), 8, "policy.rules[0].actions[0]", "empty", "something"),
        (small(actions="['data:wirte']"), 8, "policy.rules[0].actions[0]", "unknown action", "'data:write'"),
        (small(actions="['dtaa:*']"), 8, "policy.rules[0].actions[0]", "unknown action", "actions:"),
        (small(resources="['a://b/../c']"), 8, "policy.rules[0].resources[0]", "never matches", "docs/policy.md"),
        (small(subjects="['rol:x']"), 8, "policy.rules[0].subjects[0]", "unknown kind", "'role'"),
        (small(subjects="[admin]"), 8, "policy.rules[0].subjects[0]", "not a selector", "user:NAME"),
        (small(subjects="['user:a*']"), 8, "policy.rules[0].subjects[0]", "names nobody", "user:"),
        (small(approval="two"), 8, "policy.rules[0].approval", "asks nobody", "require_approval"),
        (SMALL + "    - {name: r, effect: allow}", 8, "policy.rules[1].name", "two rules are named 'r'", "Rename"),
        (SMALL.replace("name: r", "name: error"), 6, "policy.rules[0].name", "decision without a rule", "Mend"),
        (SMALL.replace("name: r", "name: 'a b'"), 6, "policy.rules[0].name", "letters, digits", "Mend"),
        (SMALL.replace("version: 1", "version: 2"), 2, "version", "not one of the words", "1"),
        (SMALL.replace("version: 1", "version: true"), 2, "version", "not a whole number", "whole number"),
        (SMALL.replace("version: 1\n", ""), 2, "version", "missing", "Add"),
        (SMALL.replace("      effect: deny\n", ""), 6, "policy.rules[0].effect", "missing", "Add"),
        (SMALL + "approvals: {a: {required: 0}}", 8, "approvals.a.required", "too small", "larger"),
        (SMALL + "approvals: {a: {ttl_seconds: 0}}", 8, "approvals.a.ttl_seconds", "too small", "larger"),
        (SMALL + "approvals: {a: {approvers: []}}", 8, "approvals.a.approvers", "empty", "at least one"),
        (SMALL + "approvals: {a: {approvers: ['team:x']}}", 8, "approvals.a.approvers[0]", "unknown kind", "role"),
        (SMALL + "principals: {bob: {}, Bob: {}}", 8, "principals.Bob", "differ only in case", "Keep one"),
        (SMALL + "principals: {'b ob': {}}", 8, "principals.b ob", "cannot be the name", "letters"),
        (SMALL + "actions: ['Ledger']", 8, "actions[0]", "cannot be registered", "lower case"),
        (SMALL + "actions: ['*:*']", 8, "actions[0]", "cannot be registered", "lower case"),
        (SMALL + "providers: ['a b']", 8, "providers[0]", "cannot be registered", "lower-case"),
        (SMALL + "attributes: {step.tier: int}", 8, "attributes[step.tier]", "built in", "Remove"),
        (SMALL + "attributes: {resource.x: int}", 8, "attributes[resource.x]", "overlaps", "Rename"),
        (SMALL + "attributes: {context.x: strng}", 8, "attributes[context.x]", "not one of the words", "string"),
        (SMALL + "attributes: {parameters: int}", 8, "attributes.parameters", "every parameter", "parameters.region"),
        (SMALL + "attributes: {any: int}", 8, "attributes.any", "joins conditions", "Rename"),
        (SMALL + "attributes: {a b: int}", 8, "attributes.a b", "not an attribute path", "dots"),
        (SMALL + "tiers: {}", 8, "tiers", "not a list", "[a, b]"),
        (SMALL + "tiers: [3]", 8, "tiers[0]", "not a mapping", "name: value"),
        ("- 1", 1, "", "not a mapping", "version: 1"),
        ("", None, "", "empty", "version: 1"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_place_and_mend(
    text: str, line: int | None, field: str, says: str, mend: str
) -> None:
    error = refused(text)
    assert error.details == {"file": "policy.yaml", "line": line, "field": field}
    assert says in error.message
    assert mend in error.mend
    if line:
        assert error.message.startswith(f"policy.yaml:{line}: ")


@pytest.mark.parametrize(
    ("conditions", "field", "says", "mend"),
    [
        ("{any: [{step.teir: {gt: 1}}]}", "any[0][step.teir]", "unknown attribute", "'step.tier'"),
        ("{not: {all: [{run.flow: {equal: a}}]}}", "not.all[0][run.flow].equal", "unknown operator", "'equals'"),
        ("{any: {run.flow: {equals: a}}}", "any", "not a list of conditions", "- path"),
        ("{all: []}", "all", "not a list of conditions", "- path"),
        ("{any: [{}]}", "any[0]", "without a condition", "remove"),
        ("{not: {}}", "not", "without a condition", "remove"),
        ("{not: [{run.flow: {equals: a}}]}", "not", "not a mapping", "name: value"),
        ("{any: [a]}", "any[0]", "not a mapping", "name: value"),
        ("{not: {run.flow: {exists: false}}}", "not[run.flow].exists", "inside not cannot narrow", "narrow"),
        ("{any: [{run.flow: {exists: true}}]}", "any[0][run.flow].exists", "cannot narrow", "narrow"),
    ],
)
def test_a_mistake_in_a_group_is_found_where_it_stands(conditions: str, field: str, says: str, mend: str) -> None:
    error = refused(small(conditions=conditions))
    assert error.details["field"] == f"policy.rules[0].conditions.{field}"
    assert error.details["line"] == 8
    assert says in error.message
    assert mend in error.mend


def test_groups_are_not_nested_without_end() -> None:
    conditions: dict[str, Any] = {"run.flow": {"equals": "a"}}
    for _ in range(100):
        conditions = {"not": conditions}
    policy = PolicySet(name="p", rules=[PolicyRule(name="r", effect=Effect.DENY, conditions=conditions)])
    with pytest.raises(PolicyError, match="nested deeper than 16 levels"):
        PolicyDocument.build(policy)


@pytest.mark.covers("S2-016")
@pytest.mark.parametrize(
    ("condition", "field", "says", "mend"),
    [
        ("step.teir: {gte: 2}", "[step.teir]", "unknown attribute", "'step.tier'"),
        ("tier: {gte: 2}", "tier", "unknown attribute", "attributes:"),
        ("parameters: {equals: 2}", "parameters", "unknown attribute", "'parameters.NAME'"),
        ("parameters.: {equals: 2}", "[parameters.]", "unknown attribute", "attributes:"),
        ("context.tickte: {exists: false}", "[context.tickte]", "unknown attribute", "'context.ticket'"),
        ("step.tier: {gtt: 2}", "[step.tier].gtt", "unknown operator", "'gt'"),
        ("step.tier: {regex: x}", "[step.tier].regex", "unknown operator", "Use one of"),
        ("step.tier: {matches: x}", "[step.tier].matches", "does not fit", "between"),
        ("step.tier: {glob: x}", "[step.tier].glob", "does not fit", "between"),
        ("subject.roles: {equals: x}", "[subject.roles].equals", "does not fit", "contains"),
        ("subject.name: {gt: 1}", "[subject.name].gt", "does not fit", "glob"),
        ("step.tier: {gt: '2'}", "[step.tier].gt", "not a number", "number"),
        ("step.tier: {gt: true}", "[step.tier].gt", "not a number", "number"),
        ("step.tier: {equals: two}", "[step.tier].equals", "the operand is text", "number"),
        ("step.tier: {equals: 2.5}", "[step.tier].equals", "whole number", "whole number"),
        ("step.tier: {any_of: 2}", "[step.tier].any_of", "not a list", "[a, b]"),
        ("step.tier: {any_of: []}", "[step.tier].any_of", "not a list", "[a, b]"),
        ("step.tier: {between: [3, 1]}", "[step.tier].between", "above the second", "Swap"),
        ("step.tier: {between: [3]}", "[step.tier].between", "not two numbers", "lowest"),
        ("step.kind: {equals: unresolvd}", "[step.kind].equals", "never 'unresolvd'", "'unresolved'"),
        ("step.kind: {any_of: [task, tsk]}", "[step.kind].any_of", "never 'tsk'", "'task'"),
        ("run.mode: {equals: enforced}", "[run.mode].equals", "never", "'enforce'"),
        ("run.flow: {equals: 1}", "[run.flow].equals", "the operand is a number", "text"),
        ("run.flow: {equals: null}", "[run.flow].equals", "the operand is not", "single value"),
        ("run.flow: {glob: ''}", "[run.flow].glob", "not a glob", "glob"),
        ("run.flow: {exists: yes}", "[run.flow].exists", "true or false", "true or false"),
        ("run.flow: {matches: x}", "[run.flow].matches", "does not say where it begins", "docs/policy.md"),
        ("run.flow: {matches: '^(a$'}", "[run.flow].matches", "character 4: '$'", "docs/policy.md"),
        ("run.flow: {matches: [a]}", "[run.flow].matches", "not a regular expression", "INC"),
        ("run.flow: {cidr: 10.0.0.1/8}", "[run.flow].cidr", "not a network", "10.0.0.0/8"),
        ("run.flow: {cidr: []}", "[run.flow].cidr", "not a list", "10.0.0.0/8"),
        ("run.flow: {cidr: [7]}", "[run.flow].cidr", "not a network", "as text"),
        ("run.flow: {before: 2027-01-01}", "[run.flow].before", "does not fit", "glob"),
        ("run.time: {before: soon}", "[run.time].before", "not a time", "offset"),
        ("run.time: {after: '2027-01-01T10:00:00'}", "[run.time].after", "not a time", "offset"),
        ("run.time: {after: 2027-02-29}", "[run.time].after", "not a time", "offset"),
        ("run.time: {gt: 5}", "[run.time].gt", "does not fit", "before"),
        ("run.flow: {}", "[run.flow]", "without an operator", "Write one"),
        ("run.flow: production", "[run.flow]", "not a mapping", "name: value"),
    ],
)
def test_a_condition_that_does_not_fit_is_refused(condition: str, field: str, says: str, mend: str) -> None:
    path, _, tests = condition.partition(": ")
    error = refused(small(conditions=f"{{{path!r}: {tests}}}") + "attributes: {context.ticket: string}")
    assert error.details["field"] == f"policy.rules[0].conditions{field if field[0] == '[' else '.' + field}"
    assert error.details["line"] == 8
    assert says in error.message
    assert mend in error.mend


def test_a_rule_that_names_no_approval_rule_there_is_is_refused() -> None:
    text = SMALL.replace("deny", "require_approval") + "      approval: tow\napprovals: {two: {}}\n"
    error = refused(text)
    assert "no approval rule 'tow'" in error.message
    assert "'two'" in error.mend


def test_every_rule_is_checked_even_one_that_is_off() -> None:
    assert "unknown attribute" in refused(small(mode="off", conditions="{step.teir: {gte: 2}}")).message


def test_the_vocabulary_may_be_wider_than_what_ships() -> None:
    text = small(actions="['crm:merge']")
    refused(text)
    wider = Vocabulary.default().extended(actions=["crm:merge"])
    assert "crm:merge" in load_policy(text, "policy.yaml", vocabulary=wider).policy.rules[0].actions


def test_a_declared_parameter_has_its_type() -> None:
    text = small(conditions="{parameters.region: {gt: 1}}") + "attributes: {parameters.region: string}"
    assert "does not fit" in refused(text).message


def test_errors_of_a_document_built_in_python_name_the_field() -> None:
    policy = PolicySet(name="p", rules=[PolicyRule(name="r", effect=Effect.DENY, conditions={"step.teir": {"gt": 1}})])
    with pytest.raises(PolicyError, match=r"policy\.rules\[0\]\.conditions\[step\.teir\]"):
        PolicyDocument.build(policy)


def test_a_value_without_a_canonical_form_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"tiers\[0\]\.x: an integer of 2\*\*53 or more"):
        PolicyDocument.build(PolicySet(name="p"), tiers=[{"x": 2**60}])


def test_defaults_are_the_strict_ones() -> None:
    rule = PolicyRule(name="r", effect=Effect.ALLOW)
    policy = PolicySet(name="p", rules=[rule])
    assert (policy.default_effect, policy.combining) == (Effect.DENY, Combining.FIRST_MATCH)
    assert (rule.mode, rule.level) == (RuleMode.ENFORCE, Level.HARD_MANDATORY)
