"""The checks stand in one order, and that order is what happens."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from govflow.audit.verify import Outcome
from govflow.errors import ApprovalDenied, Denied, GovflowError, Unbound, Unplanned, VocabularyError
from govflow.governor.checks import NOT_YET, ORDER, Check
from govflow.governor.run import OPENING
from govflow.governor.step import ALONE, CHECKS, REUSE
from govflow.ir.models import Plan
from tests.governor.conftest import Staged
from tests.governor.plans import plan, step
from tests.governor.stage import POLICY, Stage, approved_by, denied_by

PURGE = step("etl/purge#1", action="data:delete", provider="duckdb", resource="dataset://acme/sales")


@pytest.mark.parametrize("table", [OPENING, CHECKS, REUSE, ALONE], ids=["run", "step", "cached", "alone"])
def test_a_table_of_checks_is_strictly_in_order(table: Any) -> None:
    places = [ORDER.index(check) for check, _ in table]
    assert places == sorted(set(places))


def test_every_check_has_its_place() -> None:
    """The plan and the policy are asked twice: for the run, from source, and for each call, with its parameters."""
    run, call = [check for check, _ in OPENING], [check for check, _ in CHECKS]
    assert set(run) & set(call) == {Check.PLAN, Check.POLICY}
    elsewhere = [Check.BODY, Check.OUTCOME, *NOT_YET]  # the engine's, `after`, and nobody's yet
    assert sorted([*run, *call, *elsewhere]) == sorted([*Check, Check.PLAN, Check.POLICY])


def _run_faults(stage: Stage) -> list[tuple[dict[str, Any], type[GovflowError], str]]:
    """What can be wrong with a run, in the order of the checks: a change of its facts, the error, words of it."""
    ground = stage.workspace.ground
    unknown_word = plan(step("etl/pay#1", action="crm:merge"))
    return [
        ({"requester": stage.workspace.principal("unknown")}, Denied, "Nobody knows who asked"),
        ({"run_id": "run-of-globex"}, Denied, "belongs to another tenant"),
        ({"ground": dataclasses.replace(ground, mode="audit")}, Denied, "There is no mode 'audit'"),
        ({"plan": unknown_word}, VocabularyError, "'crm:merge' is not registered"),
        ({"unbound": "it was edited"}, Unbound, "it was edited"),
        ({}, Denied, "'no-payments' denies"),
    ]


@pytest.mark.parametrize("first", range(6))
def test_a_run_with_several_faults_reports_the_earliest(staged: Staged, first: int) -> None:
    other = staged(tenant="globex")
    other.open(plan(), run_id="run-of-globex")
    stage = staged()
    faults = _run_faults(stage)[first:]
    changes: dict[str, Any] = {}
    for change, _, _ in reversed(faults):
        changes |= change
    denied = changes.pop("plan", plan(step("etl/pay#1", action="payment:create", provider="stripe")))
    _, error, words = faults[0]
    with pytest.raises(error, match=words):
        stage.open(denied, **changes)


READS_ROWS = POLICY.replace(
    "  rules:\n",
    "  rules:\n"
    "    - {name: few, effect: deny, priority: 5, actions: ['data:delete'], conditions: {parameters.rows: {gt: 5}}}\n",
)


@pytest.mark.parametrize(
    ("step_id", "call", "error"),
    [
        ("etl/other#1", {"unbound": "it was edited", "given": {"rows": 9}}, Unplanned),
        ("etl/purge#1", {"unbound": "it was edited", "given": {"rows": 9}}, Unbound),
        ("etl/purge#1", {"given": {"rows": 9}}, Denied),
        ("etl/purge#1", {"given": {"rows": 1}}, ApprovalDenied),
    ],
    ids=["plan", "binding", "policy", "approval"],
)
def test_a_call_with_several_faults_reports_the_earliest(
    staged: Staged, step_id: str, call: dict[str, Any], error: type[GovflowError]
) -> None:
    stage = staged(READS_ROWS)
    run = stage.open(plan(PURGE))
    stage.port.answer = denied_by("bob", "not today")
    with pytest.raises(GovflowError) as caught:
        stage.call(run, step_id, **call)
    assert type(caught.value) is error
    assert len(stage.port.asked) == (error is ApprovalDenied), "nobody is asked about what is refused anyway"
    assert "step.intent" not in stage.events()


def test_the_records_of_an_approved_step_stand_in_the_order_of_the_checks(stage: Stage) -> None:
    purge: Plan = plan(PURGE)
    run = stage.open(purge)
    stage.port.answer = approved_by("bob", "carol")
    grant = stage.call(run, "etl/purge#1", given={"rows": 3})
    seen_by_the_body = stage.events()
    stage.finish(run, grant)
    stage.close(run)
    opening = ["plan.trusted", "policy.loaded", "ir.validated_escalate"]
    people = ["ir.approval_created", "approval.vote", "approval.vote", "approval.granted", "ir.approval_consumed"]
    assert seen_by_the_body == [*opening, *people, "step.intent"]
    assert stage.events() == [*seen_by_the_body, "step.outcome", "approval.outcome", "run.closed"]
    assert stage.port.store.verify("acme").outcome is Outcome.VERIFIED
