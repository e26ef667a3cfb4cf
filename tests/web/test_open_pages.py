"""Pages that are open bring themselves up to date, and never take from anybody what they have begun to write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from govflow.approval import RequestState, VoteDecision
from govflow.approval.models import StandingTerms
from govflow.audit.record import Draft
from govflow.services.decide_approvals import decide
from tests.console.test_plan_on_page import approve
from tests.services.material import plan
from tests.web.desks import TWO, Desk, chromium, desk

PATIENCE = 120_000  # milliseconds
IR = "sha256:" + "c" * 64

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def at(tmp_path: Path, browser: Browser) -> Iterator[Desk]:
    with desk(tmp_path, browser) as made:
        yield made


def take_back(at: Desk, request_id: str) -> None:
    now = datetime.now(UTC)
    at.workspace.store.approvals.move(request_id, RequestState.REVOKED, now, "wrong table", "approval.revoked")


def carol_approves(at: Desk, request_id: str) -> None:
    carol = at.workspace.principal("carol")
    decide(at.workspace, request_id, carol, VoteDecision.APPROVE, "counted the rows", datetime.now(UTC))


def news(page: Page) -> str:
    return page.locator(".news").inner_text()


def is_told(page: Page) -> None:
    """Wait until the page's stream is open."""
    _until(page, "document.querySelector('.news')._htmx?.sse?.status === 200")


