"""Files of policy cases: what they may say, what is refused, what is compared, what is covered."""

from __future__ import annotations

from typing import Any

import pytest

from govflow.errors import PolicyError
from govflow.policy import Engine, PolicyDocument, load_policy
from govflow.policy.case_files import CaseFile, read_cases
from govflow.policy.cases import CaseResult, check_cases, coverage, judge_cases

POLICY = """
version: 1
policy:
  name: acme
  rules:
    - {name: reads, effect: allow, actions: ["data:read"]}
    - name: bulk
      description: Two people look at bulk deletes.
      effect: require_approval
      actions: ["data:delete"]
      conditions: {step.records: {gt: 100}}
      approval: two
      obligations: [log, mask]
    - {name: small, effect: allow, actions: ["data:delete"], conditions: {step.records: {lte: 100}}}
    - {name: night, effect: deny, level: soft-mandatory, actions: ["file:write"]}
    - {name: strict, effect: deny, mode: shadow, actions: ["data:*"], priority: 1}
    - {name: dead, effect: deny, actions: ["data:read"], priority: 500}
    - {name: gone, effect: deny, mode: "off"}
  exceptions:
    - {name: move, rule: night, owner: carol, ticket: T-1, expires: 2027-01-01}
approvals: {two: {required: 2}}
attributes: {context.change.ticket: string}
"""
ONE = """
cases:
  - name: one
    request: {action: data:read, resource: "dataset://acme/x", step: {records: 3}}
    expect: {effect: allow, rule: reads}
"""


@pytest.fixture(scope="module")
def document() -> PolicyDocument:
    return load_policy(POLICY, "policy.yaml")


def judged(text: str, document: PolicyDocument) -> list[CaseResult]:
    file: CaseFile = read_cases(text, "cases.yaml")
    check_cases(file, document)
    return list(judge_cases(file.cases, Engine(document)))


def case(expect: str, request: str = "step.records: 200") -> str:
    fields = f"action: data:delete, resource: 'dataset://acme/x', {request}"
    return f"cases: [{{name: one, request: {{{fields}}}, expect: {expect}}}]"


@pytest.mark.parametrize(
    ("expect", "missed"),
    [
        ("require_approval", []),
        ("{effect: require_approval, rule: bulk, approval: two, obligations: [mask, log]}", []),
        ("{rules: [bulk, 'shadow:strict']}", []),
        ("{reason: 'Two people'}", []),
        ("{exceptions: []}", []),
        ("deny", ["effect"]),
        ("{rule: small}", ["rule"]),
        ("{rule: default}", ["rule"]),
        ("{approval: null}", ["approval"]),
        ("{obligations: [log]}", ["obligations"]),
        ("{obligations: []}", ["obligations"]),
        ("{exceptions: [move]}", ["exceptions"]),
        ("{rules: [strict]}", ["rules"]),
        ("{reason: nobody}", ["reason"]),
        ("{effect: allow, rule: small, reason: nobody}", ["effect", "rule", "reason"]),
    ],
)
def test_what_is_expected_is_compared_and_nothing_else(
    expect: str, missed: list[str], document: PolicyDocument
) -> None:
    (result,) = judged(case(expect), document)
    assert [miss.field for miss in result.misses] == missed
    assert result.passed is not bool(missed)


def test_a_case_says_its_own_time(document: PolicyDocument) -> None:
    text = """
defaults: {action: file:write, resource: /tmp/x}
cases:
  - {name: before, request: {run: {time: 2026-12-31}}, expect: {effect: deny, rule: default, exceptions: [move]}}
  - {name: after, request: {run.time: "2027-01-01T00:00:00Z"}, expect: {rule: night, reason: has expired}}
"""
    assert [result.misses for result in judged(text, document)] == [(), ()]


