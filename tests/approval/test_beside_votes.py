"""Break glass, standing approvals, thresholds, and rules that nobody can meet."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from govflow.approval.break_glass import judge_break_glass
from govflow.approval.effective import rule_for, rule_for_deeds
from govflow.approval.models import (
    ApprovalRule,
    BreakGlass,
    Escalation,
    RequestState,
    Standing,
    Threshold,
    Vote,
    VoteDecision,
    VoteKind,
)
from govflow.approval.progress import progress
from govflow.approval.satisfiable import unsatisfiable
from govflow.approval.standing import why_not_covered
from govflow.errors import NotAsked, NotEligible, RequestClosed, RequestError, SelfApproval
from govflow.ir.models import Tier
from tests.approval.build import NOW, digest, rule, vote
from tests.approval.chain import Play, asks, chain, group, stage

GLASS = rule(2, "role:owner").model_copy(update={"break_glass": BreakGlass(approvers=("group:oncall",))})
ONCALL = frozenset({"group:oncall"})


def broken(name: str = "bob", reason: str = "the site is down", **changes: Any) -> Vote:
    return vote(name, reason=reason, kind=VoteKind.BREAK_GLASS, **changes)


def test_break_glass_approves_alone_and_is_no_vote_among_others() -> None:
    outcome = judge_break_glass(asks(GLASS), broken(), ONCALL)
    assert (outcome.state, outcome.needed, outcome.approved_by) == (RequestState.APPROVED, 0, ("bob",))
    seen = progress(asks(GLASS), [broken()], NOW)
    assert (seen.needed, seen.approved_by) == (2, ("bob",))
    with pytest.raises(NotEligible):
        Play(asks(GLASS)).cast("bob", "group:oncall")  # named for emergencies only


@pytest.mark.parametrize(
    ("request_", "cast", "selectors", "error"),
    [
        (asks(GLASS), broken(), frozenset({"role:owner"}), NotEligible),
        (asks(rule(2)), broken(), ONCALL, NotEligible),
        (asks(GLASS), broken("Alice "), ONCALL, SelfApproval),
        (asks(GLASS, owners=("bob",)), broken("BOB"), ONCALL, SelfApproval),
        (asks(GLASS, state=RequestState.DENIED), broken(), ONCALL, RequestClosed),
        (asks(GLASS), broken(seconds=3600), ONCALL, RequestClosed),
        (asks(GLASS), broken(reason="  urgent!  "), ONCALL, RequestError),
        (asks(GLASS), vote("bob", reason="the site is down"), ONCALL, ValueError),
        (asks(GLASS), broken(decision=VoteDecision.DENY), ONCALL, ValueError),
        (asks(GLASS), broken(through=("carol",)), ONCALL, ValueError),
    ],
)
def test_break_glass_is_refused(request_: Any, cast: Vote, selectors: frozenset[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        judge_break_glass(request_, cast, selectors)


STANDING = Standing(
    request_id="req-1", tenant="acme", flow="nightly", step_id="nightly/load#0", plan_hash=digest("1"),
    policy_digest=digest("2"), constraint={"table": ["a", "b"], "limit": 10}, max_runs=3, used=1,
    expires_at=NOW + timedelta(hours=1), approved_by=("bob",),
)  # fmt: skip
CALL: dict[str, Any] = {
    "plan_hash": digest("1"), "policy_digest": digest("2"), "flow": "nightly", "step_id": "nightly/load#0",
    "parameters": {"table": "a", "limit": 10, "free": "x"}, "requester": "alice", "now": NOW,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, None),
        ({"parameters": {"table": "b", "limit": 10.0}}, None),
        ({"now": NOW + timedelta(hours=1)}, "it ended"),
        ({"flow": "weekly"}, "it is for step"),
        ({"step_id": "nightly/drop#0"}, "it is for step"),
        ({"plan_hash": digest("9")}, "the plan has changed"),
        ({"policy_digest": digest("9")}, "the policy has changed"),
        ({"requester": " BOB"}, "approved it, and asks"),
        ({"parameters": {"table": "a"}}, "no parameter 'limit'"),
        ({"parameters": {"table": "secret-table", "limit": 10}}, "parameter 'table' has a value"),
        ({"parameters": {"table": ["a", "b"], "limit": 10}}, "parameter 'table' has a value"),
        ({"parameters": {"table": "a", "limit": True}}, "parameter 'limit' has a value"),
        ({"parameters": {"table": "a", "limit": float("nan")}}, "parameter 'limit' has a value"),
    ],
)
def test_what_a_standing_approval_covers(change: dict[str, Any], why: str | None) -> None:
    said = why_not_covered(STANDING, **{**CALL, **change})
    assert said is None if why is None else why in str(said)
    assert "secret-table" not in str(said)


def test_a_standing_approval_ends_with_its_runs_and_counts_only_once_approved() -> None:
    assert "good for 3" in str(why_not_covered(STANDING.model_copy(update={"used": 3}), **CALL))
    assert "nobody" in str(why_not_covered(STANDING.model_copy(update={"approved_by": ()}), **CALL))


PHI = Threshold(tiers=(Tier.HIGH,), actions=("data:*",), resources=("dataset://phi/*",), required=3)
RAISED = rule(1, "role:owner").model_copy(update={"thresholds": (PHI, Threshold(tiers=(Tier.MEDIUM,), required=2))})


@pytest.mark.parametrize(
    ("tier", "action", "resource", "required"),
    [
        (Tier.HIGH, "data:delete", "dataset://phi/a", 3),
        (Tier.HIGH, "data:delete", "DATASET://phi/x/../a", 3),  # another spelling of it
        (Tier.HIGH, "data:delete", "dataset://{?}/a", 3),  # may be it
        (Tier.HIGH, "data:delete", "dataset://acme/../../phi", 3),  # names no one place
        (Tier.HIGH, "data:delete", "dataset://acme/{?}", 1),
        (Tier.HIGH, "file:write", "dataset://phi/a", 1),
        (Tier.MEDIUM, "file:write", "x", 2),
        (Tier.LOW, "data:delete", "dataset://phi/a", 1),
    ],
)
def test_a_threshold_raises_what_is_required(tier: Tier, action: str, resource: str, required: int) -> None:
    frozen = rule_for(RAISED, tier, action, resource)
    assert (frozen.required, frozen.thresholds) == (required, ())


def test_a_question_about_several_deeds_takes_the_highest() -> None:
    deeds = [(Tier.HIGH, "file:write", "x"), (Tier.HIGH, "data:write", "dataset://phi/a")]
    assert rule_for_deeds(RAISED, deeds).required == 3
    assert rule_for(rule(2), Tier.HIGH, "data:write", "x") == rule(2)


KNOWN: dict[str, dict[str, Any]] = {
    "bob": {"roles": ["owner"], "groups": ["leads"]},
    "carol": {"roles": ["owner"]},
    "dora": {"roles": ["dev"]},
}


@pytest.mark.parametrize(
    ("one", "requester", "met"),
    [
        (chain(stage("one", group("a", "role:owner")), stage("two", group("b", "role:owner"))), None, True),
        (chain(stage("one", group("a", "role:owner")), stage("two", group("b", "role:owner"))), "carol", False),
        (chain(stage("one", group("a", "group:leads"), group("b", "user:bob"))), None, False),
        (chain(stage("one", group("a", "group:leads"), group("b", "user:bob"), need="any")), None, True),
        (chain(stage("one", group("a", "group:leads")), stage("x", group("b", "user:bob"), optional=True)), None, True),
        (chain(stage("one", group("a", "user:bob"), group("b", "*", required=9))), None, True),
        (rule(1, "user:bob").model_copy(update={"thresholds": (Threshold(required=2),)}), None, False),
        (
            rule(2, "user:bob").model_copy(
                update={"escalation": (Escalation(after_seconds=1, approvers=("role:dev",)),)}
            ),
            None,
            True,
        ),
    ],
)
def test_chains_that_can_and_cannot_be_met(one: ApprovalRule, requester: str | None, met: bool) -> None:
    assert (unsatisfiable(one, KNOWN, requester) is None) is met


def test_owners_are_left_out_and_named() -> None:
    reason = unsatisfiable(rule(2, "role:owner"), KNOWN, "dora", owners=("Carol",))
    assert reason is not None
    assert "the requester dora and the owner Carol" in reason


def test_groups_that_nobody_lists_cannot_be_judged() -> None:
    roles_only = {name: {"roles": known["roles"]} for name, known in KNOWN.items()}
    assert unsatisfiable(rule(3, "group:night"), roles_only, None) is None
    assert unsatisfiable(rule(3, "group:night"), KNOWN, None) is not None


def test_a_yes_that_a_full_group_does_not_need_is_not_spent() -> None:
    both = chain(stage("one", group("a", "role:a"), group("b", "role:b")))
    play = Play(asks(both))
    play.cast("bob", "role:a")
    with pytest.raises(NotAsked):
        play.cast("carol", "role:a")
    assert play.cast("dora", "role:b").state is RequestState.APPROVED
