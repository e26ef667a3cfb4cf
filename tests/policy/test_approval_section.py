"""``approvals:`` of a policy file: all fields, what is refused, and that nothing changed for the short form."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.approval.models import ApprovalRule, BreakGlass, DelegationTerms, Escalation, StandingTerms, Threshold
from govflow.approval.rules import rule_from
from govflow.approval.stages import stages_of
from govflow.errors import PolicyError
from govflow.ir.models import Tier
from govflow.ir.vocabulary import Vocabulary
from govflow.policy.analysis.compare import compare
from govflow.policy.approval_shape import BELOW, ApprovalShape
from govflow.policy.document import load_policy
from govflow.policy.formatting import format_policy
from govflow.policy.schema import policy_json_schema
from govflow.policy.yaml_reader import read_yaml

HEAD = "version: 1\npolicy: {name: p}\n"
WHOLE = (
    HEAD
    + """approvals:
  release:
    ttl_seconds: 7200
    stages:
      - name: owners
        groups:
          - {name: owners, required: 2, approvers: ["role:owner", "group:leads"]}
      - name: audit
        optional: true
        groups: [{name: auditors, approvers: ["group:audit"]}]
      - name: either
        need: any
        groups:
          - {name: security, approvers: ["group:security"]}
          - {name: legal, required: 2, approvers: ["role:legal"]}
    deny_threshold: 2
    veto: ["user:ciso"]
    thresholds:
      - {tiers: [3], actions: ["data:*"], resources: ["dataset://phi/*"], required: 3}
    escalation:
      - {after_seconds: 1800, approvers: ["role:head"]}
    remind_after_seconds: [600, 3000]
    delegation: {depth: 2, ttl_seconds: 86400}
    standing: {max_runs: 30, ttl_seconds: 604800}
    break_glass: {approvers: ["group:oncall"], review_seconds: 3600}
principals:
  dora: {roles: [owner], groups: [leads, night]}
