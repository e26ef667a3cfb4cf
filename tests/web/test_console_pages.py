"""People answer in real browsers: with scripts and without, with a keyboard alone, on a phone, at night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from govflow.approval import RequestState
from tests.console.test_plan_on_page import approve
from tests.services.material import plan
from tests.web.desks import Desk, chromium, desk

EVIL = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>'\"><b hx-get=/x>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def at(tmp_path: Path, browser: Browser) -> Iterator[Desk]:
    with desk(tmp_path, browser) as made:
        yield made


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    folder = tmp_path / "shots"
    folder.mkdir()
    return folder


def answer(page: Page, request_id: str, button: str, why: str) -> None:
    page.goto(f"/requests/{request_id}")
    page.get_by_label("Reason, for the record").first.fill(why)
    page.get_by_role("button", name=button, exact=True).click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_two_people_approve_what_two_have_to(at: Desk, scripts: bool) -> None:
    at.ask()
    bob, carol = (at.window(name, java_script_enabled=scripts) for name in ("bob", "carol"))
    answer(bob, "req-1", "Approve", "counted the rows")
    came_of_it = bob.get_by_role("status").filter(has_text="Your answer counts.")
    expect(came_of_it).to_have_text("Your answer counts. More people must approve.")
    carol.goto("/")
    carol.get_by_role("link", name="dataset://acme/sales").click()
    expect(carol.get_by_text("counted the rows")).to_be_visible()
    answer(carol, "req-1", "Approve", "so did I")
    expect(carol.get_by_text("Approved. The run goes on.")).to_be_visible()
    carol.reload()
    assert len(at.workspace.store.approvals.votes("req-1")) == 2, "loading the page again answers nothing again"
    assert at.workspace.store.approvals.get("req-1").state is RequestState.APPROVED


def test_who_asked_is_told_that_the_own_answer_does_not_count(at: Desk) -> None:
    at.ask()
    alice = at.window("alice")
    alice.goto("/requests/req-1")
    expect(alice.get_by_role("link", name="self-approval")).to_be_visible()
    expect(alice.get_by_role("button", name="Approve")).to_have_count(0)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_no_a_substitute_and_several_at_once(at: Desk, scripts: bool) -> None:
    for number in range(1, 5):
        at.ask(f"req-{number}", at={"run_id": f"run-{number}"})
    bob = at.window("bob", java_script_enabled=scripts)
    answer(bob, "req-1", "Deny", "wrong table")
    expect(bob.get_by_text("Denied. The step will not run.")).to_be_visible()
    bob.goto("/requests/req-2")
    bob.get_by_text("Let somebody else answer").click()
    bob.get_by_label("Who answers in your stead").select_option("dave")
    bob.get_by_label("Reason, for the record").nth(1).fill("I am away")
    bob.get_by_role("button", name="Hand on").click()
    expect(bob.get_by_text("dave for bob")).to_be_visible()
    bob.goto("/")
    for box in bob.get_by_role("checkbox").all():
        box.check()
    bob.get_by_label("Reason, for the record").fill("all of them")
    bob.get_by_role("button", name="Approve").click()
    expect(bob.get_by_text("More people must approve.")).to_have_count(3)
    expect(bob.get_by_role("link", name="req-1")).to_have_count(0)


def test_a_keyboard_is_enough(at: Desk) -> None:
    at.ask()
    bob = at.window("bob")
    bob.goto("/requests/req-1")
    bob.keyboard.press("Tab")
    expect(bob.get_by_role("link", name="Skip to the content")).to_be_focused()
    bob.keyboard.press("Enter")
    for _ in range(12):
        bob.keyboard.press("Tab")
        if bob.evaluate("document.activeElement.id") == "reason":
            break
    bob.keyboard.type("counted the rows")
    bob.keyboard.press("Tab")
    bob.keyboard.press("Enter")
    expect(bob.get_by_text("More people must approve.")).to_be_visible()


def test_what_a_flow_says_of_itself_runs_nowhere(at: Desk) -> None:
    said: dict[str, Any] = dict.fromkeys(("action", "resource", "provider", "note", "environment"), EVIL)
    said |= {"parameters": {EVIL: EVIL}, "effects": [EVIL], "tier_rules": [EVIL], "steps": [{"step_id": EVIL}]}
    at.ask(summary=said, reason=EVIL, policy_rule=EVIL, at={"flow": EVIL, "step_id": EVIL, "run_id": EVIL})
    bob = at.window("bob")
    problems: list[str] = []
    bob.on("pageerror", lambda error: problems.append(str(error)))
    for path in ("/", "/?view=all&q=onerror", "/requests/req-1"):
        bob.goto(path)
        assert bob.title() != "hacked"
        assert bob.locator("img[src=x], b[hx-get]").count() == 0
        assert bob.get_by_text("onerror=").count() > 0, "it is shown as text"
    answer(bob, "req-1", "Approve", EVIL)
    expect(bob.get_by_text("More people must approve.")).to_be_visible()
    assert bob.title() != "hacked"
    assert not problems


PAGES = (
    *("/", "/?view=all", "/?view=decided", "/delegations", "/reviews", "/none"),
    *(f"/requests/req-{number}" for number in (1, 2, 4)),
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_anybody(at: Desk, scheme: str, shots: Path) -> None:
    for number in range(1, 4):
        at.ask(f"req-{number}", at={"run_id": f"run-{number}"})
    whole = plan()
    approve(at.workspace, whole.model_copy(update={"steps": whole.steps[:-1], "edges": whole.edges[1:]}))
    said = {"action": "data:delete", "resource": "dataset://acme/sales", "plan_hash": approve(at.workspace, whole)}
    at.ask("req-4", summary=said, at={"run_id": "run-4", "step_id": "purge#1"})
    bob = at.window("bob", color_scheme=scheme, viewport={"width": 1280, "height": 900})
    answer(bob, "req-2", "Deny", "wrong table")
    carol = at.window("carol", color_scheme=scheme, viewport={"width": 390, "height": 844})
    carol.goto("/requests/req-3")
    carol.get_by_text("Break glass: let it run alone").click()
    carol.get_by_label("Why it cannot wait, in 10 characters or more").fill("the disk is full")
    carol.get_by_role("button", name="Let it run alone").click()
    expect(carol.get_by_text("Somebody else has to review it.")).to_be_visible()
    errors: list[str] = []
    for name, page in (("bob", bob), ("carol", carol)):
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        for number, path in enumerate(PAGES):
            page.goto(path)
            page.screenshot(path=shots / f"{name}-{scheme}-{number}.png", full_page=True)
            found = Axe().run(page)
            assert found.violations_count == 0, f"{name} {path}\n{found.generate_report()}"
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} is wider than {name}'s window"
    assert not [text for text in errors if "404" not in text]
