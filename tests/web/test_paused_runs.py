"""Runs that are really paused, answered in the console by people in browsers, with scripts and without."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed: it is in the group `web`")

from playwright.sync_api import Browser, BrowserContext, Page, expect
from prefect.client.orchestration import get_client

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.errors import ApprovalDenied
from govflow.services.invite_people import invite
from govflow.store import Store
from tests.prefect.conftest import Home, home  # noqa: F401 - a fixture
from tests.prefect.console_process import Console, console_of
from tests.prefect.people import Background, pending, until
from tests.web.desks import PATIENCE, chromium

SOURCE = """
from pathlib import Path
from govflow.prefect import flow, task

@task(action="data:delete", resource="table://flights")
def purge(marker: str) -> str:
    with Path(marker).open("a") as file:
        file.write("ran\\n")
    return "purged"

@flow
def clean(marker: str) -> str:
    return purge(marker)
"""

POLICY = """\
version: 1
policy:
  name: test
  rules:
    - {name: ask-for-risk, effect: require_approval, actions: ["*"], conditions: {step.tier: {gte: 2}}, approval: two}
    - {name: allow-the-rest, effect: allow, actions: ["*"]}
approvals:
  two: {required: 2, approvers: ["user:alice", "user:bob", "user:carol"], ttl_seconds: 3600, delegation: {depth: 1}}
"""

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
Window = Callable[[str, bool], Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def console(home: Home) -> Iterator[Console]:  # noqa: F811
    """A console in a process of its own, which shares the governance database with the flow of the test."""
    home.configure(policy=POLICY, mode="enforce")
    with console_of(home.path, home.database_url, "alice", "bob", "carol", "dave") as console:
        yield console


@pytest.fixture
def window(console: Console, browser: Browser) -> Iterator[Window]:
    """A person's own browser window, signed in; with scripts or without."""
    opened: list[BrowserContext] = []

    def window(name: str, scripts: bool) -> Page:
        context = browser.new_context(base_url=console.url, java_script_enabled=scripts)
        context.set_default_timeout(PATIENCE)
        opened.append(context)
        page = context.new_page()
        page.goto(invite(console.workspace, name, "root", datetime.now(UTC), os.urandom(32)).url)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Inbox").wait_for()
        return page

    yield window
    for context in opened:
        context.close()


@pytest.fixture
def store(console: Console) -> Store:
    return console.workspace.store


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


def _paused(store: Store) -> ApprovalRequest:
    """The one request, once its run is paused in Prefect."""
    (request,) = pending(store)
    with get_client(sync_client=True) as client:
        run_id = UUID(request.binding.run_id)
        until(lambda: (state := client.read_flow_run(run_id).state) and state.is_paused(), "the run is paused")
    return request


def _answer(page: Page, button: str, why: str) -> None:
    """From the inbox to the page of the request, and answer it there."""
    page.goto("/")
    page.get_by_role("link", name="table://flights").click()
    page.get_by_label("Reason, for the record").first.fill(why)
    page.get_by_role("button", name=button, exact=True).click()


@pytest.mark.covers("D-10", "S2-090", "S5-74")
@SCRIPTS
def test_two_people_let_a_paused_run_go_on_and_who_asked_for_it_is_none_of_them(
    home: Home,  # noqa: F811
    store: Store,
    window: Window,
    marker: Path,
    scripts: bool,
) -> None:
    run = Background(home.load(SOURCE).clean, str(marker))
    request = _paused(store)
    alice = window("alice", scripts)
    alice.goto(f"/requests/{request.request_id}")
    expect(alice.get_by_role("link", name="self-approval")).to_be_visible()
    expect(alice.get_by_role("button", name="Approve")).to_have_count(0)

    bob = window("bob", scripts)
    _answer(bob, "Approve", "counted the rows")
    expect(bob.get_by_text("Your answer counts. More people must approve.").first).to_be_visible()
    bob.goto(f"/requests/{request.request_id}")
    expect(bob.get_by_role("link", name="already-voted")).to_be_visible()
    assert store.approvals.get(request.request_id).state is RequestState.PENDING
    assert run.running and not marker.exists()

    carol = window("carol", scripts)
    _answer(carol, "Approve", "so did I")
    expect(carol.get_by_text("Approved. The run goes on.").first).to_be_visible()
    assert run.join() == "purged"
    assert marker.read_text() == "ran\n"
    assert [vote.principal for vote in store.approvals.votes(request.request_id)] == ["bob", "carol"]
    carol.goto(f"/runs/{request.binding.run_id}")
    expect(carol.get_by_text("Nothing stopped it.")).to_be_visible()


@pytest.mark.covers("D-10")
@SCRIPTS
def test_a_no_ends_a_paused_run_and_its_page_says_who_and_why(
    home: Home,  # noqa: F811
    store: Store,
    window: Window,
    marker: Path,
    scripts: bool,
) -> None:
    run = Background(home.load(SOURCE).clean, str(marker))
    request = _paused(store)
    bob = window("bob", scripts)
    _answer(bob, "Deny", "the backup is missing")
    expect(bob.get_by_text("Denied. The step will not run.").first).to_be_visible()
    with pytest.raises(ApprovalDenied) as caught:
        run.join()
    assert not marker.exists()
    assert "Denied by bob: the backup is missing" in str(caught.value)
    bob.goto(f"/runs/{request.binding.run_id}")
    expect(bob.get_by_text(str(caught.value))).to_be_visible()


@SCRIPTS
def test_a_substitute_lets_a_paused_run_go_on(
    home: Home,  # noqa: F811
    store: Store,
    window: Window,
    marker: Path,
    scripts: bool,
) -> None:
    run = Background(home.load(SOURCE).clean, str(marker))
    request = _paused(store)
    bob = window("bob", scripts)
    bob.goto(f"/requests/{request.request_id}")
    bob.get_by_text("Let somebody else answer").click()
    bob.get_by_label("Who answers in your stead").select_option("dave")
    bob.get_by_label("Reason, for the record").nth(1).fill("I am away")
    bob.get_by_role("button", name="Hand on").click()
    expect(bob.get_by_text("Handed on. It holds from now on.").first).to_be_visible()
    _answer(window("dave", scripts), "Approve", "bob told me what to look at")
    _answer(window("carol", scripts), "Approve", "fine")
    assert run.join() == "purged"
    votes = store.approvals.votes(request.request_id)
    assert [(vote.principal, vote.through) for vote in votes] == [("dave", ("bob",)), ("carol", ())]
