"""A rule that reads what nobody provides is named, with its place; what runs always tell is not."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from govflow.errors import PolicyError
from govflow.policy import PolicyDocument, load_policy
from govflow.policy.provided import check_agreement, unprovided

HEAD = """
version: 1
attributes: {context.ticket: string, context.left: number, parameters.region: string, context.cohort: string}
policy:
  name: acme
  rules:
"""


@dataclass
class Giver:
    provides: dict[str, str] = field(default_factory=dict)
    name: str = "giver"


def document(*rules: str, more: str = "") -> PolicyDocument:
    return load_policy(HEAD + "".join(f"    - {rule}\n" for rule in rules) + more, "acme.yaml")


def test_what_every_run_tells_is_provided() -> None:
    conditions = "{step.tier: {gte: 1}, run.time: {after: 2027-01-01}, parameters.region: {equals: eu}}"
    assert unprovided(document(f"{{name: a, effect: deny, conditions: {conditions}}}")) == ()


@pytest.mark.parametrize(
    ("rule", "field", "what"),
    [
        ("{name: a, effect: deny, conditions: {context.ticket: {exists: false}}}", "conditions", "is always met"),
        ("{name: a, effect: allow, conditions: {context.ticket: {equals: x}}}", "conditions", "is never met"),
        (
            "{name: a, effect: deny, conditions: {any: [{not: {context.ticket: {equals: x}}}, {action: {equals: a}}]}}",
            "conditions",
            "is always met",
        ),
        ("{name: a, effect: deny, rollout: {percent: 5, by: context.ticket}}", "rollout.by", "decides for all"),
        ("{name: a, effect: allow, rollout: {percent: 5, by: context.ticket}}", "rollout.by", "never decides"),
    ],
)
def test_a_rule_that_reads_what_nobody_provides_is_named(rule: str, field: str, what: str) -> None:
    (found,) = unprovided(document(rule), [Giver({"context.left": "number"})])
    assert (found.where, found.field, found.path) == ("acme.yaml", f"policy.rules.a.{field}", "context.ticket")
    assert found.message.startswith(f"acme.yaml: policy.rules.a.{field}: rule 'a' ")
    assert what in found.message
    assert unprovided(document(rule), [Giver({"context.ticket": "string"})]) == ()


def test_exceptions_are_looked_at_and_rules_that_are_off_are_not() -> None:
    rules = (
        "{name: a, effect: deny, level: soft-mandatory}",
        "{name: b, effect: deny, mode: 'off', conditions: {context.left: {gt: 1}}}",
    )
    one = "{name: e, rule: a, owner: o, ticket: t, expires: 2027-01-01, conditions: {context.ticket: {equals: x}}}"
    found = unprovided(document(*rules, more=f"  exceptions: [{one}]\n"))
    assert [(one.field, one.path) for one in found] == [("policy.exceptions.e.conditions", "context.ticket")]


def test_policy_and_provider_agree_on_types() -> None:
    made = document("{name: a, effect: deny}")
    check_agreement(made, [Giver({"context.ticket": "string", "context.left": "int", "context.other": "bool"})])
    with pytest.raises(PolicyError, match=r"context.ticket: it is declared as string, and provider 'giver' gives int"):
        check_agreement(made, [Giver({"context.ticket": "int"})])
