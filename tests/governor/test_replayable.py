"""What a governed run puts on record is enough to decide once more, and what it is not enough for is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from govflow.audit.record import Draft
from govflow.errors import Refused
from govflow.ir.models import Effect as Deed
from govflow.ir.models import Multiplicity
from govflow.policy import Effect, Engine, load_policy
from govflow.policy.recorded import Recorded, recorded_of
from govflow.services.recorded_decisions import of_store
from govflow.services.simulate_policy import Change, Simulation, replay, shadow_deciding, simulate
from tests.governor.conftest import Staged
from tests.governor.plans import plan, step
from tests.governor.stage import Stage, approved_by
from tests.governor.test_providers import LEFT, Budget, governed
from tests.governor.test_providers import POLICY as BUDGETS
from tests.governor.test_providers import PURGE as BUDGETED

POLICY = """
version: 1
policy:
  name: acme
  default: deny
  rules:
    - {name: strict, effect: deny, priority: 1, mode: shadow, actions: ["data:write"]}
    - name: no-eu
      effect: deny
      priority: 5
      actions: ["data:write"]
      resources: ["dataset://acme/*"]
      conditions: {parameters.region: {equals: eu}}
    - {name: ask, effect: require_approval, priority: 30, conditions: {step.tier: {gte: 2}}}
    - {name: safe, effect: allow, priority: 40, conditions: {step.tier: {lte: 1}}}