"""
)


def small(rule: str) -> str:
    return f"{HEAD}approvals:\n  a: {rule}\n"


def test_every_field_of_a_rule_comes_from_the_file() -> None:
    document = load_policy(WHOLE, "policy.yaml")
    rule = rule_from("release", document.approvals["release"])
    assert [stage.name for stage in stages_of(rule)] == ["owners", "audit", "either"]
    assert [(stage.need, stage.optional) for stage in rule.stages] == [("all", False), ("all", True), ("any", False)]
    assert rule.stages[0].groups[0].approvers == ("role:owner", "group:leads")
    assert rule.thresholds == (
        Threshold(tiers=(Tier.HIGH,), actions=("data:*",), resources=("dataset://phi/*",), required=3),
    )
    assert rule.escalation == (Escalation(after_seconds=1800, approvers=("role:head",)),)
    assert (rule.deny_threshold, rule.veto, rule.remind_after_seconds) == (2, ("user:ciso",), (600, 3000))
    assert rule.delegation == DelegationTerms(depth=2, ttl_seconds=86400)
    assert rule.standing == StandingTerms(max_runs=30, ttl_seconds=604800)
    assert rule.break_glass == BreakGlass(approvers=("group:oncall",), review_seconds=3600)
    assert document.principals["dora"] == {"roles": ["owner"], "groups": ["leads", "night"]}


def test_the_schema_for_editors_takes_it() -> None:
    jsonschema.Draft202012Validator(policy_json_schema()).validate(read_yaml(WHOLE, "x")[0])


def test_the_shape_has_the_fields_of_the_rule() -> None:
    assert set(ApprovalShape.model_fields) == set(ApprovalRule.model_fields) - {"name"}
    for field, shape in BELOW.items():
        raw: dict[str, Any] = {"stages": [{"name": "s", "groups": [{"name": "g"}]}]}
        model: Any = ApprovalRule(name="r", stages=rule_from("r", raw).stages).stages[0]
        model = {"stages": model, "groups": model.groups[0]}.get(str(field)) or {
            "thresholds": Threshold(required=1),
            "escalation": Escalation(after_seconds=1, approvers=("*",)),
            "delegation": DelegationTerms(),
            "standing": StandingTerms(max_runs=1, ttl_seconds=1),
            "break_glass": BreakGlass(approvers=("*",)),
        }[str(field)]
        assert set(shape.model_fields) == set(type(model).model_fields), field
        for name, known in shape.model_fields.items():
            if not known.is_required():
                assert known.default == type(model).model_fields[name].default, (field, name)


def test_an_unused_field_is_no_part_of_the_digest() -> None:
    short = load_policy(small("{required: 2}"), "x")
    assert short.approvals["a"] == {"required": 2, "approvers": ["*"], "ttl_seconds": 3600, "scope": "step"}
    spelled = load_policy(small("{required: 2, deny_threshold: 1, veto: [], thresholds: []}"), "x")
    assert spelled.digest == short.digest
    assert load_policy(small("{required: 2, deny_threshold: 2}"), "x").digest != short.digest


GROUP = "{name: g, approvers: ['role:x']}"
STAGE = f"{{name: s, groups: [{GROUP}]}}"


@pytest.mark.parametrize(
    ("rule", "field", "says", "mend"),
    [
        (f"{{required: 2, stages: [{STAGE}]}}", "required", "stand in one rule", "remove 'stages'"),
        (f"{{approvers: ['*'], stages: [{STAGE}]}}", "approvers", "stand in one rule", "in a group"),
        ("{stages: []}", "stages", "no stages", "at least one"),
        (f"{{stages: [{STAGE}, {STAGE}]}}", "stages[1].name", "two stages are named 's'", "Rename"),
        (f"{{stages: [{{name: s, groups: [{GROUP}, {GROUP}]}}]}}", "stages[0].groups[1].name", "two groups", "Rename"),
        (f"{{stages: [{{name: s, optional: true, groups: [{GROUP}]}}]}}", "stages", "nobody is waited for", "optional"),
        ("{stages: [{name: s, groups: []}]}", "stages[0].groups", "the list is empty", "one entry"),
        (f"{{stages: [{{name: s, gruops: [{GROUP}]}}]}}", "stages[0].gruops", "unknown field", "'groups'"),
        (
            "{stages: [{name: s, groups: [{name: g, aprovers: []}]}]}",
            "stages[0].groups[0].aprovers", "unknown", "'appro",
        ),
        (f"{{stages: [{{name: s, need: al, groups: [{GROUP}]}}]}}", "stages[0].need", "not one of", "all, any"),
        (
            "{stages: [{name: s, groups: [{name: g, approvers: ['team:x']}]}]}",
            "stages[0].groups[0].approvers[0]", "unknown kind", "role",
        ),
        ("{veto: ['rol:x']}", "veto[0]", "unknown kind", "'role'"),
        ("{deny_treshold: 2}", "deny_treshold", "unknown field", "'deny_threshold'"),
        ("{deny_threshold: 0}", "deny_threshold", "too small", "larger"),
        (
            "{thresholds: [{required: 2, actions: ['data:wirte']}]}",
            "thresholds[0].actions[0]", "unknown action", "data:write",
        ),
        (
            "{thresholds: [{required: 2, resources: ['a://b/../c']}]}",
            "thresholds[0].resources[0]", "never matches", "docs/policy.md",
        ),
        ("{thresholds: [{tiers: [4], required: 2}]}", "thresholds[0].tiers[0]", "not one of", "0"),
        ("{thresholds: [{tiers: [3]}]}", "thresholds[0].required", "missing", "Add"),
        ("{escalation: [{after_seconds: 60, approvers: []}]}", "escalation[0].approvers", "empty", "one entry"),
        (
            "{escalation: [{after_seconds: 3600, approvers: ['*']}]}",
            "escalation[0].after_seconds", "is over", "ttl_seconds",
        ),
        ("{remind_after_seconds: [60, 4000]}", "remind_after_seconds[1]", "is over", "ttl_seconds"),
        ("{delegation: {dept: 1}}", "delegation.dept", "unknown field", "'depth'"),
        ("{delegation: {depth: 9}}", "delegation.depth", "too large", "smaller"),
        ("{standing: {max_runs: 3}}", "standing.ttl_seconds", "missing", "Add"),
        ("{break_glass: {approvers: [oncall]}}", "break_glass.approvers[0]", "not a selector", "user:NAME"),
        (
            "{required: 3, approvers: ['user:bob', 'user:Bob', 'user:dora']}",
            "", "needs 3 different people", "Name more",
        ),
        (
            "{approvers: ['user:bob'], thresholds: [{required: 2}]}",
            "", "where its thresholds ask for most", "Name more",
        ),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_used_is_refused_with_place_and_mend(rule: str, field: str, says: str, mend: str) -> None:
    with pytest.raises(PolicyError) as refused:
        load_policy(small(rule), "policy.yaml")
    assert refused.value.details["field"] == "approvals.a" + (f".{field}" if field else "")
    assert refused.value.details["line"] == 4
    assert says in refused.value.message
    assert mend in refused.value.mend


def test_one_person_in_two_stages_is_not_two_people() -> None:
    groups = "groups: [{name: g, approvers: ['user:bob']}]"
    stages = f"{{name: one, {groups}}}, {{name: two, {groups}}}"
    with pytest.raises(PolicyError, match="needs 2 different people, and those whom it names can fill 1"):
        load_policy(small(f"{{stages: [{stages}]}}"), "x")
    load_policy(small(f"{{stages: [{stages}], escalation: [{{after_seconds: 9, approvers: ['role:x']}}]}}"), "x")


def test_the_formatter_orders_what_stands_in_stages() -> None:
    stages = "      - groups:\n          - required: 2\n            name: g\n        name: s\n"
    text = f"{HEAD}approvals:\n  a:\n    stages:\n{stages}"
    tidy = format_policy(text, "policy.yaml")
    assert tidy.index("name: s") < tidy.index("groups:") < tidy.index("name: g") < tidy.index("required: 2")
    assert load_policy(tidy, "x").digest == load_policy(text, "x").digest
    assert format_policy(tidy, "policy.yaml") == tidy


def test_a_difference_in_a_stage_is_named() -> None:
    before, after = load_policy(WHOLE, "x"), load_policy(WHOLE.replace("required: 2, appr", "required: 3, appr"), "x")
    assert any("approvals" in str(section) for section in compare(before, after, Vocabulary.default()).sections)


@given(st.sampled_from(["role:x", "group:y", "user:bob", "*"]), st.integers(1, 3))
def test_what_loads_makes_a_rule(approver: str, required: int) -> None:
    text = small(f"{{stages: [{{name: s, groups: [{{name: g, required: {required}, approvers: ['{approver}']}}]}}]}}")
    try:
        document = load_policy(text, "x")
    except PolicyError:
        assert (approver, required > 1) == ("user:bob", True)
        return
    assert rule_from("a", document.approvals["a"]).stages[0].groups[0].required == required