def test_rows_are_the_case_with_their_fields_put_in(document: PolicyDocument) -> None:
    text = """
defaults: {subject: {name: rita, roles: [dev]}, run: {tenant: acme}, provider: postgres}
cases:
  - name: deletes
    request: {action: data:delete, resource: "dataset://acme/x", run: {environment: staging}}
    expect: allow
    each:
      - {step.records: 100}
      - {step.records: 101, expect: require_approval}
      - {name: others, step: {records: 1}, subject.roles: [guest], run.environment: production}
"""
    results = judged(text, document)
    assert all(result.passed for result in results)
    names = ["deletes [step.records=100]", "deletes [step.records=101]", "deletes [others]"]
    assert [result.case.name for result in results] == names
    assert [result.case.line for result in results] == [8, 9, 10]
    first, _, last = (result.case.request for result in results)
    assert first.selectors == {"user:rita", "role:dev", "tenant:acme"}
    assert last.selectors == {"user:rita", "role:guest", "tenant:acme"}
    assert first.attributes["run"] == {"tenant": "acme", "environment": "staging"}
    assert last.attributes["run"] == {"tenant": "acme", "environment": "production"}


BROKEN: list[tuple[str, str, int, str]] = [
    ("cases: []", "cases", 1, "there is no case"),
    ("policy: p.yaml", "cases", 1, "missing"),
    ("[]", "", 1, "not a mapping"),
    (ONE.replace("expect: {effect: allow, rule: reads}", "each: []"), "cases[0].each", 5, "the list is empty"),
    (ONE.replace("    expect: {effect: allow, rule: reads}\n", ""), "cases[0]", 3, "expects nothing"),
    (ONE.replace("{effect: allow, rule: reads}", "{}"), "cases[0].expect", 5, "nothing is expected"),
    (ONE.replace("{effect: allow, rule: reads}", "{rules: []}"), "cases[0].expect", 5, "nothing is expected"),
    (ONE.replace("{effect: allow, rule: reads}", "{reason: null}"), "cases[0].expect", 5, "nothing is expected"),
    (ONE.replace("{effect: allow, rule: reads}", "{effect: null}"), "cases[0].expect", 5, "could never hold"),
    (ONE.replace("{effect: allow, rule: reads}", "{rule: null}"), "cases[0].expect", 5, "could never hold"),
    (ONE + ONE.replace("\ncases:\n", ""), "cases[1]", 6, "two cases are named 'one'"),
    (ONE.replace("rule: reads", "rul: reads"), "cases[0].expect.rul", 5, "Did you mean 'rule'?"),
    (ONE.replace("request:", "requets:"), "cases[0].requets", 4, "Did you mean 'request'?"),
    (ONE.replace("cases:", "defalts: {}\ncases:"), "defalts", 2, "Did you mean 'defaults'?"),
    (ONE.replace("allow", "alow"), "cases[0].expect.effect", 5, "Use one of: allow, deny"),
    (ONE.replace("rule: reads", "rule: raeds"), "cases[0].expect.rule", 5, "Did you mean 'reads'?"),
    (ONE.replace("rule: reads", "approval: to"), "cases[0].expect.approval", 5, "Did you mean 'two'?"),
    (ONE.replace("rule: reads", "obligations: [lgo]"), "cases[0].expect.obligations", 5, "Did you mean 'log'?"),
    (ONE.replace("rule: reads", "exceptions: [mov]"), "cases[0].expect.exceptions", 5, "Did you mean 'move'?"),
    (ONE.replace("rule: reads", "rules: ['shadow:stric']"), "cases[0].expect.rules", 5, "Did you mean 'strict'?"),
    (ONE.replace("records: 3", "recrods: 3"), "cases[0].request.step.recrods", 4, "Did you mean 'step.records'?"),
    (ONE.replace("step: {records: 3}", "stpe: {records: 3}"), "cases[0].request.stpe", 4, "Did you mean 'step'?"),
    (ONE.replace("step: {records: 3}", "step: 3"), "cases[0].request.step", 4, "not a mapping"),
    (ONE.replace("step: {", "context: {ticket: x}, step: {"), "cases[0].request.context.ticket", 4, "no rule can read"),
    (ONE.replace("data:read", "data:raed"), "cases[0].request.action", 4, "Did you mean 'data:read'?"),
    (ONE.replace("step:", "provider: postgers, step:"), "cases[0].request.provider", 4, "Did you mean 'postgres'?"),
    (ONE.replace("step:", "selectors: ['rle:x'], step:"), "cases[0]", 3, "Did you mean 'role'?"),
    (ONE.replace("step:", "subject: {roles: dev}, step:"), "cases[0].request.subject.roles", 4, "Write a list"),
    (ONE.replace("action: data:read, ", ""), "cases[0]", 3, "action: missing"),
    (ONE.replace("step: {", "resource.scheme: s3, step: {"), "cases[0].request[resource.scheme]", 4, "holds a value"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "field", "line", "said"), BROKEN, ids=range(len(BROKEN)))
