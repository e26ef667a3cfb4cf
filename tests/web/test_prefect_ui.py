"""Prefect's own pages, both versions, in a browser: a paused run says what it asks, and its form answers it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed: it is in the group `web`")

from playwright.sync_api import Browser
from prefect.client.orchestration import SyncPrefectClient, get_client

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.errors import ApprovalDenied
from govflow.store import Store
from tests.prefect.conftest import Home, home  # noqa: F401 - a fixture
from tests.prefect.people import Background, pending, token, until, vote
from tests.web.desks import chromium
from tests.web.prefect_page import RunPage, Version

SOURCE = """
from pathlib import Path
from govflow.prefect import flow, task

@task
def count(table: str) -> int:
    return 120

@task(action="data:delete", provider="duckdb", resource="table://{table}", records="{rows}", retries=1)
def purge(table: str, rows: int, marker: str) -> str:
    with Path(marker).open("a") as file:
        file.write("ran\\n")
    return "purged"

@flow
def clean(marker: str) -> str:
    return purge("flights", count("flights"), marker)
"""

POLICY = """\
version: 1
policy:
  name: test
  rules:
    - name: ask-for-risk
      description: "Deletes are looked at by a second pair of eyes."
      effect: require_approval
      actions: ["*"]
      conditions: {step.tier: {gte: 2}}
      approval: owners
    - {name: allow-the-rest, effect: allow, actions: ["*"]}
approvals:
  owners: {required: 1, approvers: ["user:bob", "user:dora"], ttl_seconds: 900}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def store(home: Home) -> Iterator[Store]:  # noqa: F811
    home.configure(policy=POLICY, mode="enforce", console_url="http://127.0.0.1:4399")
    with home.store() as store:
        yield store


def _paused(client: SyncPrefectClient, request: ApprovalRequest, words: str = "") -> str:
    """The message of the run's state, once it is paused and says ``words``."""

    def look() -> str | None:
        state = client.read_flow_run(UUID(request.binding.run_id)).state
        said = (state.message or "") if state is not None and state.is_paused() else ""
        return said if said and words in said else None

    said: str = until(look, f"paused, saying {words!r}")
    return said


