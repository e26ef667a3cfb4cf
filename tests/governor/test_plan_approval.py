"""One approval for a whole plan: what it shows, what it covers, and what still asks for itself."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from govflow.approval import ApprovalRequest, RequestState
from govflow.errors import ApprovalDenied
from govflow.governor.governed_run import GovernedRun
from govflow.governor.plan_approval import approve_plan
from govflow.governor.port import drive
from govflow.ir.models import Tier
from tests.governor.conftest import Staged
from tests.governor.plans import plan, step
from tests.governor.stage import POLICY, Stage, approved_by, denied_by, nobody_is_asked

WHOLE = POLICY.replace('two: {required: 2, approvers: ["*"]}', 'two: {required: 2, approvers: ["*"], scope: plan}')
READ = step("etl/read#1", action="data:read", provider="duckdb", resource="dataset://acme/sales")
PURGE = step("etl/purge#1", action="data:delete", provider="duckdb", resource="dataset://acme/sales")
DROP = step("etl/drop#1", action="data:delete", provider="duckdb", resource="dataset://acme/{table}")
GROWS = step("etl/grows#1", action="data:update", provider="duckdb", resource="dataset://acme/sales", tier=Tier.MEDIUM)
YES = approved_by("bob", "carol")


@pytest.fixture
def stage(staged: Staged) -> Stage:
    return staged(policy=WHOLE)


def _shown(request: ApprovalRequest) -> list[Any]:
    steps = request.summary["steps"]
    assert isinstance(steps, list)
    return steps


def approve(stage: Stage, run: GovernedRun) -> None:
    """What happens before the first line of the flow."""
    numbers = count()
    drive(approve_plan(run, lambda: f"plan-{len(stage.requests())}-{next(numbers)}"), stage.port)


def test_the_whole_plan_is_asked_for_once_and_its_steps_pass(stage: Stage) -> None:
    run = stage.open(plan(READ, PURGE, DROP), parameters={"day": 1})
    stage.port.answer = YES
    approve(stage, run)
    (asked,) = stage.port.asked
    assert asked.rule.scope == "plan"
    assert [shown["step_id"] for shown in _shown(asked)] == ["etl/purge#1", "etl/drop#1"]
    assert asked.summary["parameters"] == {"day": 1}
    assert asked.binding.ir_hash == run.ir_hash
    stage.port.answer = nobody_is_asked
    for number, step_id in enumerate(("etl/purge#1", "etl/drop#1")):
        grant = stage.call(run, step_id, task_run=f"task-run-{number}", given={"table": "sales"})
        assert grant.request is None
        stage.finish(run, grant)
    intents = [body["payload"] for body in stage.log("step.intent")]
    assert [said["plan_request_id"] for said in intents] == [asked.request_id] * 2
    stage.close(run, failed="Stop")
    assert stage.port.store.approvals.get(asked.request_id).state is RequestState.EXERCISED
    assert stage.port.store.approvals.outcome_of(asked.request_id) == "failed"


def test_a_denied_plan_does_not_start(stage: Stage) -> None:
    run = stage.open(plan(PURGE))
    stage.port.answer = denied_by("bob", "not this week")
    with pytest.raises(ApprovalDenied, match="not this week"):
        approve(stage, run)


def test_a_step_whose_tier_at_the_call_is_above_the_one_that_was_shown_asks_for_itself(staged: Staged) -> None:
    ask_at_two = WHOLE.replace("approval: one, ", "approval: two, ")
    stage = staged(policy=ask_at_two)
    run = stage.open(plan(GROWS))
    stage.port.answer = YES
    approve(stage, run)
    assert _shown(stage.port.asked[0])[0]["tier"] == 2
    cover = run.covered["etl/grows#1"]
    run.covered["etl/grows#1"] = type(cover)(cover.request_id, Tier.LOW, cover.rule)  # as if less had been shown
    stage.call(run, "etl/grows#1", given={"rows": 3})
    assert len(stage.port.asked) == 2
    assert stage.port.asked[1].binding.step_id == "etl/grows#1"


def test_other_parameters_of_the_flow_are_another_plan_to_approve(stage: Stage) -> None:
    stage.port.answer = YES
    for day in (1, 2):
        approve(stage, stage.open(plan(PURGE), parameters={"day": day}))
    assert len(stage.port.asked) == 2


def test_an_automatic_retry_of_the_flow_is_covered_and_a_restart_is_not(staged: Staged) -> None:
    stage = staged(policy=WHOLE, executor="first")
    stage.port.answer = YES
    run = stage.open(plan(PURGE, retries=1))
    approve(stage, run)
    stage.close(run, failed="OSError")
    stage.port.answer = nobody_is_asked
    again = stage.open(plan(PURGE, retries=1), attempt=2, fresh=False)
    approve(stage, again)
    stage.close(again, failed="OSError")

    restarted = staged(policy=WHOLE, executor="second")
    restarted.port.answer = YES
    approve(restarted, restarted.open(plan(PURGE, retries=1), attempt=3))
    (asked,) = restarted.port.asked
    assert "It has run already and failed" in asked.reason


def test_a_suspended_run_keeps_its_approval_and_a_killed_one_does_not(staged: Staged) -> None:
    first = staged(policy=WHOLE, executor="first")
    first.port.answer = YES
    run = first.open(plan(PURGE))
    approve(first, run)
    first.close(run, failed="suspended")

    second = staged(policy=WHOLE, executor="second")
    second.port.answer = nobody_is_asked
    approve(second, second.open(plan(PURGE)))  # and is killed: no outcome is on record

    third = staged(policy=WHOLE, executor="third")
    third.port.answer = YES
    approve(third, third.open(plan(PURGE)))
    (asked,) = third.port.asked
    assert "it may have run" in asked.reason


def test_in_observe_mode_nobody_is_asked(staged: Staged) -> None:
    stage = staged(policy=WHOLE, mode="observe")
    approve(stage, stage.open(plan(PURGE)))
    assert stage.port.asked == []
