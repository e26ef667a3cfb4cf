"""Tokens at rest: one person's secret for one request, spent once, told apart by nobody."""

from __future__ import annotations

import json
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from govflow.approval.models import Binding, RequestState, VoteDecision
from govflow.approval.rules import judge_vote
from govflow.approval.tokens import token_digest
from govflow.audit.verify import Outcome
from govflow.errors import NotEligible, RequestError, SelfApproval, TokenInvalid
from govflow.store import Store
from govflow.store.tokens import _burn
from tests.store.seen_raw import Raw
from tests.store.things import NOW, a_binding, a_request, digest, forked, opened, reaped

pytestmark = pytest.mark.once


@pytest.fixture
def asked(store: Store) -> Store:
    """A store with one open request that two people must approve."""
    request = a_request(required=2)
    store.approvals.open(request, opened(request))
    return store


def mint(store: Store, who: str = "bob", *, ttl_seconds: int | None = None, later: int = 0) -> str:
    return store.tokens.mint(
        "req-1",
        who,
        selectors=frozenset(),
        assurance="claimed",
        now=NOW + timedelta(seconds=later),
        random=os.urandom(32),
        ttl_seconds=ttl_seconds,
    )


def spend(store: Store, secret: str, binding: Binding | None = None, *, later: int = 0) -> RequestState:
    now = NOW + timedelta(seconds=later)
    return store.tokens.spend(secret, binding or a_binding(), VoteDecision.APPROVE, "", now, judge_vote).state


def last(store: Store, tenant: str = "acme") -> dict[str, object]:
    body: dict[str, object] = json.loads(store.tail(tenant, 1)[0].body)
    return body


def cause(store: Store, tenant: str = "acme") -> object:
    body = last(store, tenant)
    assert (body["event"], body["severity"]) == ("ir.approval_invalid", "warning")
    payload = body["payload"]
    assert isinstance(payload, dict)
    return payload["cause"]


def test_a_token_buys_one_vote_for_its_owner(asked: Store) -> None:
    assert spend(asked, mint(asked)) is RequestState.PENDING
    assert spend(asked, mint(asked, "carol")) is RequestState.APPROVED
    assert [vote.principal for vote in asked.approvals.votes("req-1")] == ["bob", "carol"]


@pytest.mark.covers("S5-26", "S5-45")
def test_replayed_token_is_refused(asked: Store) -> None:
    secret = mint(asked)
    spend(asked, secret)
    with pytest.raises(TokenInvalid):
        spend(asked, secret)
    assert cause(asked) == "used"
    assert len(asked.approvals.votes("req-1")) == 1


@pytest.mark.covers("S5-28", "S5-29", "S5-45")
@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"tenant": "rival"}, "tenant"),
        ({"ir_hash": digest("d")}, "ir"),
        ({"run_id": "run-2"}, "run"),
        ({"step_id": "other"}, "step"),
        ({"map_index": 3}, "step"),
        ({"policy_digest": digest("d")}, "policy"),
        ({"parameters_digest": digest("d")}, "parameters"),
        ({"flow": "other"}, "request"),
    ],
)
def test_token_for_something_else_is_refused(asked: Store, changed: dict[str, object], found: str) -> None:
    other = a_binding(**changed)
    secret = mint(asked)
    with pytest.raises(TokenInvalid):
        spend(asked, secret, other)
    assert cause(asked, other.tenant) == found
    assert spend(asked, secret) is RequestState.PENDING, "a wrong use does not burn it for its owner"


def test_another_tenants_token_does_not_name_its_owner(asked: Store) -> None:
    with pytest.raises(TokenInvalid):
        spend(asked, mint(asked), a_binding(tenant="rival"))
    assert last(asked, "rival")["subject"] == "anonymous"


@pytest.mark.covers("S5-45")
def test_unknown_expired_and_used_tokens_get_one_answer(asked: Store) -> None:
    used, late = mint(asked), mint(asked, "carol", ttl_seconds=60)
    spend(asked, used)
    answers = []
    for secret, later, found in (("gfa_" + "x" * 43, 0, "unknown"), (used, 0, "used"), (late, 60, "expired")):
        with pytest.raises(TokenInvalid) as refused:
            spend(asked, secret, later=later)
        answers.append((str(refused.value), refused.value.details, refused.value.__cause__))
        assert cause(asked) == found
    assert len({str(answer) for answer in answers}) == 1