@pytest.mark.covers("D-10")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_paused_run_shows_what_is_asked_and_only_the_right_token_answers(
    version: Version,
    browser: Browser,
    prefect_server: str,
    home: Home,  # noqa: F811
    store: Store,
    client: SyncPrefectClient,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    module = home.load(SOURCE)
    # A token that was spent on another request, and one for the request of a run that still waits.
    earlier = Background(module.clean, str(tmp_path / "earlier"))
    (first,) = pending(store)
    spent = token(store, first, "bob")
    _paused(client, first)
    client.resume_flow_run(
        UUID(first.binding.run_id), run_input={"token": spent, "decision": "approve", "reason": "looked"}
    )
    assert earlier.join() == "purged"
    other = Background(module.clean, str(tmp_path / "other"))
    (waits,) = pending(store)
    foreign = token(store, waits, "bob")

    marker = tmp_path / "marker"
    run = Background(module.clean, str(marker))
    (request,) = (one for one in pending(store, 2) if one.request_id != waits.request_id)
    right = token(store, request, "bob")
    _paused(client, request)
    page = RunPage(browser, prefect_server, version, request.binding.run_id, tmp_path)

    form = page.form().inner_text().replace("\N{ZERO WIDTH SPACE}", "")
    page.picture("form")
    for said in (
        "purge does data:delete on table://flights: tier 3",
        "ask-for-risk",
        "records: 120",
        "no difference from the plan that was trusted",
        "but not alice, who asked for the run",
        "answer by",
        f"govflow approvals token {request.request_id} --as NAME",
        "Answer in the console",
        "Yours alone, and it works once.",
        "approve counts as your yes",
        "Why, in your words",
    ):
        assert said in form, said
    assert page.page.get_by_role("link", name="Answer in the console").get_attribute("href") == (
        f"http://127.0.0.1:4399/requests/{request.request_id}"
    )
    words: tuple[str, ...] = ("Approval needed", "data:delete duckdb table://flights", "answer by", "120")
    asked = page.artifact("govflow-approval", "Approval needed", *words)
    page.picture("approval")
    for said in words:
        assert said in asked, asked
    words = ("clean/purge#1", "3 high", "ask-for-risk")
    plan = page.artifact("govflow-plan", "Plan of clean", *words)
    page.picture("plan")
    for said in words:
        assert said in plan, plan
    assert "classDef" not in plan

    for name, wrong in (("unknown", "gfa_" + "A" * 43), ("spent", spent), ("foreign", foreign)):
        page.answer(wrong, "approve", f"with a {name} token", name)
        said = _paused(client, request, "The last answer was refused")
        assert "token" in said and wrong not in said
        assert not marker.exists()
        assert store.approvals.get(request.request_id).state is RequestState.PENDING
        # The words of the next refusal are the same: a new pause is told by its key.
        shown = page.form().inner_text()
        page.picture(f"after-{name}")
        assert "The last answer was refused" in shown
    assert "The last answer was refused" in page.tab("Details", "The last answer was refused")
    page.picture("details")

    page.answer(right, "approve", "counted the rows", "right")
    assert run.join() == "purged"
    assert marker.read_text() == "ran\n"
    assert "Completed" in page.tab("Details", "Completed")
    page.picture("completed")
    (cast,) = store.approvals.votes(request.request_id)
    assert (cast.principal, cast.reason) == ("bob", "counted the rows")

    vote(store, waits, "dora", "deny", "not today")
    other.end()
    _nothing_left(client, tmp_path_factory, request, [spent, foreign, right])
    assert page.foreign == [] or version == "v2"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_no_in_the_form_ends_the_run_in_words_that_name_the_person_and_the_reason(
    version: Version,
    browser: Browser,
    prefect_server: str,
    home: Home,  # noqa: F811
    store: Store,
    client: SyncPrefectClient,
    tmp_path: Path,
) -> None:
    marker = tmp_path / "marker"
    run = Background(home.load(SOURCE).clean, str(marker))
    (request,) = pending(store)
    _paused(client, request)
    page = RunPage(browser, prefect_server, version, request.binding.run_id, tmp_path)
    page.answer(token(store, request, "dora"), "deny", "the backup is missing", "deny")
    with pytest.raises(ApprovalDenied):
        run.join()
    assert not marker.exists()
    shown = page.tab("Details", "Denied by dora: the backup is missing", "approval-denied")
    page.picture("denied")
    assert "Denied by dora: the backup is missing" in shown
    assert "approval-denied" in shown


def _nothing_left(
    client: SyncPrefectClient, places: pytest.TempPathFactory, request: ApprovalRequest, secrets: list[str]
) -> None:
    """No token is in Prefect's inputs, database files or server log."""
    run_id = UUID(request.binding.run_id)
    until(lambda: not client.filter_flow_run_input(run_id, "", 200, set()), "the form was taken down")
    # Other tests of the session may have had servers of their own.
    there = {file.resolve() for file in places.getbasetemp().glob("prefect[0-9]*/prefect.db")}
    (database,) = (file for file in there if _holds(file, run_id))
    with closing(sqlite3.connect(database, timeout=120)) as connection:
        # What was deleted lies in the write-ahead file until the next checkpoint.
        until(lambda: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, "a checkpoint")
    for file in (file for file in database.parent.glob("*") if file.is_file()):
        held = file.read_bytes()
        for secret in secrets:
            assert secret.encode() not in held, f"a token is left in {file.name}"


def _holds(database: Path, run_id: UUID) -> bool:
    with closing(sqlite3.connect(database, timeout=120)) as connection:
        return bool(connection.execute("SELECT 1 FROM flow_run WHERE id = ?", [str(run_id)]).fetchone())
