"""A delegation counts or does not in the very transaction of the vote, whoever takes it back at the same moment."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta

import pytest

from govflow.approval.models import ApprovalRule, Delegation, DelegationTerms, VoteDecision
from govflow.approval.rules import judge_vote
from govflow.audit.verify import Outcome
from govflow.errors import Refused
from govflow.store import Store
from tests.store.things import NOW, a_binding, a_request, forked, opened, reaped

pytestmark = pytest.mark.once

RULE = ApprovalRule(name="owners", approvers=("user:bob",), delegation=DelegationTerms(depth=1))


def give(store: Store, request_id: str) -> None:
    given = Delegation(
        delegation_id=f"d-{request_id}",
        tenant="acme",
        giver="bob",
        taker="carol",
        request_id=request_id,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )
    store.delegations.give(given, "claimed", lambda _: None)


def test_no_vote_is_cast_through_a_delegation_that_was_taken_back_before(store: Store) -> None:
    ids = [f"req-{number}" for number in range(30)]
    for name in ids:
        request = a_request(name, binding=a_binding(run_id=name)).model_copy(update={"rule": RULE})
        store.approvals.open(request, opened(request))
        give(store, name)

    def voter() -> None:
        for name in ids:
            with suppress(Refused):
                store.approvals.vote(name, "carol", frozenset(), "claimed", VoteDecision.APPROVE, "", NOW, judge_vote)

    def revoker() -> None:
        for name in ids[::-1]:
            store.delegations.revoke(f"d-{name}", "bob", "claimed", NOW, lambda _: None)

    assert reaped(forked(voter), forked(revoker)) == [0, 0]
    order: dict[str, list[str]] = {name: [] for name in ids}
    for entry in store.entries("acme"):
        body = json.loads(entry.body)
        if body["event"] in ("approval.vote", "approval.vote_refused", "approval.delegation_revoked"):
            order[body["payload"]["request_id"]].append(body["event"].partition(".")[2])
    for name in ids:
        assert order[name] in (["vote", "delegation_revoked"], ["delegation_revoked", "vote_refused"]), name
        assert [vote.through for vote in store.approvals.votes(name)] == [("bob",)] * ("vote" in order[name])
    assert store.verify("acme").outcome is Outcome.VERIFIED
