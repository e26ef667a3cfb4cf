"""Requests, votes and the exercise: every transition happens once, with its record."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from govflow.approval.models import ApprovalRequest, RequestState, VoteDecision
from govflow.approval.rules import VoteOutcome, judge_vote
from govflow.audit.verify import Outcome
from govflow.errors import AlreadyVoted, RequestClosed, RequestError, RequestUnreadable, SelfApproval, VoteRefused
from govflow.store import Store
from tests.store.seen_raw import Raw
from tests.store.things import NOW, a_binding, a_draft, a_request, digest, forked, opened, reaped

pytestmark = pytest.mark.once

CONSUMED = a_draft("ir.approval_consumed")


def put(store: Store, request: ApprovalRequest | None = None) -> ApprovalRequest:
    request = request or a_request()
    return store.approvals.open(request, opened(request))


def say(
    store: Store, who: str, decision: VoteDecision = VoteDecision.APPROVE, *, reason: str = "", later: int = 0
) -> ApprovalRequest:
    now = NOW + timedelta(seconds=later)
    return store.approvals.vote("req-1", who, frozenset(), "claimed", decision, reason, now, judge_vote)


def events(store: Store, tenant: str = "acme") -> list[str]:
    return [json.loads(entry.body)["event"] for entry in store.entries(tenant)]


def test_a_request_is_opened_approved_and_exercised_on_record(store: Store) -> None:
    put(store)
    assert say(store, "bob", reason="checked the counts").state is RequestState.APPROVED
    assert store.approvals.claim("req-1", a_binding(), "run-1/attempt", NOW, 1, CONSUMED)
    assert store.approvals.get("req-1").state is RequestState.EXERCISED
    assert store.approvals.outcome_of("req-1") == "open"
    assert events(store) == ["ir.approval_created", "approval.vote", "approval.granted", "ir.approval_consumed"]
    [vote] = store.approvals.votes("req-1")
    assert (vote.principal, vote.reason, vote.at) == ("bob", "checked the counts", NOW)
    assert store.verify("acme").outcome is Outcome.VERIFIED


@pytest.mark.covers("S5-29", "S5-37")
def test_the_same_question_is_asked_once(store: Store) -> None:
    first = put(store)
    assert put(store, a_request("req-2")) == first
    say(store, "bob")
    assert put(store, a_request("req-3")).state is RequestState.APPROVED, "an identical re-plan keeps the approval"
    assert events(store) == ["ir.approval_created", "approval.vote", "approval.granted"]


@pytest.mark.parametrize(
    "changed",
    [
        {"run_id": "run-2"},
        {"step_id": "other"},
        {"map_index": 0},
        {"ir_hash": digest("d")},
        {"policy_digest": digest("d")},
        {"parameters_digest": digest("d")},
        {"flow": "other"},
    ],
)
def test_an_approval_is_good_for_its_binding_only(store: Store, changed: dict[str, object]) -> None:
    put(store)
    say(store, "bob")
    other = a_binding(**changed)
    assert not store.approvals.claim("req-1", other, "x", NOW, 1, CONSUMED)
    assert put(store, a_request("req-2", binding=other)).state is RequestState.PENDING, "something else is asked anew"
    assert store.approvals.claim("req-1", a_binding(), "x", NOW, 1, CONSUMED)


def test_a_request_id_names_one_request(store: Store) -> None:
    put(store)
    with pytest.raises(RequestError, match="taken"):
        put(store, a_request(binding=a_binding(run_id="run-2")))
    with pytest.raises(RequestError, match="no approval request 'req-9'"):
        store.approvals.get("req-9")


@pytest.mark.covers("S5-30")
def test_the_requester_cannot_approve_and_the_try_is_on_record(store: Store) -> None:
    put(store)
    with pytest.raises(SelfApproval):
        say(store, "rita")
    assert store.approvals.get("req-1").state is RequestState.PENDING
    refused = json.loads(store.tail("acme", 1)[0].body)
    assert (refused["event"], refused["subject"]) == ("approval.vote_refused", "rita")
    assert refused["payload"]["code"] == "self-approval"


def test_two_people_are_two_people(store: Store) -> None:
    put(store, a_request(required=2))
    assert say(store, "bob").state is RequestState.PENDING
    with pytest.raises(AlreadyVoted):
        say(store, "bob")
    assert say(store, "carol").state is RequestState.APPROVED
    assert json.loads(store.tail("acme", 1)[0].body)["payload"]["approved_by"] == ["bob", "carol"]


def test_a_denial_ends_it(store: Store) -> None:
    put(store, a_request(required=2))
    say(store, "bob")
    assert say(store, "carol", VoteDecision.DENY, reason="wrong month").state is RequestState.DENIED
    with pytest.raises(RequestClosed):
        say(store, "dave")
    assert not store.approvals.claim("req-1", a_binding(), "x", NOW, 1, CONSUMED)
    assert events(store)[-3:] == ["approval.vote", "approval.denied", "approval.vote_refused"]


def test_a_reason_can_be_erased_and_the_log_stays_verified(store: Store, raw: Raw) -> None:
    put(store)
    say(store, "bob", reason="Mrs Miller asked for it")
    body = json.loads(store.tail("acme", 1, event="approval.vote")[0].body)
    assert "Miller" not in json.dumps(body)
    assert store.values.get(body["writer"], body["writer_seq"])["reason"].value == "Mrs Miller asked for it"


def test_a_vote_after_the_end_expires_the_request(store: Store) -> None:
    put(store)
    with pytest.raises(RequestClosed):
        say(store, "bob", later=3600)
    assert store.approvals.get("req-1").state is RequestState.EXPIRED
    assert events(store)[1:] == ["ir.approval_expired", "approval.vote_refused"]
    assert json.loads(store.tail("acme", 1, event="ir.approval_expired")[0].body)["severity"] == "warning"


@pytest.mark.covers("S5-27")
def test_a_request_is_good_until_just_before_its_end(store: Store) -> None:
    assert a_request().expires_at == NOW + timedelta(hours=1)
    put(store)
    say(store, "bob", later=3599)
    end = NOW + timedelta(hours=1)
    assert not store.approvals.claim("req-1", a_binding(), "x", end, 1, CONSUMED)
    assert store.approvals.claim("req-1", a_binding(), "x", end - timedelta(microseconds=1), 1, CONSUMED)


@pytest.mark.parametrize("state", [RequestState.PENDING, RequestState.APPROVED])
def test_a_judge_that_forgets_the_time_decides_nothing(store: Store, state: RequestState) -> None:
    put(store)
    late = NOW + timedelta(hours=1)
    lenient = VoteOutcome(state, 0, ())
    with pytest.raises(RequestClosed):
        store.approvals.vote("req-1", "bob", frozenset(), "claimed", VoteDecision.APPROVE, "", late, lambda *_: lenient)
    assert store.approvals.votes("req-1") == []
    assert store.approvals.get("req-1").state is RequestState.EXPIRED


def test_an_expired_question_is_asked_anew(store: Store) -> None:
    put(store)
    late = a_request("req-2").model_copy(
        update={"created_at": NOW + timedelta(hours=1), "expires_at": NOW + timedelta(hours=2)}
    )
    assert put(store, late).request_id == "req-2"
    assert store.approvals.get("req-1").state is RequestState.EXPIRED
    assert [request.request_id for request in store.approvals.find("acme", "run-1", "flights/delete#0")] == [
        "req-2",
        "req-1",
    ]


def test_expiring_takes_what_is_due_and_nothing_else(store: Store) -> None:
    put(store)
    put(store, a_request("req-2", binding=a_binding(run_id="run-2")))
    say(store, "bob")
    put(store, a_request("req-3", binding=a_binding(run_id="run-3"), expires_at=NOW + timedelta(hours=2)))
    assert store.approvals.expire_due(NOW + timedelta(minutes=59)) == []
    expired = store.approvals.expire_due(NOW + timedelta(hours=1))
    assert [(request.request_id, request.state) for request in expired] == [
        ("req-1", RequestState.EXPIRED),  # approved, never used
        ("req-2", RequestState.EXPIRED),
    ]
    assert store.approvals.expire_due(NOW + timedelta(hours=1)) == []
    assert events(store).count("ir.approval_expired") == 2


@pytest.mark.parametrize("state", [RequestState.REVOKED, RequestState.VOIDED])
def test_a_withdrawn_request_cannot_be_approved_or_used(store: Store, state: RequestState) -> None:
    put(store)
    say(store, "bob")
    event = f"approval.{state.value}"
    assert store.approvals.move("req-1", state, NOW, "cancelled", event, subject="olga")
    assert not store.approvals.move("req-1", state, NOW, "cancelled", event)
    assert not store.approvals.claim("req-1", a_binding(), "x", NOW, 1, CONSUMED)
    with pytest.raises(VoteRefused):
        say(store, "carol")
    assert events(store).count(event) == 1


@pytest.mark.parametrize("state", [RequestState.APPROVED, RequestState.EXERCISED, RequestState.DENIED])
def test_nothing_is_approved_by_a_move(store: Store, state: RequestState) -> None:
    put(store)
    with pytest.raises(ValueError, match="own act"):
        store.approvals.move("req-1", state, NOW, "", "approval.granted")


def test_only_declared_retries_of_the_same_executor_run_again(store: Store) -> None:
    put(store)
    say(store, "bob")
    assert not store.approvals.claim_retry("req-1", a_binding(), "me", NOW)
    assert store.approvals.claim("req-1", a_binding(), "me", NOW, 3, CONSUMED)
    assert not store.approvals.claim_retry("req-1", a_binding(), "you", NOW)
    assert store.approvals.outcome("req-1", "failed", NOW)
    assert store.approvals.claim_retry("req-1", a_binding(), "me", NOW)
    assert store.approvals.outcome("req-1", "succeeded", NOW)
    assert not store.approvals.outcome("req-1", "failed", NOW), "an outcome is said once"
    assert not store.approvals.claim_retry("req-1", a_binding(), "me", NOW), "what succeeded does not run again"


def test_retries_end_with_the_attempts_that_the_plan_declares(store: Store) -> None:
    put(store)
    say(store, "bob")
    store.approvals.claim("req-1", a_binding(), "me", NOW, 2, CONSUMED)
    assert [store.approvals.claim_retry("req-1", a_binding(), "me", NOW) for _ in range(3)] == [True, False, False]


def test_what_is_uncertain_does_not_run_again(store: Store) -> None:
    put(store)
    say(store, "bob")
    store.approvals.claim("req-1", a_binding(), "me", NOW, 2, CONSUMED)
    store.approvals.outcome("req-1", "uncertain", NOW)
    assert not store.approvals.claim_retry("req-1", a_binding(), "me", NOW)


def test_a_list_is_newest_first_in_pages(store: Store) -> None:
    for n in range(5):
        put(store, a_request(f"req-{n}", binding=a_binding(run_id=f"run-{n}")))
    store.approvals.move("req-3", RequestState.REVOKED, NOW, "", "approval.revoked")
    pages = [[r.request_id for r in store.approvals.list("acme", None, 2, offset)] for offset in (0, 2, 4)]
    assert pages == [["req-4", "req-3"], ["req-2", "req-1"], ["req-0"]]
    assert [r.request_id for r in store.approvals.list("acme", RequestState.REVOKED)] == ["req-3"]
    assert store.approvals.list("rival") == []


def test_a_request_opened_by_many_at_once_is_one(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda n: put(store, a_request(f"req-{n}")).request_id, range(16)))
    assert len(ids) == 1
    assert events(store) == ["ir.approval_created"]


def test_processes_that_claim_one_approval_get_it_once(url: str) -> None:
    with Store.open(url) as store:
        put(store)
        say(store, "bob")

        def child() -> None:
            for _ in range(5):
                if store.approvals.claim("req-1", a_binding(), "x", NOW, 1, CONSUMED):
                    raise SystemExit(1)  # told by the exit code

        assert sorted(reaped(*[forked(child) for _ in range(6)])) == [0, 0, 0, 0, 0, 1]
        assert events(store).count("ir.approval_consumed") == 1


def race(*acts: Callable[[], object]) -> list[object]:
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return act()
        except VoteRefused as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as pool:
        return [one.result() for one in [pool.submit(run, act) for act in acts]]


@pytest.mark.parametrize("turn", range(5))
def test_approving_expiring_and_revoking_race_and_one_wins(store: Store, turn: int) -> None:
    put(store)
    end = NOW + timedelta(hours=1)
    race(
        lambda: say(store, "bob", later=3599),
        lambda: store.approvals.expire_due(end),
        lambda: store.approvals.move("req-1", RequestState.REVOKED, NOW, "", "approval.revoked"),
        lambda: store.approvals.claim("req-1", a_binding(), "x", NOW, 1, CONSUMED),
    )
    state = store.approvals.get("req-1").state
    names = events(store)
    ends = {"ir.approval_expired", "approval.revoked", "ir.approval_consumed"} & set(names)
    told = {
        RequestState.EXPIRED: "ir.approval_expired",
        RequestState.REVOKED: "approval.revoked",
        RequestState.EXERCISED: "ir.approval_consumed",
    }
    assert ends == {told[state]}, "the log says which one won"
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_a_request_that_cannot_be_read_keeps_no_other_from_its_end(store: Store, raw: Raw) -> None:
    put(store)
    put(store, a_request("req-2", binding=a_binding(step_id="another#1")))
    raw.execute("UPDATE approval_request SET document = ? WHERE request_id = ?", ("{}", "req-1"))
    late = NOW + timedelta(hours=2)
    assert [one.request_id for one in store.approvals.expire_due(late)] == ["req-2"]
    assert store.approvals.get("req-2").state is RequestState.EXPIRED
    with pytest.raises(RequestUnreadable, match="'req-1' cannot be read"):
        store.approvals.get("req-1")
    assert store.approvals.expire_due(late) == []