"""
PLAIN = POLICY.replace(POLICY[POLICY.index("    - name: no-eu") : POLICY.index("    - {name: ask")], "")  # reads none
LOAD = step("etl/load#1", action="data:read", provider="duckdb", resource="dataset://acme/sales")
SAVE = step("etl/save#1", action="data:write", provider="duckdb", resource="dataset://acme/{table}")
EACH = step(
    "etl/each#1", action="data:read", provider="duckdb", resource="dataset://acme/x", multiplicity=Multiplicity.MANY
)


def ran(staged: Staged, policy: str = POLICY, *, database: str = "govflow", **given: Any) -> Stage:
    """A stage on which a run has loaded, saved, and mapped over three elements."""
    stage = staged(policy, database=database)
    run = stage.open(plan(LOAD, SAVE, EACH))
    for name, fields in (
        (LOAD.step_id, {}),
        (SAVE.step_id, {"given": {"table": "sales", "region": "us", **given}}),
        (EACH.step_id, {"fan_out": 3}),
        (EACH.step_id, {"fan_out": 3, "task_run": "task-run-2"}),
    ):
        stage.finish(run, stage.call(run, name, **fields))
    stage.close(run)
    return stage


def recorded(stage: Stage) -> list[Recorded]:
    return list(of_store(stage.port.store, stage.workspace.ground.tenant))


def held(stage: Stage, text: str) -> Simulation:
    return simulate(Engine(load_policy(text, "candidate.yaml")), recorded(stage))


def counts(found: Simulation) -> dict[str, int]:
    return {str(change): group.count for change, group in found.groups.items() if group.count}


def test_a_decision_is_on_record_once_where_it_was_taken(staged: Staged) -> None:
    found = recorded(ran(staged, PLAIN))
    told = sorted(
        (one.step_id, one.effect, one.rule, one.requests[0].attributes["step"].get("records", 0)) for one in found
    )
    assert told == [
        ("etl", "allow", "safe", 0),
        ("etl/each#1", "allow", "safe", 0),  # by its source
        ("etl/each#1", "allow", "safe", 3),  # a map of three, once for all calls
        ("etl/load#1", "allow", "safe", 0),
        ("etl/save#1", "allow", "safe", 0),  # with the parameters of the call
    ]
    (save,) = (one for one in found if one.step_id == "etl/save#1")
    assert save.requests[0].resource == "dataset://acme/sales"
    assert save.requests[0].attributes["parameters"] == {"table": "sales"}
    assert save.requests[0].selectors == {"user:alice", "tenant:acme"}
    assert save.rules == ("shadow:strict", "safe")


def test_a_governed_run_replays_as_it_was_decided(staged: Staged) -> None:
    stage, plain = ran(staged), ran(staged, PLAIN, database="plain")
    found = replay(stage.workspace.engine, recorded(stage))
    assert counts(found) == {"unchanged": 4}  # one for each call: a rule reads parameters
    assert found.noted == {"shadow:strict": 1}
    assert counts(replay(plain.workspace.engine, recorded(plain))) == {"unchanged": 5}
    other = replay(stage.workspace.engine, [*recorded(plain), *recorded(stage)])
    assert (counts(other), other.skipped) == ({"unchanged": 4}, {plain.workspace.engine.digest: 5})


def test_a_decision_that_was_altered_is_found(staged: Staged) -> None:
    stage = ran(staged)
    first, *others = recorded(stage)
    for changes in ({"effect": Effect.DENY}, {"rule": "ask"}, {"rules": ("ask", "safe")}):
        altered = replace(first, **changes)
        assert counts(replay(stage.workspace.engine, [altered, *others])) == {
            "unchanged": 3,
            "decided otherwise than recorded": 1,
        }


def test_refused_and_approved_calls_replay_too(staged: Staged) -> None:
    stage = staged(POLICY)
    big = step("etl/big#1", action="data:delete", provider="duckdb", resource="dataset://acme/{table}", records=5000)
    stage.port.answer = approved_by("bob", "carol")
    run = stage.open(plan(SAVE, big))
    with pytest.raises(Refused):
        stage.call(run, SAVE.step_id, given={"table": "sales", "region": "eu"})
    stage.call(run, big.step_id, given={"table": "sales"}, task_run="task-run-2")
    found = recorded(stage)
    told = [(one.step_id, one.effect, one.rule) for one in found]
    assert ("etl/save#1", "deny", "no-eu") in told
    assert ("etl/big#1", "require_approval", "ask") in told
    assert counts(replay(stage.workspace.engine, found)) == {"unchanged": len(found)}


def test_what_observe_mode_would_have_refused_is_recorded_once(staged: Staged) -> None:
    stage = staged(POLICY, mode="observe")
    run = stage.open(plan(SAVE))
    stage.call(run, SAVE.step_id, given={"table": "sales", "region": "eu"})
    assert [one.rule for one in recorded(stage) if one.step_id == "etl/save#1"] == ["no-eu"]


@pytest.mark.covers("B-08")
def test_another_policy_shows_what_is_newly_denied_paused_and_allowed(staged: Staged) -> None:
    stage = ran(staged)
    writes = POLICY.replace(
        "name: strict, effect: deny, priority: 1, mode: shadow", "name: strict, effect: deny, priority: 1"
    )
    found = held(stage, writes)
    assert counts(found) == {"newly denied": 1, "unchanged": 3}
    group = found.groups[Change.DENIED]
    assert (group.rules, group.flows, group.runs) == ({"strict": 1}, {"etl": 1}, {"run-1"})
    assert group.examples[0].answer.reason == "Rule 'strict' says deny."
    asks = POLICY.replace("{lte: 1}}}", "{lte: 1}, step.records: {exists: true}}}").replace(
        "default: deny", "default: require_approval"
    )
    assert counts(held(stage, asks)) == {"newly paused": 2, "unchanged": 2}


@pytest.mark.covers("S2-100")
def test_what_rules_in_shadow_would_have_done_is_told_from_the_log(staged: Staged) -> None:
    stage = ran(staged)
    policy = load_policy(POLICY, "policy.yaml")
    found = simulate(Engine(shadow_deciding(policy)), recorded(stage))
    assert counts(found) == {"newly denied": 1, "unchanged": 3}
    assert found.groups[Change.DENIED].rules == {"strict": 1}
    assert found.noted == {"shadow:strict": 1}
    (save,) = (body for body in stage.log("step.intent") if body["step_id"] == "etl/save#1")
    assert save["payload"]["rules"] == ["shadow:strict", "safe"]


def test_a_parameter_that_nothing_read_was_not_recorded_and_is_not_guessed(staged: Staged) -> None:
    stage = ran(staged, customer="c-1")
    reads = POLICY.replace("parameters.region: {equals: eu}", "parameters.customer: {equals: c-1}")
    found = held(stage, reads)
    assert counts(found) == {"unchanged": 3, "cannot judge": 1}
    assert found.groups[Change.UNJUDGED].rules == {"parameters.customer": 1}
    assert found.groups[Change.UNJUDGED].examples[0].answer.may_be == {"allow", "deny"}
    us = POLICY.replace("{equals: eu}", "{equals: us}")
    assert counts(held(stage, us)) == {"unchanged": 3, "newly denied": 1}


def test_an_erased_parameter_is_not_known_any_more_not_even_to_its_own_policy(staged: Staged) -> None:
    stage = ran(staged)
    (save,) = (body for body in stage.log("step.intent") if body["step_id"] == "etl/save#1")
    erased = Draft("value.erased", "acme", stage.port.now(), subject="dana")
    values = stage.port.store.values
    assert values.erase(values.of("acme", of_stream=(save["writer"], save["writer_seq"])), erased) == 3
    found = replay(stage.workspace.engine, recorded(stage))
    assert counts(found) == {"unchanged": 3, "cannot judge": 1}
    assert found.groups[Change.UNJUDGED].rules == {"resource": 1}


def test_a_resource_that_parameters_fill_can_be_erased_below_tier_two(staged: Staged) -> None:
    stage = ran(staged, table="carol@example.org")
    assert all(b"carol@example.org" not in entry.body for entry in stage.port.store.entries("acme"))
    (save,) = (one for one in recorded(stage) if one.step_id == "etl/save#1")
    assert save.requests[0].resource == "dataset://acme/carol@example.org"


def test_every_thing_that_a_step_does_is_judged_again(staged: Staged) -> None:
    mail = Deed(action="email:send", provider="email", resource="smtp://mail")
    read = Deed(action="data:read", provider="duckdb", resource="dataset://acme/x")
    a_step = step(
        "etl/both#1",
        action="data:read",
        provider="duckdb",
        resource="dataset://acme/x",
        effects=(read, mail),
        declared=False,
    )
    stage = staged(PLAIN.replace("default: deny", "default: allow"), mode="observe")
    stage.open(plan(a_step))
    (both,) = (one for one in recorded(stage) if one.step_id == "etl/both#1")
    assert {request.action for request in both.requests} == {"data:read", "email:send"}
    for action in ("email:*", "data:read"):
        rule = f"{{name: no, effect: deny, actions: ['{action}']}}"
        found = held(stage, f"version: 1\npolicy: {{name: c, default: allow, rules: [{rule}]}}")
        assert {one.record.step_id for one in found.groups[Change.DENIED].examples} == {"etl/both#1"}
    assert counts(replay(stage.workspace.engine, recorded(stage))) == {"unchanged": 2}


def test_what_is_exported_says_the_same(staged: Staged, tmp_path: Path) -> None:
    found = recorded(ran(staged))
    lines = [json.loads(json.dumps(one.to_dict())) for one in found]
    assert [recorded_of(line) for line in lines] == found


def test_what_a_provider_said_is_replayed_and_what_it_withheld_is_not_known(staged: Staged) -> None:
    for name, secret in (("open", frozenset[str]()), ("closed", frozenset({LEFT}))):
        stage = governed(staged, Budget(41.5, secret=secret))
        run = stage.open(plan(BUDGETED), run_id=name)
        stage.call(run, BUDGETED.step_id, task_run=f"task-{name}")
    found = replay(stage.workspace.engine, recorded(stage))
    assert counts(found) == {"unchanged": 3, "cannot judge": 1}
    assert found.groups[Change.UNJUDGED].rules == {LEFT: 1}
    assert found.groups[Change.UNJUDGED].runs == {"closed"}
    stricter = simulate(
        Engine(load_policy(BUDGETS.replace("{lte: 0}", "{lte: 50}"), "candidate.yaml")), recorded(stage)
    )
    assert counts(stricter) == {"newly denied": 1, "unchanged": 2, "cannot judge": 1}


def test_exceptions_from_a_rule_in_shadow_are_honoured_when_it_decides() -> None:
    text = """
version: 1
policy:
  name: soft
  default: allow
  rules:
    - {name: strict, effect: deny, mode: shadow, level: soft-mandatory}
    - {name: hint, effect: deny, level: advisory}
  exceptions: [{name: move, rule: strict, owner: carol, ticket: T, expires: 2027-01-01}]
"""
    strict, hint = shadow_deciding(load_policy(text, "p.yaml")).policy.rules
    assert (strict.decides, strict.level) == (True, "soft-mandatory")
    assert (hint.decides, hint.level) == (True, "hard-mandatory")
