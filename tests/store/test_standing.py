"""Standing approvals at rest: used so often and no more, whoever asks at the same time, and whole or not at all."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from datetime import timedelta

import pytest

from govflow.approval.models import ApprovalRequest, RequestState, Standing, VoteDecision
from govflow.approval.rules import judge_vote
from govflow.audit.verify import Outcome
from govflow.identity import PrincipalKind
from govflow.store import Store
from govflow.store.people import KnownPrincipal
from govflow.store.requests import STANDING_RUN
from tests.store.things import NOW, a_binding, a_draft, a_request, digest, forked, opened, reaped

pytestmark = pytest.mark.once

END = NOW + timedelta(days=1)
PLAN = digest("e")


def propose(store: Store, *, max_runs: int = 5) -> ApprovalRequest:
    asked = a_request("standing", binding=a_binding(run_id=f"{STANDING_RUN}standing"), expires_at=END)
    terms = Standing(
        request_id="standing",
        tenant="acme",
        flow="flights",
        step_id=asked.binding.step_id,
        plan_hash=PLAN,
        policy_digest=asked.binding.policy_digest,
        max_runs=max_runs,
        expires_at=END,
    )
    store.standing.propose(terms, asked, opened(asked))
    return asked


@pytest.fixture
def held(store: Store) -> Store:
    """A store with a standing approval for five runs that bob approved."""
    propose(store)
    store.approvals.vote("standing", "bob", frozenset(), "claimed", VoteDecision.APPROVE, "", NOW, judge_vote)
    return store


def a_person(name: str) -> KnownPrincipal:
    return KnownPrincipal(
        tenant="acme",
        name=name,
        kind=PrincipalKind.PERSON,
        roles=(),
        groups=(),
        email=None,
        issuer=None,
        oidc_subject=None,
        active=True,
        created_at=NOW,
        created_by="root",
    )


def use(store: Store, number: int, step: int = 0) -> bool:
    """Whether a call of a run is let through by it."""
    binding = a_binding(run_id=f"run-{number}", map_index=step)
    request = a_request(f"req-{number}-{step}", binding=binding).model_copy(update={"requester": "erin"})
    found = store.standing.use(request, opened(request), plan_hash=PLAN, parameters=dict)
    return found is not None


def used(store: Store) -> int:
    return store.standing.get("standing")[0].used


def test_so_many_processes_use_it_so_often_and_no_more(held: Store) -> None:
    def child(at: int) -> Callable[[], None]:
        def run() -> None:
            let = sum(use(held, number) for number in range(at * 4, at * 4 + 4))
            os._exit(10 + let)

        return run

    let = [code - 10 for code in reaped(*[forked(child(at)) for at in range(6)])]
    assert sum(let) == 5
    assert used(held) == 5
    events = [json.loads(entry.body) for entry in held.entries("acme")]
    granted = [body for body in events if body["event"] == "approval.granted" and "standing" in body["payload"]]
    assert len(granted) == 5
    assert len([one for one in held.approvals.list("acme", RequestState.APPROVED) if one.requester == "erin"]) == 5
    assert held.verify("acme").outcome is Outcome.VERIFIED


def test_all_calls_of_a_run_count_once_in_whatever_process(held: Store) -> None:
    def child(at: int) -> Callable[[], None]:
        return lambda: None if all(use(held, 1, step) for step in range(at * 5, at * 5 + 5)) else os._exit(3)

    assert reaped(*[forked(child(at)) for at in range(4)]) == [0] * 4
    assert used(held) == 1


def test_it_is_used_or_taken_back_and_the_log_says_in_which_order(held: Store) -> None:
    def users() -> None:
        for number in range(5):
            use(held, number)

    def revoker() -> None:
        held.revocations.revoke("standing", "rita", "claimed", "", NOW, lambda _: None)

    assert reaped(forked(users), forked(revoker)) == [0, 0]
    bodies = [json.loads(entry.body) for entry in held.entries("acme")]
    ends = [
        "use" if "standing" in body["payload"] else body["event"]
        for body in bodies
        if body["event"] == "approval.revoked" or "standing" in body["payload"]
    ]
    assert ends == ["use"] * used(held) + ["approval.revoked"]
    assert not use(held, 9)


def test_a_process_that_is_killed_leaves_a_whole_use_or_none(store: Store) -> None:
    propose(store, max_runs=1000)
    store.approvals.vote("standing", "bob", frozenset(), "claimed", VoteDecision.APPROVE, "", NOW, judge_vote)

    def users() -> None:
        for number in range(400):
            use(store, number)

    child = forked(users)
    while used(store) < 10:
        pass
    os.kill(child, signal.SIGKILL)
    assert reaped(child)[0] in (-9, 0), "killed, or done before"
    through = [one for one in store.approvals.list("acme", limit=1000) if one.requester == "erin"]
    assert {one.state for one in through} == {RequestState.APPROVED}
    assert len(through) == used(store)
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_a_question_that_people_were_asked_is_not_answered_by_it(store: Store) -> None:
    binding = a_binding(run_id="run-1", map_index=0)
    asked = a_request("asked", binding=binding)
    store.approvals.open(asked, opened(asked))
    propose(store)
    store.approvals.vote("standing", "bob", frozenset(), "claimed", VoteDecision.APPROVE, "", NOW, judge_vote)
    assert not use(store, 1)
    assert store.approvals.get("asked").state is RequestState.PENDING
    assert used(store) == 0


def test_more_people_or_a_higher_tier_is_another_question(held: Store) -> None:
    for changes in ({"rule": a_request(required=2).rule}, {"requester": "bob"}, {"owners": ("BOB",)}):
        request = a_request("other", binding=a_binding(run_id="run-2")).model_copy(update=changes)
        assert held.standing.use(request, a_draft("ir.approval_created"), plan_hash=PLAN, parameters=dict) is None
    assert used(held) == 0


def test_after_one_who_approved_it_is_deactivated_it_lets_nothing_through_and_says_why(held: Store) -> None:
    assert use(held, 1)
    held.people.add(a_person("bob"))
    assert held.people.deactivate("acme", "bob", "root", NOW)["votes"] == 1
    assert not use(held, 2)
    assert (used(held), held.standing.get("standing")[0].withdrawn) == (1, ("bob",))
    body = json.loads(held.tail("acme", 1)[0].body)
    assert (body["event"], body["run_id"]) == ("approval.standing_refused", "run-2")
    assert body["payload"]["why"] == "the yes of bob counts no more: deactivated since"
    held.people.reactivate("acme", "bob", "root", NOW)
    assert not use(held, 3)