def test_what_could_not_be_meant_is_refused_with_its_place(
    text: str, field: str, line: int, said: str, document: PolicyDocument
) -> None:
    with pytest.raises(PolicyError) as caught:
        judged(text, document)
    error = caught.value
    assert (error.details["field"], error.details["line"]) == (field, line), error.message
    assert said in f"{error.message} {error.mend}"
    assert error.message.startswith("cases.yaml:")


def test_a_value_of_the_wrong_type_can_be_tested(document: PolicyDocument) -> None:
    (result,) = judged(case("{effect: deny, rule: error}", "step.records: many"), document)
    assert result.passed


def test_declared_attributes_and_parameters_may_be_given(document: PolicyDocument) -> None:
    spaces = "context: {change: {ticket: T-1}}, parameters: {limit: 3, options: {deep: 1}}, step.records: 200"
    (result,) = judged(case("require_approval", spaces), document)
    assert result.case.request.attributes["context"] == {"change": {"ticket": "T-1"}}
    assert result.passed


def test_coverage_tells_rules_that_no_case_reaches(document: PolicyDocument) -> None:
    results = [*judged(ONE, document), *judged(case("require_approval"), document)]
    uses: dict[str, Any] = {use.rule: (use.decided, use.matched, use.decides) for use in coverage(results, document)}
    assert uses == {
        "reads": (1, 1, True),
        "bulk": (1, 1, True),
        "small": (0, 0, True),
        "night": (0, 0, True),
        "strict": (2, 2, False),  # in shadow: what counts is that it matched
        "dead": (0, 1, True),  # behind another rule
    }


@pytest.mark.covers("S4-42")
def test_a_policy_is_a_text_that_is_tested_and_each_decision_names_its_version(document: PolicyDocument) -> None:
    texts = [
        ONE,
        case("require_approval"),
        case("{rule: error}", "step.records: many"),
        case("{rule: small}", "step.records: 1"),
    ]
    results = [result for text in texts for result in judged(text, document)]
    assert all(result.passed for result in results)
    assert {result.decision.policy_digest for result in results} == {document.digest}
    edited = load_policy(POLICY.replace("{gt: 100}", "{gt: 99}"), "policy.yaml")
    assert edited.digest != document.digest
    assert {one.decision.policy_digest for text in texts for one in judged(text, edited)} == {edited.digest}


def test_a_rule_that_only_ended_in_an_error_has_not_matched() -> None:
    held = load_policy(
        "version: 1\npolicy:\n  name: p\n  rules:\n"
        "    - {name: bulk, effect: deny, actions: ['data:delete'], conditions: {step.records: {gt: 100}}}\n"
        "    - {name: quiet, effect: deny, mode: shadow, priority: 1, conditions: {step.records: {gt: 100}}}\n",
        "p.yaml",
    )
    uses = {use.rule: use.matched for use in coverage(judged(case("deny", "step.records: many"), held), held)}
    assert uses == {"bulk": 0, "quiet": 0}
