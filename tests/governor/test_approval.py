"""What an approval covers, and everything that makes a run ask again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from govflow.approval import ApprovalRequest, RequestState
from govflow.audit.record import Draft
from govflow.errors import ApprovalDenied, ApprovalExpired, ApprovalRevoked, PolicyError, Refused
from govflow.governor.call import Grant
from govflow.governor.governed_run import GovernedRun
from govflow.ir.models import Edge, EdgeKind, Multiplicity
from tests.governor.conftest import Staged
from tests.governor.plans import plan, step
from tests.governor.stage import POLICY, Answer, Killed, People, Stage, approved_by, denied_by, then_killed

PURGE = step("etl/purge#1", action="data:delete", provider="duckdb", resource="dataset://acme/sales")
YES = approved_by("bob", "carol")


def purge(stage: Stage, run: GovernedRun, rows: int = 3, **call: Any) -> Grant:
    """Reach the step that needs people."""
    return stage.call(run, "etl/purge#1", given={"rows": rows}, **call)


def after_a_crash(staged: Staged, answer: Answer) -> Stage:
    """People answered a first process, which ended before it went on; the stage of the next one."""
    first = staged(executor="first")
    first.port.answer = then_killed(answer)
    with pytest.raises(Killed):
        purge(first, first.open(plan(PURGE), parameters={"day": 1}))
    return staged(executor="second")


# --- the question -----------------------------------------------------------------------------------------------------


def test_people_are_told_what_why_and_until_when(stage: Stage) -> None:
    run = stage.open(plan(PURGE))
    stage.port.answer = YES
    grant = purge(stage, run)
    (asked,) = stage.port.asked
    assert grant.request is not None
    assert grant.request.request_id == asked.request_id
    assert asked.reason.startswith("purge does data:delete on dataset://acme/sales: tier 3 (")
    assert asked.requester == "alice"
    assert asked.policy_rule == "two-say-yes"
    assert asked.expires_at - asked.created_at == timedelta(hours=1)
    assert asked.summary["parameters"] == {"rows": 3}
    assert asked.summary["plan_hash"] == run.plan_hash
    (record,) = stage.log("ir.approval_created")
    assert record["payload"]["parameters_digest"] == asked.binding.parameters_digest
    assert record["payload"]["required"] == 2


def test_the_same_parameters_have_another_digest_in_another_run(stage: Stage) -> None:
    stage.port.answer = YES
    for run_id in ("run-1", "run-2"):
        purge(stage, stage.open(plan(PURGE), run_id=run_id))
    one, two = stage.port.asked
    assert one.binding.parameters_digest != two.binding.parameters_digest, "salted: values cannot be guessed from it"


def test_an_approval_rule_that_is_not_there_lets_nothing_run(stage: Stage) -> None:
    run = stage.open(plan(PURGE.model_copy(update={"approval": "the-board"})))
    with pytest.raises(PolicyError, match="no approval rule 'the-board'"):
        purge(stage, run)
    assert "step.intent" not in stage.events()


def test_a_step_does_not_choose_whom_a_policy_rule_asks(stage: Stage) -> None:
    """Two people are asked at tier 3, whatever the code says."""
    run = stage.open(plan(PURGE.model_copy(update={"approval": "one"})))
    stage.port.answer = denied_by("bob", "no")
    with pytest.raises(ApprovalDenied):
        purge(stage, run)
    assert [request.rule.name for request in stage.port.asked] == ["two"]


# --- no ---------------------------------------------------------------------------------------------------------------


def test_a_denial_carries_who_and_why(stage: Stage) -> None:
    run = stage.open(plan(PURGE))
    stage.port.answer = denied_by("bob", "not during the audit")
    with pytest.raises(ApprovalDenied, match="Denied by bob: not during the audit"):
        purge(stage, run)
    (refused,) = stage.log("step.refused")
    assert refused["payload"]["code"] == "approval-denied"
    assert "step.intent" not in stage.events()


def test_a_denial_stands_over_retries_of_task_and_flow(stage: Stage) -> None:
    refused: dict[tuple[str, int | None], Refused] = {}
    again = plan(PURGE.model_copy(update={"retries": 3}))
    stage.port.answer = denied_by("bob", "no")
    for flow_attempt in (1, 2):
        run = stage.open(again, refused=refused, attempt=flow_attempt)
        for attempt in (1, 2, 3):
            with pytest.raises(ApprovalDenied, match="Denied by bob: no"):
                purge(stage, run, attempt=attempt)
    assert len(stage.port.asked) == 1


@pytest.mark.parametrize(
    ("to", "words"), [(RequestState.REVOKED, "is revoked"), (RequestState.VOIDED, "is voided")], ids=str
)
def test_a_request_that_is_withdrawn_lets_nothing_run(stage: Stage, to: RequestState, words: str) -> None:
    def withdrawn(port: People, request: ApprovalRequest) -> None:
        assert port.move(request.request_id, to, "the run was cancelled")

    run = stage.open(plan(PURGE))
    stage.port.answer = withdrawn
    with pytest.raises(ApprovalRevoked, match=words):
        purge(stage, run)


def test_nobody_answers_in_time(stage: Stage) -> None:
    def nobody(port: People, request: ApprovalRequest) -> None:
        port.later = timedelta(hours=1)

    run = stage.open(plan(PURGE))
    stage.port.answer = nobody
    with pytest.raises(ApprovalExpired, match="without enough approvals"):
        purge(stage, run)
    assert stage.requests()[0].state is RequestState.EXPIRED
    assert "ir.approval_expired" in stage.events()
    assert "step.intent" not in stage.events()


def test_an_approval_that_is_used_too_late_lets_nothing_run(stage: Stage) -> None:
    def late(port: People, request: ApprovalRequest) -> None:
        YES(port, request)
        port.later = timedelta(hours=1)

    run = stage.open(plan(PURGE))
    stage.port.answer = late
    with pytest.raises(ApprovalExpired, match="was approved, and was not used before it expired"):
        purge(stage, run)
    assert "ir.approval_consumed" not in stage.events()


# --- what an approval covers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("retries", "flow_retries"), [(0, 0), (2, 0), (1, 1)])
def test_automatic_retries_run_under_one_approval_and_not_one_more(
    stage: Stage, retries: int, flow_retries: int
) -> None:
    planned = (retries + 1) * (flow_retries + 1)
    run = stage.open(plan(PURGE.model_copy(update={"retries": retries}), retries=flow_retries))
    stage.port.answer = YES
    for attempt in range(1, planned + 1):
        stage.finish(run, purge(stage, run, attempt=attempt), failed="OSError")
    assert len(stage.port.asked) == 1
    stage.port.answer = denied_by("bob", "enough")
    with pytest.raises(ApprovalDenied):
        purge(stage, run, attempt=planned + 1)
    assert len(stage.port.asked) == 2
    assert "It has run already and failed" in stage.port.asked[1].reason
    assert len(stage.log("step.intent")) == planned


def test_a_step_that_succeeded_does_not_run_again_under_its_approval(stage: Stage) -> None:
    run = stage.open(plan(PURGE.model_copy(update={"retries": 5})))
    stage.port.answer = YES
    stage.finish(run, purge(stage, run))
    stage.port.answer = denied_by("bob", "once is enough")
    with pytest.raises(ApprovalDenied):
        purge(stage, run)


def test_another_run_asks_again(stage: Stage) -> None:
    stage.port.answer = YES
    for run_id in ("run-1", "run-2"):
        purge(stage, stage.open(plan(PURGE), run_id=run_id))
    assert [request.binding.run_id for request in stage.port.asked] == ["run-1", "run-2"]


@pytest.mark.covers("S5-29")
def test_an_identical_plan_keeps_its_approval(staged: Staged) -> None:
    second = after_a_crash(staged, YES)
    grant = purge(second, second.open(plan(PURGE), parameters={"day": 1}))
    assert grant.request is not None
    assert not second.port.asked
    assert len(second.requests()) == 1


def test_a_question_that_is_open_is_not_asked_twice(staged: Staged) -> None:
    second = after_a_crash(staged, approved_by("bob"))
    second.port.answer = approved_by("carol")
    purge(second, second.open(plan(PURGE), parameters={"day": 1}))
    assert len(second.requests()) == 1


CHANGES: dict[str, dict[str, Any]] = {
    "the step's parameters changed": {"rows": 4},
    "the plan or its parameters (IR) changed": {"day": 2},
    "the policy changed": {"policy": POLICY.replace("name: acme", "name: acme-2")},
    "(IR) changed": {"plan": plan(PURGE.model_copy(update={"code": "sha256:" + "b" * 64}))},
    "(IR)": {"plan": plan(PURGE, edges=(Edge(source="etl", target="etl/purge#1", kind=EdgeKind.ORDER),))},
}


@pytest.mark.covers("S5-29")
@pytest.mark.parametrize("words", CHANGES, ids=["step parameters", "flow parameters", "policy", "code", "graph"])
@pytest.mark.parametrize("answered", [YES, approved_by("bob")], ids=["approved", "pending"])
def test_a_change_voids_an_approval_and_says_what_changed(staged: Staged, answered: Answer, words: str) -> None:
    change = CHANGES[words]
    after_a_crash(staged, answered)
    second = staged(change.get("policy", POLICY), executor="second")
    second.port.answer = YES
    a_plan = change.get("plan", plan(PURGE))
    second.approve(a_plan)
    purge(second, second.open(a_plan, parameters={"day": change.get("day", 1)}), change.get("rows", 3))
    new, old = second.requests()
    assert (old.state, new.state) == (RequestState.VOIDED, RequestState.EXERCISED)
    (voided,) = second.log("approval.voided")
    assert words in voided["payload"]["reason"]
    assert "An earlier approval is void" in new.reason
    assert words in new.reason


@pytest.mark.covers("B-03")
def test_what_changed_in_plan_and_policy_is_named_step_by_step_and_rule_by_rule(staged: Staged) -> None:
    after_a_crash(staged, YES)
    second = staged(POLICY.replace("nobody pays from here", "nobody pays at all"), executor="second")
    second.port.answer = YES
    load = step("etl/load#1", action="data:read", provider="duckdb", resource="dataset://acme/sales")
    a_plan = plan(PURGE.model_copy(update={"retries": 2}), load)
    second.approve(a_plan)
    purge(second, second.open(a_plan, parameters={"day": 1}))
    (voided,) = second.log("approval.voided")
    new = second.requests()[0]
    for words in ("+ etl/load#1", "~ etl/purge#1: retries", "~ rule no-payments"):
        assert words in voided["payload"]["reason"]
        assert words in new.reason


# --- after a crash ----------------------------------------------------------------------------------------------------


def test_a_step_that_another_execution_started_asks_again(staged: Staged) -> None:
    first, second = staged(executor="first"), staged(executor="second")
    first.port.answer = YES
    retried = plan(PURGE.model_copy(update={"retries": 5}))
    purge(first, first.open(retried))  # and then it was killed
    second.port.answer = denied_by("carol", "look at the table first")
    with pytest.raises(ApprovalDenied):
        purge(second, second.open(retried, attempt=2))
    (asked,) = second.port.asked
    assert "started under an approval and cannot be continued; it may have run" in asked.reason
    assert len(second.log("step.intent")) == 1


class Meeting(People):
    """Executions that claim at the same instant."""

    barrier = threading.Barrier(2, timeout=240)

    def claim(self, request: ApprovalRequest, attempts_allowed: int, draft: Draft) -> bool:
        self.barrier.wait()
        return super().claim(request, attempts_allowed, draft)


@pytest.mark.once
def test_of_two_executions_that_claim_one_approval_exactly_one_runs(staged: Staged) -> None:
    after_a_crash(staged, YES)

    def execute(name: str) -> str:
        stage = staged(executor=name)
        stage.port = Meeting(stage.workspace, name)
        try:
            purge(stage, stage.open(plan(PURGE), parameters={"day": 1}))
        except Refused as refused:
            return refused.message
        return "ran"

    with ThreadPoolExecutor(2) as executions:
        ends = sorted(executions.map(execute, ["second", "third"]))
    assert ends[0].startswith("Request request-0 was used by another execution of this run")
    assert ends[1] == "ran"
    stage = staged()
    assert len(stage.log("ir.approval_consumed")) == len(stage.log("step.intent")) == 1


# --- maps -------------------------------------------------------------------------------------------------------------

MANY = PURGE.model_copy(update={"multiplicity": Multiplicity.MANY})


def elements(stage: Stage, run: GovernedRun, *rows: int) -> dict[int, int | None]:
    """Run an element for each; the map index that each was approved under."""
    found = {}
    for number in rows:
        grant = purge(stage, run, number, task_run=f"task-run-{number}-{stage.port.executor}")
        assert grant.request is not None
        found[number] = grant.request.binding.map_index
    return found


def test_every_element_of_a_map_is_asked_for(stage: Stage) -> None:
    run = stage.open(plan(MANY))
    stage.port.answer = YES
    assert elements(stage, run, 7, 8, 9) == {7: 0, 8: 1, 9: 2}
    assert [record["payload"]["map_index"] for record in stage.log("step.intent")] == [0, 1, 2]
    assert len({request.binding.parameters_digest for request in stage.port.asked}) == 3


def test_elements_with_equal_parameters_are_asked_for_one_by_one(stage: Stage) -> None:
    run = stage.open(plan(MANY))
    stage.port.answer = YES
    indices = []
    for number in range(3):
        grant = purge(stage, run, 7, task_run=f"task-run-{number}")
        assert grant.request is not None
        indices.append(grant.request.binding.map_index)
    assert indices == [0, 1, 2]
    assert len(stage.port.asked) == 3


def test_elements_that_come_in_another_order_after_a_restart_find_their_own_requests(staged: Staged) -> None:
    first = staged(executor="first")
    run = first.open(plan(MANY))
    first.port.answer = then_killed(YES)
    for rows in (7, 8, 9):
        with pytest.raises(Killed):
            purge(first, run, rows, task_run=f"task-run-{rows}")
    second = staged(executor="second")
    assert elements(second, second.open(plan(MANY)), 9, 7, 8) == {9: 2, 7: 0, 8: 1}
    assert not second.port.asked


def test_a_retry_of_an_element_keeps_its_index(stage: Stage) -> None:
    run = stage.open(plan(MANY.model_copy(update={"retries": 1})))
    stage.port.answer = YES
    for rows in (7, 8):
        stage.finish(run, purge(stage, run, rows, task_run=f"task-run-{rows}"), failed="OSError")
    grant = purge(stage, run, 8, task_run="task-run-8", attempt=2)
    assert grant.request is not None
    assert grant.request.binding.map_index == 1
    assert len(stage.port.asked) == 2


def test_a_denied_element_does_not_stop_the_others(stage: Stage) -> None:
    run = stage.open(plan(MANY))
    stage.port.answer = denied_by("bob", "not this one")
    with pytest.raises(ApprovalDenied):
        purge(stage, run, 7, task_run="task-run-7")
    stage.port.answer = YES
    assert elements(stage, run, 8) == {8: 1}
