"""Open pages are told of changes: of what they show alone, by one look for all, and of nothing after the end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from govflow.approval import RequestState
from govflow.audit.record import Draft
from govflow.console import live
from govflow.console.live import Live
from govflow.services.workspace import Workspace
from govflow.store import changes
from govflow.store.changes import Concern
from tests.console.conftest import Ask, Visit

PATIENCE = 240.0  # seconds
APPROVALS = ("approval.", "ir.approval_")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK", 0.02)


def take_back(place: Workspace, request_id: str) -> None:
    now = datetime.now(UTC)
    place.store.approvals.move(request_id, RequestState.REVOKED, now, "gone", "approval.revoked")


def close_run(place: Workspace, run_id: str) -> None:
    draft = Draft("run.closed", "acme", datetime.now(UTC), subject="alice", run_id=run_id, flow="flights")
    place.store.append(draft, durable=True)


def test_pages_are_told_of_what_they_show(place: Workspace, ask: Ask) -> None:
    ask("req-1", {"run_id": "run-1"})
    ask("req-2", {"run_id": "run-2"})

    async def watched() -> list[bool]:
        pages = Live()
        concerns = (
            *(Concern(APPROVALS, run) for run in (None, "run-1", "run-2")),
            *(Concern(("run.",)), Concern(("",), "run-1"), Concern(("",), "run-2")),
        )
        told = [await pages.join(place, concern) for concern in concerns]
        shows_it_already = place.store.newest("acme") + 1
        told.append(await pages.join(place, Concern(APPROVALS), shows_it_already))
        assert not any(one.is_set() for one in told)
        await asyncio.to_thread(take_back, place, "req-1")
        await asyncio.wait_for(told[0].wait(), PATIENCE)
        found = [one.is_set() for one in told]
        for one in told:
            pages.leave(one)
        assert pages._looking is not None
        await asyncio.wait_for(pages._looking, PATIENCE)  # nobody is there any more
        assert pages.seen == place.store.newest("acme")
        return found

    assert asyncio.run(watched()) == [True, True, False, False, True, False, False]


def test_there_is_an_end_to_how_many_are_told(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full() -> bool:
        pages = Live()
        monkeypatch.setattr(live, "MOST", 1)
        assert pages.take("bob")
        told = await pages.join(place, Concern(APPROVALS))
        was_full = not pages.take("carol")
        pages.close()
        await asyncio.wait_for(told.wait(), PATIENCE)
        pages.give("bob")
        assert not pages.holds(told) and not pages.take("bob"), "it ends, and no other begins"
        assert pages._looking is not None
        await asyncio.wait_for(pages._looking, PATIENCE)
        return was_full

    assert asyncio.run(full())


def test_nobody_takes_the_places_of_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST", 3)
    monkeypatch.setattr(live, "MOST_EACH", 2)
    pages = Live()
    assert [pages.take("bob") for _ in range(3)] == [True, True, False]
    assert pages.take("carol") and not pages.take("dave"), "all are taken"
    pages.give("bob")
    assert pages.take("bob") and not pages.take("bob")


def test_where_the_store_cannot_be_looked_at_the_streams_end(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> dict[changes.Happening, int]:
        raise OSError("the disk is gone")

    async def ended() -> bool:
        pages = Live()
        monkeypatch.setattr(changes.Changes, "take", broken)
        told = await pages.join(place, Concern(APPROVALS))
        await asyncio.wait_for(told.wait(), PATIENCE)
        return pages.holds(told)

    assert not asyncio.run(ended())


def test_a_stream_is_quiet_where_nothing_happens(
    place: Workspace, visit: Visit, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LIFE", 0.1)
    ask("req-1", {"run_id": "run-1"})
    close_run(place, "run-1")
    newest = place.store.newest("acme")
    monkeypatch.setattr(live, "MOST_EACH", 1)  # each stream gives its place back at its end
    bob = visit("bob")
    for asked in ({}, {"since": newest}, {"since": 0, "run_id": "run-2"}, {"since": newest + 5}):
        quiet = bob.get("/live", params=asked)
        assert (quiet.status_code, quiet.text) == (200, ""), asked
        assert quiet.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    "asked", [{"request_id": "req-1"}, {"about": "requests"}, {"about": "runs"}, {"run_id": "run-1"}]
)
def test_what_happened_before_a_page_asked_is_told_at_once(
    place: Workspace, visit: Visit, ask: Ask, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str]
) -> None:
    monkeypatch.setattr(live, "LIFE", 0.1)
    ask("req-1", {"run_id": "run-1"})
    bob = visit("bob")
    made = place.store.newest("acme")
    take_back(place, "req-1")
    close_run(place, "run-1")
    place.store.flush()
    newest = place.store.newest("acme")
    message = f"event: changed\nid: {newest}\n\n"
    assert bob.get("/live", params={**asked, "since": made}).text == message
    again = {"last-event-id": str(newest)}
    assert bob.get("/live", params={**asked, "since": made}, headers=again).text == "", "it was told that already"
    for forged in ("\u0661", "-1", "9" * 30, "x"):
        header = {"last-event-id": forged.encode()}
        assert bob.get("/live", params={**asked, "since": made}, headers=header).text == message


def test_who_missed_a_lot_is_told_without_reading_it(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "FAR", 3)
    assert place.store.newest("acme") >= 3
    assert place.store.missed("acme", Concern(("nothing.",)), 0)
    assert not place.store.missed("acme", Concern(("nothing.",)), place.store.newest("acme") - 2)
    assert not place.store.missed("umbrella", Concern(("",)), 0), "another tenant's log"


def test_who_may_ask_to_be_told(place: Workspace, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = visit("bob")
    asked = visit("").get("/live", headers={"accept": "text/html, text/event-stream"}, follow_redirects=False)
    assert (asked.status_code, asked.json()["code"]) == (401, "not-signed-in"), "and no page that a script would show"
    assert bob.get("/live", params={"request_id": "none"}).status_code == 404
    assert bob.get("/live", params={"since": "-1"}).status_code == 422
    monkeypatch.setattr(live, "MOST", 0)
    assert bob.get("/live").status_code == 503


def test_pages_ask_to_be_told(place: Workspace, visit: Visit, ask: Ask) -> None:
    ask("req-1")
    bob = visit("bob")
    since = place.store.newest("acme")
    assert f"/live?about=requests&amp;since={since}" in bob.get("/?view=all&flow=flights").text
    assert f"/live?about=runs&amp;since={since}" in bob.get("/runs?flow=flights").text
    page = bob.get("/requests/req-1?said=counted").text
    assert f"/live?request_id=req-1&amp;since={since}" in page and 'data-here="/requests/req-1"' in page
    assert 'data-here="/?view=all&amp;flow=flights&amp;before=99"' in bob.get("/?view=all&flow=flights&before=99").text
