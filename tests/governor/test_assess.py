"""A step is judged by everything that its code was found to do, and the strictest answer counts."""

from __future__ import annotations

from typing import Any

import pytest

from govflow.governor.assess import Ground, StepAssessment, judge
from govflow.governor.explain import details_of, reason_of
from govflow.ir.models import Effect, Step, StepKind, Tier
from govflow.planning.planner import plan_flow
from govflow.planning.source import MemoryTree
from govflow.policy.document import load_policy
from govflow.policy.engine import Engine
from govflow.policy.model import Verdict
from govflow.tiers import TierRules
from tests.governor.plans import ALICE, plan, step

POLICY = """
version: 1
policy:
  name: acme
  default: deny
  rules:
    - {name: no-mail, effect: deny, priority: 10, actions: ["email:send"]}
    - {name: no-phi, effect: deny, priority: 10, resources: ["dataset://phi/*"]}
    - {name: ask, effect: require_approval, priority: 20, approval: one, conditions: {step.tier: {gte: 2}}}
    - {name: safe, effect: allow, priority: 40, conditions: {step.tier: {lte: 1}}}
approvals:
  one: {required: 1, approvers: ["*"]}
"""

READ = Effect(action="data:read", provider="postgres", resource="dataset://acme/orders")
DROP = Effect(action="data:drop", provider="postgres", resource="dataset://acme/orders")
MAIL = Effect(action="email:send", provider="email", resource="email://mail.acme.com")
SOMEWHERE = Effect(action="data:read", provider="postgres", resource="dataset://{?}")


GROUND = Ground(Engine(load_policy(POLICY, "policy.yaml")), TierRules.default(), "default", "development", "enforce")


def judged(made: Step, **fields: Any) -> StepAssessment:
    return judge(made, plan(made), GROUND, ALICE, None, **fields)


def undeclared(*effects: Effect, **fields: Any) -> Step:
    """A step that takes its action from the first effect, as the planner makes it."""
    first = effects[0]
    given = {"action": first.action, "provider": first.provider, "resource": first.resource, "effects": effects}
    return step("etl/sync#1", **(given | fields))


@pytest.mark.parametrize(
    ("effects", "tier", "verdict", "rule", "action"),
    [
        ((READ,), Tier.MINIMAL, Verdict.PASS, "safe", "data:read"),
        ((DROP, READ), Tier.HIGH, Verdict.ESCALATE, "ask", "data:drop"),
        # The strongest effect would only be asked about; a weaker one is denied.
        ((DROP, MAIL), Tier.HIGH, Verdict.REJECT, "no-mail", "email:send"),
        # What the source does not tell may be what is denied.
        ((SOMEWHERE,), Tier.MINIMAL, Verdict.REJECT, "no-phi", "data:read"),
    ],
)
def test_the_strictest_answer_about_any_effect_counts(
    effects: tuple[Effect, ...], tier: Tier, verdict: Verdict, rule: str, action: str
) -> None:
    found = judged(undeclared(*effects))
    assert (found.tier, found.verdict, found.decision.rule, found.action) == (tier, verdict, rule, action)
    assert action in reason_of(found)


def test_what_the_source_declares_wins_over_what_was_found() -> None:
    declared = step(
        "etl/sync#1", action="data:read", provider="postgres", resource="dataset://a/b", declared=True, effects=(DROP,)
    )
    found = judged(declared)
    assert (found.tier, found.verdict, found.action) == (Tier.MINIMAL, Verdict.PASS, "data:read")


def test_every_tier_rule_that_fired_is_named_strongest_first() -> None:
    found = judged(undeclared(DROP, MAIL))
    tiers = [finding.tier for finding in found.findings]
    assert tiers == sorted(tiers, reverse=True)
    assert {"destructive-action", "write", "baseline"} <= {finding.rule for finding in found.findings}
    assert len(set(found.findings)) == len(found.findings)


def test_a_map_of_a_step_that_writes_counts_its_elements_and_one_that_computes_does_not() -> None:
    assert judged(undeclared(MAIL), fan_out=101).tier is Tier.HIGH
    assert judged(step("etl/compute#1"), fan_out=101).tier is Tier.MINIMAL


def test_a_change_of_every_row_is_high_risk_wherever_it_runs() -> None:
    update = Effect(action="data:update", provider="postgres", resource="dataset://acme/orders")
    assert judged(undeclared(update)).tier is Tier.LOW
    every = judged(undeclared(update.model_copy(update={"unbounded": True})))
    assert (every.tier, every.findings[0].rule) == (Tier.HIGH, "every-row")


def test_whoever_is_asked_sees_everything_that_the_step_does_and_no_secret() -> None:
    call = Effect(action="http:post", provider="http", resource="https://bob:hunter2@acme.io/hook")
    seen = details_of(judged(undeclared(DROP.model_copy(update={"unbounded": True}), call)), GROUND)["effects"]
    assert seen[0] == "data:drop postgres dataset://acme/orders, every row"
    assert seen[1].startswith("http:post http https://") and "hunter2" not in seen[1]


WORDS = """
import sqlite3
from prefect import flow, get_run_logger, task

def ask(sql):
    with sqlite3.connect("shop.db") as connection:
        connection.execute(sql)

@task
def rebuild():
    'Delete nothing, drop nothing, purge nothing.'
    get_run_logger().info("will truncate and destroy later")
    ask("{sql}")

@task
def {name}(rows):
    return "uninstall"

@flow
def main():
    rebuild()
    {name}([1])
"""


@pytest.mark.covers("S5-18")
@pytest.mark.parametrize(
    ("sql", "name", "tiers"),
    [
        ("SELECT 'drop' FROM purge", "keep", (0, 0)),
        ("DROP TABLE orders", "keep", (3, 0)),
        ("TRUNCATE orders", "keep", (3, 0)),
        ("DELETE FROM orders WHERE id = 1", "keep", (3, 0)),
        ("SELECT 1", "purge_orders", (0, 3)),
        ("SELECT 1", "uninstall", (0, 3)),
        ("SELECT 1", "undelete", (0, 0)),
    ],
)
def test_destructive_words_count_in_sql_verbs_and_names_and_not_in_free_text(
    sql: str, name: str, tiers: tuple[int, int]
) -> None:
    source = WORDS.format(sql=sql, name=name)
    made = plan_flow(MemoryTree({"flow.py": source}), "flow.py").plan
    found = [judge(step, made, GROUND, ALICE, None).tier for step in made.steps if step.kind is StepKind.TASK]
    assert tuple(map(int, found)) == tiers
