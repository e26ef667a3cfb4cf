"""One person lets a step run in an emergency: loudly, and never without somebody else who looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from govflow.approval import ApprovalRule, RequestState, VoteDecision
from govflow.approval.models import BreakGlass
from govflow.audit.record import Draft, Severity
from govflow.errors import AlreadyVoted, GovflowError, NotEligible, RequestClosed, RequestError, SelfApproval
from govflow.ir.models import Tier
from govflow.services.break_glass import break_glass, list_reviews, review
from govflow.services.check_database import check_database
from govflow.services.decide_approvals import decide
from govflow.services.health import Health
from govflow.services.workspace import Workspace
from govflow.store.requests import STANDING_RUN
from tests.services.desks import HOUR, NOW, ask, desk, log

WHY = "the site is down and nobody answers"
RULE = ApprovalRule(
    name="owners",
    approvers=("role:owner",),
    required=2,
    break_glass=BreakGlass(approvers=("role:on-call",), review_seconds=7200),
)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Workspace]:
    opened = desk(tmp_path, RULE, bob=("owner",), carol=("owner",), dora=("on-call", "owner"), alice=("on-call",))
    yield opened
    opened.close()


def test_one_person_is_enough_and_the_record_is_as_loud_as_there_is(at: Workspace) -> None:
    ask(at, RULE, tier=Tier.MEDIUM)
    question = break_glass(at, "req-1", at.principal("dora"), WHY, NOW)
    assert question.request.state is RequestState.APPROVED
    assert [(vote.principal, vote.kind) for vote in question.votes] == [("dora", "break_glass")]
    (record,) = log(at, "approval.break_glass")
    assert record["severity"] == Severity.CRITICAL
    assert (record["payload"]["tier"], record["payload"]["step_tier"]) == (3, 2)
    assert record["payload"]["review_by"] == (NOW + 2 * HOUR).isoformat()
    assert [one["payload"]["approved_by"] for one in log(at, "approval.granted")] == [["dora"]]
    (due,) = list_reviews(at, NOW)
    assert (due.request_id, due.principal, due.due_at, due.reviewed_by) == ("req-1", "dora", NOW + 2 * HOUR, None)


@pytest.mark.parametrize(
    ("name", "reason", "error"),
    [
        ("bob", WHY, NotEligible),
        ("mallory", WHY, NotEligible),
        ("alice", WHY, SelfApproval),
        ("olga", WHY, SelfApproval),
        ("dora", "now", RequestError),
    ],
)
def test_nobody_else_and_never_without_a_reason(
    at: Workspace, name: str, reason: str, error: type[GovflowError]
) -> None:
    ask(at, RULE, owners=("olga",))
    with pytest.raises(error):
        break_glass(at, "req-1", at.principal(name), reason, NOW)
    assert at.store.approvals.get("req-1").state is RequestState.PENDING
    assert list_reviews(at, NOW) == []
    assert log(at, "approval.break_glass") == []


def test_a_rule_without_it_has_none(at: Workspace) -> None:
    ask(at, RULE.model_copy(update={"break_glass": None}))
    with pytest.raises(NotEligible, match="has no break glass"):
        break_glass(at, "req-1", at.principal("dora"), WHY, NOW)


def test_nobody_lets_several_runs_through_alone(at: Workspace) -> None:
    asked = ask(at, RULE)
    run_id = f"{STANDING_RUN}several"
    several = asked.model_copy(
        update={"request_id": "several", "binding": asked.binding.model_copy(update={"run_id": run_id})}
    )
    at.store.approvals.open(several, Draft("ir.approval_created", "default", NOW, subject="alice"))
    with pytest.raises(NotEligible, match="An emergency is one run"):
        break_glass(at, "several", at.principal("dora"), WHY, NOW)
    assert list_reviews(at, NOW) == []


def test_a_vote_that_was_cast_is_not_made_another_one(at: Workspace) -> None:
    ask(at, RULE)
    decide(at, "req-1", at.principal("dora"), VoteDecision.APPROVE, "", NOW)
    with pytest.raises(AlreadyVoted):
        break_glass(at, "req-1", at.principal("dora"), WHY, NOW)
    decide(at, "req-1", at.principal("bob"), VoteDecision.DENY, "", NOW)
    with pytest.raises(RequestClosed):
        break_glass(at, "req-1", at.principal("dora"), WHY, NOW)


@pytest.mark.parametrize("name", ["dora", "DORA", "alice", "olga", "mallory"])
def test_who_had_a_part_in_it_or_is_unknown_does_not_review_it(at: Workspace, name: str) -> None:
    ask(at, RULE, owners=("olga",))
    break_glass(at, "req-1", at.principal("dora"), WHY, NOW)
    with pytest.raises((SelfApproval, NotEligible)):
        review(at, "req-1", at.principal(name), "all was as it should be", NOW)
    assert len(list_reviews(at, NOW)) == 1


def test_somebody_else_reviews_it_once(at: Workspace) -> None:
    ask(at, RULE)
    with pytest.raises(RequestError, match="has no review"):
        review(at, "req-1", at.principal("carol"), "all was as it should be", NOW)
    break_glass(at, "req-1", at.principal("dora"), WHY, NOW)
    with pytest.raises(RequestError, match="needs a finding"):
        review(at, "req-1", at.principal("carol"), "ok", NOW)
    done = review(at, "req-1", at.principal("carol"), "all was as it should be", NOW + HOUR)
    assert (done.reviewed_by, done.finding) == ("carol", "all was as it should be")
    with pytest.raises(RequestError, match="reviewed before"):
        review(at, "req-1", at.principal("bob"), "I see it otherwise", NOW + HOUR)
    assert list_reviews(at, NOW) == []
    assert list_reviews(at, NOW, reviewed=True) == [done]
    (record,) = log(at, "approval.reviewed")
    assert (record["subject"], record["payload"]["broken_by"], record["payload"]["late"]) == ("carol", "dora", False)


def test_a_review_that_is_overdue_is_told_until_it_is_done(at: Workspace) -> None:
    ask(at, RULE)
    break_glass(at, "req-1", at.principal("dora"), WHY, NOW)
    soon, late = NOW + 2 * HOUR - timedelta(seconds=1), NOW + 2 * HOUR
    assert list_reviews(at, soon, due=True) == []
    assert len(list_reviews(at, late, due=True)) == 1
    assert "reviews" not in {one.name for one in check_database(at.settings, at, soon)}
    (told,) = [one for one in check_database(at.settings, at, late) if one.name == "reviews"]
    assert told.health is Health.WARN
    assert "req-1 (by dora" in told.what
    review(at, "req-1", at.principal("carol"), "all was as it should be", late)
    assert "reviews" not in {one.name for one in check_database(at.settings, at, late)}
    (record,) = log(at, "approval.reviewed")
    assert record["payload"]["late"] is True