def _until(page: Page, condition: str) -> None:
    """Playwright's own way to wait evaluates text in the page, which the page's policy forbids."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def errors_of(page: Page) -> list[str]:
    found: list[str] = []
    page.on("console", lambda said: found.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def test_the_inbox_shows_what_is_asked_while_it_is_open(at: Desk) -> None:
    at.ask("req-1", at={"run_id": "run-1"})
    bob = at.window("bob")
    errors = errors_of(bob)
    bob.goto("/")
    link = bob.get_by_role("link", name="dataset://acme/sales")
    link.focus()
    for number in (2, 3):
        at.ask(f"req-{number}", at={"run_id": f"run-{number}"})
        expect(bob.locator(".requests > li")).to_have_count(number)
        expect(bob.get_by_role("link", name="Waiting for me")).to_contain_text(str(number))
        expect(bob.get_by_role("status")).to_contain_text(f": {number} wait for you.")
    assert bob.evaluate("document.activeElement.closest('li').id") == "row-req-1", "focus stays where it was"
    found = Axe().run(bob)
    assert found.violations_count == 0, found.generate_report()
    take_back(at, "req-1")
    expect(bob.locator(".requests > li")).to_have_count(2)
    expect(bob.get_by_role("status")).to_contain_text("2 wait for you")
    assert bob.evaluate("document.activeElement.id") == "content", "what had the focus is gone; the reader is not lost"
    assert not errors, "nothing was blocked by the policy of the page"


def test_a_request_shows_an_answer_that_comes_in(at: Desk) -> None:
    at.ask()
    bob = at.window("bob", viewport={"width": 700, "height": 400})
    errors = errors_of(bob)
    bob.goto("/requests/req-1?said=counted")
    bob.get_by_text("Let somebody else answer").click()
    bob.get_by_text("Let somebody else answer").focus()
    assert bob.evaluate("window.scrollTo(0, 300), window.scrollY") == 300
    carol_approves(at, "req-1")
    expect(bob.locator(".votes")).to_contain_text("counted the rows")
    expect(bob.get_by_role("status")).to_contain_text("it is pending, 1 more must say yes")
    expect(bob.get_by_label("Who answers in your stead")).to_be_visible()  # what was opened stays open
    assert bob.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert bob.evaluate("window.scrollY") > 200, "nobody is thrown back to the top"
    found = Axe().run(bob)
    assert found.violations_count == 0, found.generate_report()
    bob.get_by_role("heading", name="What is asked").click()
    take_back(at, "req-1")
    expect(bob.get_by_role("status")).to_contain_text("it is revoked")
    expect(bob.get_by_role("button", name="Approve")).to_have_count(0)
    assert not errors


def test_a_field_that_comes_filled_in_is_no_begun_answer(at: Desk) -> None:
    said = {"plan_hash": approve(at.workspace, plan()), "parameters": {"table": "sales"}}
    rule = TWO.model_copy(update={"standing": StandingTerms(max_runs=5, ttl_seconds=86400)})
    at.ask(rule=rule, summary={"action": "data:delete", **said}, at={"flow": "etl", "step_id": "purge#1"})
    bob = at.window("bob")
    bob.goto("/requests/req-1")
    is_told(bob)
    expect(bob.get_by_text("Let it run more than once")).to_have_count(1)
    carol_approves(at, "req-1")
    expect(bob.locator(".votes")).to_contain_text("counted the rows")
    bob.get_by_text("Let it run more than once").click()
    bob.get_by_label("Runs, 5 at most").fill("3")
    bob.get_by_label("Runs, 5 at most").blur()
    found = Axe().run(bob)
    assert found.violations_count == 0, found.generate_report()
    take_back(at, "req-1")
    expect(bob.get_by_role("status").get_by_role("link", name="Something changed here.")).to_be_visible()
    assert bob.get_by_label("Runs, 5 at most").input_value() == "3"


@pytest.mark.parametrize("begun", ["text", "focus", "choice"])
def test_what_somebody_has_begun_is_not_touched(at: Desk, begun: str) -> None:
    at.ask()
    bob = at.window("bob")
    bob.goto("/requests/req-1")
    reason = bob.get_by_label("Reason, for the record").first
    if begun == "text":
        reason.fill("I have looked at")
        reason.blur()
    elif begun == "focus":
        reason.focus()
    else:
        bob.get_by_text("Let somebody else answer").click()
        bob.get_by_label("Who answers in your stead").select_option("dave")
        bob.get_by_label("Who answers in your stead").blur()
    carol_approves(at, "req-1")
    link = bob.get_by_role("status").get_by_role("link", name="Something changed here. Show it as it is now.")
    expect(link).to_be_visible()
    expect(bob.locator(".votes")).to_have_count(0)
    if begun == "text":
        assert reason.input_value() == "I have looked at"
    elif begun == "focus":
        expect(reason).to_be_focused()
    found = Axe().run(bob)
    assert found.violations_count == 0, found.generate_report()
    link.click()
    expect(bob.locator(".votes")).to_contain_text("counted the rows")


def test_a_tick_is_not_carried_over_to_another_request(at: Desk) -> None:
    for number in (1, 2):
        at.ask(f"req-{number}", at={"run_id": f"run-{number}"})
    bob = at.window("bob")
    bob.goto("/")
    box = bob.locator("#row-req-1 input")
    box.check()
    box.blur()
    at.ask("req-3", at={"run_id": "run-3"})
    expect(bob.get_by_role("status").get_by_role("link")).to_be_visible()
    assert bob.locator("input:checked").evaluate_all("all => all.map(one => one.value)") == ["req-1"]
    expect(bob.locator(".requests > li")).to_have_count(2)


def test_what_came_of_an_answer_gives_way_to_what_is_so_now(at: Desk) -> None:
    at.ask()
    bob = at.window("bob")
    bob.goto("/requests/req-1")
    bob.get_by_label("Reason, for the record").first.fill("looked")
    bob.get_by_role("button", name="Approve", exact=True).click()
    expect(bob.get_by_text("More people must approve.")).to_be_visible()
    at.ask("req-2", at={"run_id": "run-2"})
    elsewhere = at.window("dave")  # by now every open page was told of bob's answer, if any is
    expect(elsewhere.get_by_role("link", name="All")).to_contain_text("2")
    assert news(bob) == "", "who answered is told of nothing by the own answer"
    carol_approves(at, "req-1")
    expect(bob.get_by_role("status").filter(has_text="Brought up to date")).to_contain_text("it is approved")
    expect(bob.get_by_text("More people must approve.")).to_have_count(0)


def test_whoever_is_signed_out_meanwhile_keeps_the_page_and_is_told(at: Desk) -> None:
    at.ask()
    bob = at.window("bob")
    bob.goto("/requests/req-1")
    is_told(bob)
    bob.context.clear_cookies()
    carol_approves(at, "req-1")
    link = bob.get_by_role("status").get_by_role("link", name="Something changed here")
    expect(link).to_be_visible()
    expect(bob.get_by_role("heading", name="What is asked")).to_be_visible()
    link.click()
    expect(bob).to_have_url(f"{at.workspace.settings.console_url}/sign-in?next=%2Frequests%2Freq-1")


def test_runs_show_how_they_stand(at: Desk) -> None:
    store, now = at.workspace.store, datetime.now(UTC)
    bob = at.window("bob")
    bob.goto("/runs")
    expect(bob.get_by_text("No governed run has begun yet.")).to_be_visible()
    store.runs.save("run-1", "acme", "flights", IR, at.workspace.engine.digest, "alice", now, {"a": "permit"})
    begun = {"mode": "enforce", "ir_hash": IR, "plan_hash": IR, "steps": {}}
    at_run: dict[str, Any] = {"run_id": "run-1", "flow": "flights", "subject": "alice"}
    store.append(Draft("ir.validated_pass", "acme", now, payload=begun, **at_run), durable=True)
    expect(bob.locator("td .state")).to_have_text("open")
    alone = at.window("carol")
    alone.goto("/runs/run-1")
    expect(alone.locator(".title .state")).to_have_text("open")
    store.append(Draft("run.closed", "acme", now, payload={"ok": True}, **at_run), durable=True)
    store.flush()
    expect(alone.locator(".title .state")).not_to_have_text("open")
    expect(alone.get_by_role("status")).to_contain_text("the run is")
    expect(bob.locator("td .state")).not_to_have_text("open")
    for page in (bob, alone):
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_without_scripts_a_page_stays_as_it_was_made(at: Desk) -> None:
    at.ask()
    bob = at.window("bob", java_script_enabled=False)
    bob.goto("/requests/req-1")
    assert news(bob) == ""
    carol_approves(at, "req-1")
    bob.reload()
    expect(bob.locator(".votes")).to_contain_text("counted the rows")


def test_a_script_that_comes_late_is_waited_for(at: Desk) -> None:
    at.ask()
    bob = at.window("bob")

    def late(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    bob.route("**/hx-sse*", late)
    bob.goto("/requests/req-1")
    is_told(bob)


def test_a_page_that_cannot_be_told_stays_as_it_is(at: Desk) -> None:
    at.ask()
    bob = at.window("bob")
    bob.route("**/live?*", lambda route: route.fulfill(status=503, content_type="text/html", body="<h1>Full</h1>"))
    with bob.expect_response("**/live?*"):
        bob.goto("/requests/req-1")
    _until(bob, "!document.querySelector('.news').classList.contains('htmx-request')")
    assert news(bob) == "", "an answer that is no news is not shown as such"
    expect(bob.get_by_role("heading", name="What is asked")).to_be_visible()
