"""What a standing approval lets through without asking, and everything for which people are asked as usual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from govflow.approval import ApprovalRequest, RequestState, VoteDecision
from govflow.errors import ApprovalDenied, RequestError
from govflow.governor.call import Grant
from govflow.governor.governed_run import GovernedRun
from govflow.identity import Principal
from govflow.ir.models import Multiplicity, Plan
from govflow.services.decide_approvals import decide
from govflow.services.describe import request_text
from govflow.services.revoke_approval import revoke
from govflow.services.stand import in_force, list_standing, stand
from tests.governor.conftest import Staged
from tests.governor.plans import ALICE, plan, step
from tests.governor.stage import POLICY, Stage, denied_by

TERMS = "standing: {max_runs: 3, ttl_seconds: 86400}"
STANDING = POLICY.replace(
    'two: {required: 2, approvers: ["*"]}',
    'two: {required: 2, approvers: ["*"], standing: {max_runs: 3, ttl_seconds: 86400}}',
)
PURGE = step("etl/purge#1", action="data:delete", provider="duckdb", resource="dataset://acme/sales")
NO = denied_by("zoe", "was asked")


def propose(stage: Stage, a_plan: Plan, **changes: Any) -> ApprovalRequest:
    """Put a standing approval to people, as dora does."""
    now = stage.port.now()
    stage.approve(a_plan)
    given: dict[str, Any] = {
        "flow": "etl",
        "step_id": "etl/purge#1",
        "runs": 2,
        "until": now + timedelta(hours=2),
        "constraint": {"table": "staging"},
        "reason": "a purge of staging each night",
        "now": now,
        "new_id": f"standing-{len(stage.requests())}",
    }
    return stand(stage.workspace, Principal(name="dora"), **(given | changes))


def approved(stage: Stage, a_plan: Plan, by: tuple[str, ...] = ("bob", "carol"), **changes: Any) -> ApprovalRequest:
    """The same, and people say yes."""
    asked = propose(stage, a_plan, **changes)
    for name in by:
        decide(stage.workspace, asked.request_id, Principal(name=name), VoteDecision.APPROVE, "", stage.port.now())
    return stage.port.store.approvals.get(asked.request_id)


def purge(stage: Stage, run: GovernedRun, **call: Any) -> Grant:
    return stage.call(run, "etl/purge#1", **{"given": {"table": "staging"}, **call})


def is_asked(stage: Stage, run: GovernedRun, **call: Any) -> bool:
    """Whether people are asked about the call."""
    before = len(stage.port.asked)
    stage.port.answer = NO
    try:
        purge(stage, run, **call)
    except ApprovalDenied:
        return True
    assert len(stage.port.asked) == before
    return False


@pytest.fixture
def stage(staged: Staged) -> Stage:
    return staged(STANDING)


@pytest.mark.covers("B-11")
def test_runs_within_its_bounds_ask_nobody_and_the_record_names_who_approved(stage: Stage) -> None:
    held = approved(stage, plan(PURGE))
    assert held.state is RequestState.APPROVED
    grant = purge(stage, stage.open(plan(PURGE)))
    assert stage.port.asked == []
    assert grant.request is not None
    used = stage.port.store.approvals.get(grant.request.request_id)
    assert used.state is RequestState.EXERCISED
    assert f"standing approval {held.request_id}, by bob, carol" in request_text(used)
    granted = [record for record in stage.log("approval.granted") if "standing" in record["payload"]]
    assert [one["payload"]["standing"] for one in granted] == [held.request_id]
    assert granted[0]["payload"]["approved_by"] == ["bob", "carol"]
    assert granted[0]["payload"]["request_id"] == grant.request.request_id


def test_it_lets_so_many_runs_through_and_one_run_counts_once(stage: Stage) -> None:
    again = plan(PURGE.model_copy(update={"multiplicity": Multiplicity.MANY}))
    approved(stage, again)
    for number in (1, 2):
        run = stage.open(again, run_id=f"run-{number}")
        assert [is_asked(stage, run, task_run=f"task-{one}") for one in range(3)] == [False] * 3
    ((standing, _),) = list_standing(stage.workspace)
    assert (standing.used, standing.max_runs) == (2, 2)
    assert is_asked(stage, stage.open(again, run_id="run-3"))
    assert not is_asked(stage, run, task_run="task-late"), "a run that counts goes on"


def test_another_value_another_plan_another_policy_ask_people(staged: Staged, stage: Stage) -> None:
    held = approved(stage, plan(PURGE))
    assert is_asked(stage, stage.open(plan(PURGE), run_id="run-2"), given={"table": "sales"})
    other = plan(PURGE.model_copy(update={"code": "sha256:" + "b" * 64}))
    stage.approve(other)
    assert is_asked(stage, stage.open(other, run_id="run-3"))
    ((standing, asked),) = list_standing(stage.workspace)
    assert in_force(stage.workspace, standing, asked, stage.port.now()) == "void: the approved plan is another one"
    stage.approve(plan(PURGE))
    second = staged(STANDING.replace("name: acme", "name: acme-two"))
    assert is_asked(second, second.open(plan(PURGE), run_id="run-4"))
    assert "policy is another" in in_force(second.workspace, standing, asked, stage.port.now())
    assert not is_asked(stage, stage.open(plan(PURGE), run_id="run-5"))
    assert held.state is RequestState.APPROVED


def test_whoever_approved_it_is_asked_about_for_runs_of_their_own(stage: Stage) -> None:
    approved(stage, plan(PURGE), by=("bob", "alice"))
    assert is_asked(stage, stage.open(plan(PURGE)))
    assert not is_asked(stage, stage.open(plan(PURGE), run_id="run-2", requester=Principal(name="erin")))
    as_alice = {"run_id": "run-3", "requester": Principal(name="ALICE")}
    assert is_asked(stage, stage.open(plan(PURGE), **as_alice)), "another spelling is the same person"


def test_who_owns_what_started_the_run_did_not_approve_it(stage: Stage) -> None:
    approved(stage, plan(PURGE))
    assert is_asked(stage, stage.open(plan(PURGE), owners=("bob",)))


def test_a_secret_is_compared_with_nothing(stage: Stage) -> None:
    approved(stage, plan(PURGE), constraint={"table": "staging", "key": "**********"})
    assert is_asked(stage, stage.open(plan(PURGE)), given={"table": "staging", "key": SecretStr("gnomon")})
    with pytest.raises(RequestError, match="may be a secret"):
        propose(stage, plan(PURGE), constraint={"password": "gnomon"})


def test_what_the_constraint_fixes_is_judged_as_fixed_and_the_rest_as_the_worst_it_could_be(staged: Staged) -> None:
    one = POLICY.replace("{gte: 3}", "{gte: 9}").replace("{equals: 2}", "{gte: 2}")
    stage = staged(one.replace('one: {required: 1, approvers: ["*"]', 'one: {required: 1, approvers: ["*"], ' + TERMS))
    write = PURGE.model_copy(update={"records": "{rows}", "parameters": ("rows", "table")})
    wide = approved(stage, plan(write), by=("bob",), constraint={})
    small = approved(stage, plan(write), by=("bob",), constraint={"rows": 1})
    assert wide.tier >= small.tier
    revoke(stage.workspace, wide.request_id, Principal(name="dora"), "", stage.port.now())
    assert not is_asked(stage, stage.open(plan(write), run_id="run-1"), given={"table": "staging", "rows": 1})
    assert is_asked(stage, stage.open(plan(write), run_id="run-2"), given={"table": "staging", "rows": 1_000_000})
    assert "rows is 1" in small.reason


def test_before_it_is_approved_and_after_it_is_taken_back_people_are_asked(stage: Stage) -> None:
    asked = propose(stage, plan(PURGE))
    assert is_asked(stage, stage.open(plan(PURGE)))
    for name in ("bob", "carol"):
        decide(stage.workspace, asked.request_id, Principal(name=name), VoteDecision.APPROVE, "", stage.port.now())
    assert not is_asked(stage, stage.open(plan(PURGE), run_id="run-2"))
    revoke(stage.workspace, asked.request_id, Principal(name="dora"), "enough", stage.port.now())
    assert is_asked(stage, stage.open(plan(PURGE), run_id="run-3"))


def test_after_its_end_people_are_asked(stage: Stage) -> None:
    approved(stage, plan(PURGE))
    stage.port.later = timedelta(hours=2)
    assert is_asked(stage, stage.open(plan(PURGE)))
    stage.port.store.approvals.expire_due(stage.port.now())
    ((_, asked),) = list_standing(stage.workspace)
    assert asked.state is RequestState.EXPIRED
    assert stage.port.store.approvals.why(asked.request_id) == "its time is over"


def test_who_proposes_it_does_not_answer(stage: Stage) -> None:
    asked = propose(stage, plan(PURGE))
    with pytest.raises(Exception, match="cannot approve"):
        decide(stage.workspace, asked.request_id, Principal(name="dora"), VoteDecision.APPROVE, "", stage.port.now())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runs": 4}, "allows 1 to 3"),
        ({"runs": 0}, "allows 1 to 3"),
        ({"until": datetime.now(UTC) + timedelta(days=2)}, "allows until"),
        ({"until": datetime.now(UTC) - timedelta(days=2)}, "allows until"),
        ({"step_id": "etl/other#1"}, "has no step"),
        ({"flow": "other"}, "no approved plan"),
    ],
)
def test_what_lies_outside_its_terms_is_not_proposed(stage: Stage, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        propose(stage, plan(PURGE), **changes)
    assert stage.requests() == []


def test_a_rule_without_terms_and_a_step_that_asks_nobody_have_none(staged: Staged) -> None:
    plain = staged(POLICY)
    with pytest.raises(RequestError, match="lets nothing be approved for more than one run"):
        propose(plain, plan(PURGE))
    read = step("etl/load#1", action="data:read", provider="duckdb", resource="dataset://acme/sales")
    with pytest.raises(RequestError, match="lets it pass without one"):
        propose(plain, plan(read), step_id="etl/load#1")


def test_the_same_one_is_proposed_once(stage: Stage) -> None:
    until = stage.port.now() + timedelta(hours=1)
    propose(stage, plan(PURGE), until=until)
    with pytest.raises(RequestError, match="pending already"):
        propose(stage, plan(PURGE), until=until)


def test_an_answer_that_was_no_is_not_gone_round(stage: Stage) -> None:
    """People said no to this run; what they had said of others before does not count for it."""
    run = stage.open(plan(PURGE))
    assert is_asked(stage, run)
    approved(stage, plan(PURGE))
    with pytest.raises(ApprovalDenied):
        purge(stage, run)
    assert ALICE.name == run.facts.requester.name