def test_a_token_is_good_until_just_before_its_end(asked: Store) -> None:
    secret = mint(asked, ttl_seconds=60)
    with pytest.raises(TokenInvalid):
        spend(asked, secret, later=60)
    assert spend(asked, secret, later=59) is RequestState.PENDING


def test_a_new_token_ends_the_old_one_of_the_same_person(asked: Store) -> None:
    old, other = mint(asked), mint(asked, "carol")
    new = mint(asked, later=1)
    with pytest.raises(TokenInvalid):
        spend(asked, old, later=1)
    assert spend(asked, new, later=1) is RequestState.PENDING
    assert spend(asked, other, later=1) is RequestState.APPROVED


@pytest.mark.parametrize("ttl_seconds", [0, -1])
def test_a_token_without_life_is_not_made(asked: Store, ttl_seconds: int) -> None:
    with pytest.raises(RequestError):
        mint(asked, ttl_seconds=ttl_seconds)


def test_the_requester_gets_no_token_and_the_try_is_on_record(asked: Store) -> None:
    with pytest.raises(SelfApproval):
        mint(asked, "rita")
    assert (last(asked)["event"], last(asked)["subject"]) == ("approval.vote_refused", "rita")


def test_who_lost_the_right_meanwhile_cannot_vote_with_an_old_token(asked: Store) -> None:
    secret = mint(asked)

    def refuse(*_: object) -> RequestState:
        raise NotEligible

    with pytest.raises(NotEligible):
        asked.tokens.spend(secret, a_binding(), VoteDecision.APPROVE, "", NOW, refuse)  # type: ignore[arg-type]
    assert last(asked)["event"] == "approval.vote_refused"
    assert asked.approvals.votes("req-1") == []


@pytest.mark.covers("S5-25")
def test_fifty_spenders_of_one_token_spend_it_once(asked: Store) -> None:
    secret = mint(asked)
    barrier = threading.Barrier(50)

    def spender(_: int) -> bool:
        barrier.wait()
        try:
            spend(asked, secret)
        except TokenInvalid:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(spender, range(50))) == 1
    assert len(asked.approvals.votes("req-1")) == 1
    assert [json.loads(entry.body)["event"] for entry in asked.entries("acme")].count("ir.approval_invalid") == 49
    assert asked.verify("acme").outcome is Outcome.VERIFIED


def test_the_database_spends_a_token_once_whatever_was_read_before(asked: Store) -> None:
    digest_of = token_digest(mint(asked))
    with asked._writer.transaction() as transaction:
        burnt = [_burn(transaction.connection, digest_of, a_binding(), NOW) for _ in range(3)]
    assert burnt == [True, False, False]


def test_processes_spend_one_token_once(asked: Store) -> None:
    secret = mint(asked)

    def child() -> None:
        try:
            spend(asked, secret)
        except TokenInvalid:
            return
        raise SystemExit(1)  # told by the exit code

    assert sorted(reaped(*[forked(child) for _ in range(6)])) == [0, 0, 0, 0, 0, 1]


@pytest.mark.covers("S5-24")
def test_no_secret_is_in_the_database_its_spool_or_the_log(
    asked: Store, raw: Raw, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    used, unused, wrong = mint(asked), mint(asked, "carol"), "gfa_" + "canary" * 7 + "x"
    spend(asked, used)
    for secret in (used, wrong):
        with pytest.raises(TokenInvalid) as refused:
            spend(asked, secret)
        assert secret not in repr(refused.value) + str(refused.value.__context__)
    asked.flush()
    places = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(places) > 2 or not raw.is_sqlite, "database and spool"
    rows = raw.everything()
    assert "req-" in rows
    for data in (*places, rows.encode()):
        assert [secret for secret in (used, unused, wrong) if secret[4:].encode() in data] == []
    assert not any(secret[4:] in caplog.text for secret in (used, unused, wrong))
