"""Answers, time and second thoughts at the same moment, from several processes: one of them happens."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from govflow.approval.models import RequestState, VoteDecision
from govflow.approval.rules import judge_vote
from govflow.audit.verify import Outcome
from govflow.errors import Refused
from govflow.store import Store
from tests.store.things import NOW, a_binding, a_draft, a_request, forked, opened, reaped

pytestmark = pytest.mark.once

END = NOW + timedelta(hours=1)
ENDS = {"approval.granted": "approved", "approval.denied": "denied"}
ENDS |= {"approval.revoked": "revoked", "ir.approval_expired": "expired", "ir.approval_consumed": "exercised"}


def log(store: Store, request_id: str) -> list[str]:
    bodies = [json.loads(entry.body) for entry in store.entries("acme")]
    return [body["event"] for body in bodies if body["payload"].get("request_id") == request_id]


def ask(store: Store, count: int) -> list[str]:
    ids = [f"req-{number}" for number in range(count)]
    for name in ids:
        request = a_request(name, binding=a_binding(run_id=name))
        store.approvals.open(request, opened(request))
    return ids


def every(store: Store, ids: list[str], act: Callable[[str], object]) -> int:
    """A process that does ``act`` to each request; what is refused is refused."""

    def child() -> None:
        for name in ids:
            with suppress(Refused):
                act(name)

    return forked(child)


def vote(store: Store, who: str, decision: VoteDecision) -> Callable[[str], object]:
    moment = END - timedelta(microseconds=1)
    return lambda name: store.approvals.vote(name, who, frozenset(), "claimed", decision, "", moment, judge_vote)


def test_of_all_that_can_end_a_request_one_does_and_the_log_says_which(store: Store) -> None:
    ids = ask(store, 25)
    acts: list[Callable[[str], object]] = [
        vote(store, "bob", VoteDecision.APPROVE),
        vote(store, "carol", VoteDecision.DENY),
        lambda name: store.revocations.revoke(name, "rita", "claimed", "", END - timedelta(seconds=1), lambda _: None),
        lambda name: store.approvals.expire_due(END),
    ]
    # Each process begins elsewhere, so that each of them is the first somewhere.
    starts = [0, 6, 12, 18]
    children = [every(store, ids[at:] + ids[:at], act) for at, act in zip(starts, acts, strict=True)]
    assert reaped(*children) == [0] * len(acts)
    for name in ids:
        ends = [ENDS[event] for event in log(store, name) if event in ENDS]
        # An approval that nobody has used can still be taken back or be too late; nothing follows the others.
        assert len(ends) == 1 or (len(ends) == 2 and ends[0] == "approved" and ends[1] in {"revoked", "expired"}), ends
        assert store.approvals.get(name).state == ends[-1]
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_an_approval_is_used_or_taken_back_and_never_both(store: Store) -> None:
    ids = ask(store, 20)
    for name in ids:
        vote(store, "bob", VoteDecision.APPROVE)(name)
    now = NOW + timedelta(minutes=1)

    def claim(name: str) -> object:
        draft = a_draft("ir.approval_consumed", at=now, payload={"request_id": name})
        return store.approvals.claim(name, a_binding(run_id=name), "executor", now, 1, draft)

    def revoke(name: str) -> object:
        return store.revocations.revoke(name, "rita", "claimed", "", now, lambda _: None)

    assert reaped(every(store, ids, claim), every(store, ids[::-1], revoke)) == [0, 0]
    for name in ids:
        ends = [ENDS[event] for event in log(store, name) if event in ENDS]
        assert ends in (["approved", "exercised"], ["approved", "revoked"])
        assert store.approvals.get(name).state == ends[-1]


@pytest.mark.covers("S5-25", "S5-26")
def test_six_processes_spend_three_hundred_tokens_once_each(store: Store) -> None:
    secrets = []
    for name in ask(store, 300):
        secrets.append(
            store.tokens.mint(name, "bob", selectors=frozenset(), assurance="claimed", now=NOW, random=os.urandom(32))
        )
    reader, writer = os.pipe()

    def spender(at: int) -> Callable[[], None]:
        def child() -> None:
            order = list(range(at * 50, 300)) + list(range(at * 50))
            for number in order:
                binding = a_binding(run_id=f"req-{number}")
                with suppress(Refused):
                    store.tokens.spend(secrets[number], binding, VoteDecision.APPROVE, "", NOW, judge_vote)
                    os.write(writer, number.to_bytes(2, "big"))

        return child

    children = [forked(spender(at)) for at in range(6)]
    os.close(writer)
    assert reaped(*children) == [0] * 6
    said = b""
    while piece := os.read(reader, 4096):
        said += piece
    os.close(reader)
    spent = [int.from_bytes(said[at : at + 2], "big") for at in range(0, len(said), 2)]
    assert sorted(spent) == list(range(300)), "three hundred successes, none twice"
    assert {store.approvals.get(f"req-{number}").state for number in range(300)} == {RequestState.APPROVED}
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_a_voter_that_is_killed_leaves_a_whole_vote_or_none(store: Store) -> None:
    ids = ask(store, 40)
    child = every(store, ids, vote(store, "bob", VoteDecision.APPROVE))
    while store.approvals.get("req-10").state is RequestState.PENDING:
        pass
    os.kill(child, signal.SIGKILL)
    assert reaped(child)[0] in (-9, 0), "killed, or done before"
    for name in ids:
        whole = ["approval.vote", "approval.granted"]
        cast = store.approvals.get(name).state is RequestState.APPROVED
        assert [event for event in log(store, name) if event in whole] == (whole if cast else [])
        assert len(store.approvals.votes(name)) == cast
    assert store.verify("acme").outcome is Outcome.VERIFIED
