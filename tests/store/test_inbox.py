"""The inbox: who sees which requests, in which order, page by page."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import product

import pytest

from govflow.approval.models import ApprovalRequest, ApprovalRule, RequestState, VoteDecision
from govflow.approval.rules import judge_vote
from govflow.errors import RequestError
from govflow.ir.models import Tier
from govflow.store import Store
from govflow.store.inbox import InboxRow
from govflow.store.inbox_members import Right
from tests.store.seen_raw import Raw
from tests.store.things import NOW, a_binding, a_request, opened

BOB = frozenset({"user:bob", "role:owner"})


@pytest.fixture
def many(store: Store) -> dict[str, ApprovalRequest]:
    """A hundred requests of four rules, a third of them decided."""
    chance = random.Random(5)
    made = {}
    asks = {
        "owners": ("role:owner", "user:dora"),
        "bob": ("user:bob", "role:owner"),
        "all": ("*",),
        "dora": ("user:dora",),
    }
    for number in range(100):
        rule = chance.choice(sorted(asks))
        request = a_request(
            f"req-{number}",
            binding=a_binding(run_id=f"run-{number}", flow=chance.choice(("flights", "etl"))),
            owners=("carl",) if number % 7 == 0 else (),
            summary={"action": "data:delete", "resource": f"dataset://acme/100%_{number}"},
        ).model_copy(
            update={
                "tier": chance.choice((Tier.LOW, Tier.HIGH)),
                "requester": chance.choice(("rita", "Bob")),
                "rule": ApprovalRule(name=rule, approvers=asks[rule], required=2),
            }
        )
        made[request.request_id] = store.approvals.open(request, opened(request))
    for number in range(0, 100, 3):
        state = chance.choice((RequestState.REVOKED, RequestState.VOIDED))
        store.approvals.move(f"req-{number}", state, NOW, "gone", "approval.revoked")
    return {name: store.approvals.get(name) for name in made}


def walked(store: Store, person: str = "bob", selectors: frozenset[str] = BOB, **asked: object) -> list[str]:
    """Ids of all pages, seven rows each."""
    return [row.request_id for row in pages(store, person, selectors, **asked)]


def pages(store: Store, person: str, selectors: frozenset[str], **asked: object) -> Iterator[InboxRow]:
    before: int | None = None
    while True:
        found = store.inbox.page("acme", person=person, selectors=selectors, before=before, limit=7, **asked)  # type: ignore[arg-type]
        yield from found.rows
        before = found.next
        if before is None:
            return


def newest(many: dict[str, ApprovalRequest]) -> list[ApprovalRequest]:
    return list(reversed(many.values()))


def test_mine_is_what_asks_me_and_is_not_my_own(store: Store, many: dict[str, ApprovalRequest]) -> None:
    def asks(request: ApprovalRequest) -> bool:
        named = bool(BOB.union("*").intersection(request.rule.approvers))
        return named and request.requester == "rita" and request.state is RequestState.PENDING

    assert walked(store) == [one.request_id for one in newest(many) if asks(one)]


def test_an_owner_of_what_runs_is_not_asked(store: Store, many: dict[str, ApprovalRequest]) -> None:
    mine = walked(store, "Carl", frozenset({"user:Carl"}))
    assert mine
    assert not any("carl" in many[name].owners for name in mine)


def test_who_has_voted_is_asked_no_more(store: Store, many: dict[str, ApprovalRequest]) -> None:
    first, *others = walked(store)
    store.approvals.vote(first, "BOB", BOB, "test", VoteDecision.APPROVE, "", NOW, judge_vote)
    assert walked(store) == others


def test_a_decided_request_asks_nobody(store: Store, many: dict[str, ApprovalRequest]) -> None:
    first, *others = walked(store)
    store.approvals.move(first, RequestState.REVOKED, NOW, "gone", "approval.revoked")
    assert walked(store) == others
    assert first in walked(store, view="decided")


@pytest.mark.parametrize("few", [0, 3000])
def test_filters_narrow_what_the_view_has(
    store: Store, many: dict[str, ApprovalRequest], monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("govflow.store.inbox._FEW", few)  # both ways find the same
    words = {
        name: f"{one.binding.flow} {one.binding.step_id} {one.binding.run_id} {one.requester} data:delete "
        f"{one.summary['resource']}".lower()
        for name, one in many.items()
    }
    for view in ("mine", "all", "decided"):
        shown = [many[name] for name in walked(store, view=view)]
        for state, tier, flow, search in product(
            (None, RequestState.PENDING, RequestState.VOIDED),
            (None, 3),
            (None, "etl"),
            ("", " RITA ", "100%_1", "run-5", "%", "_0"),
        ):
            wanted = [
                one.request_id
                for one in shown
                if state in (None, one.state)
                and tier in (None, int(one.tier))
                and flow in (None, one.binding.flow)
                and search.strip().lower() in words[one.request_id]
            ]
            assert walked(store, view=view, state=state, tier=tier, flow=flow, search=search) == wanted


def test_views_of_a_state(store: Store, many: dict[str, ApprovalRequest]) -> None:
    assert walked(store, view="all") == [one.request_id for one in newest(many)]
    gone = [one.request_id for one in newest(many) if one.state is not RequestState.PENDING]
    assert walked(store, view="decided") == gone


def test_a_row_shows_the_request(store: Store) -> None:
    request = a_request(binding=a_binding(map_index=4), summary={"action": "data:delete", "resource": "dataset://a/b"})
    store.approvals.open(request, opened(request))
    (row,) = store.inbox.page("acme", person="bob", selectors=BOB, view="all").rows
    at = request.binding
    assert (row.flow, row.step_id, row.run_id, row.map_index) == (at.flow, at.step_id, at.run_id, 4)
    assert (row.requester, row.tier, row.rule, row.state) == ("rita", 3, "two-eyes", RequestState.PENDING)
    assert (row.action, row.resource) == ("data:delete", "dataset://a/b")
    assert (row.created_at, row.state_at, row.expires_at) == (NOW, NOW, NOW + timedelta(hours=1))


def test_a_right_of_somebody_else_shows_what_asks_them(store: Store, many: dict[str, ApprovalRequest]) -> None:
    def by(right: Right) -> list[str]:
        return walked(store, "eve", frozenset({"user:eve"}), through=[right])

    dora = frozenset({"user:dora"})
    own = walked(store, "eve", frozenset({"user:eve"}))
    all_of_it = by(Right(dora, "dora"))
    of_dora = [one for one in newest(many) if "user:dora" in one.rule.approvers and one.state is RequestState.PENDING]
    assert set(all_of_it) == {*own, *(one.request_id for one in of_dora)}
    of_rule = [one.request_id for one in of_dora if one.rule.name == "owners"]
    assert set(by(Right(dora, "dora", rule="owners"))) == {*own, *of_rule}
    assert set(by(Right(dora, "dora", request_ids=frozenset({of_rule[0]})))) == {*own, of_rule[0]}
    # Nobody hands on what they do not have: their own requests.
    assert all(many[name].requester != "rita" for name in by(Right(dora, "RITA")) if name not in own)


def test_other_tenants_are_not_seen(store: Store, many: dict[str, ApprovalRequest]) -> None:
    for view in ("mine", "all", "decided"):
        assert store.inbox.page("other", person="bob", selectors=BOB, view=view).rows == ()


def test_counts_end_somewhere(store: Store, many: dict[str, ApprovalRequest], monkeypatch: pytest.MonkeyPatch) -> None:
    counts = store.inbox.counts("acme", selectors=BOB, person="bob")
    assert (str(counts["all"]), str(counts["pending"]), str(counts["decided"])) == ("100", "66", "34")
    assert counts["mine"].number == len(walked(store))
    monkeypatch.setattr("govflow.store.inbox.MOST_COUNTED", 50)
    counts = store.inbox.counts("acme", selectors=BOB, person="bob")
    assert (str(counts["all"]), str(counts["decided"])) == ("50+", "34")


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_page_has_a_size(store: Store, limit: int) -> None:
    with pytest.raises(RequestError, match="1 to 200 rows"):
        store.inbox.page("acme", selectors=BOB, person="bob", limit=limit)


def test_no_list_reads_a_document(store: Store, many: dict[str, ApprovalRequest], raw: Raw) -> None:
    raw.execute("UPDATE approval_request SET document = 'no document'")
    assert len(walked(store, view="all", search="rita")) > 0
