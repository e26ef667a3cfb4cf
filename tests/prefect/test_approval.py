"""Pause, answer, resume: with a real server, and with everything that somebody may try instead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.states import Cancelling, Completed, Crashed, Failed, Running

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.errors import ApprovalDenied, ApprovalRevoked, SelfApproval
from govflow.store import Store
from tests.prefect.conftest import POLICY, Home
from tests.prefect.people import Background, pending, token, until, vote

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

@flow(retries=1)
def clean(marker: str) -> str:
    return purge("flights", count("flights"), marker)

@flow
def clean_many(marker: str) -> list:
    return [f.result() for f in purge.map(["a", "b", "c"], 1, marker)]
"""


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def store(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("LIMIT", "2")  # seconds for a task that has a limit
    home.configure(policy=POLICY, mode="enforce")
    with home.store() as store:
        yield store


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


def _paused(client: SyncPrefectClient, request: ApprovalRequest) -> Any:
    """The state of the run, once it shows the question."""

    def look() -> Any:
        state = client.read_flow_run(UUID(request.binding.run_id)).state
        return state if state is not None and state.is_paused() else None

    return until(look, "the run is paused")


def _resume(client: SyncPrefectClient, request: ApprovalRequest, **answer: str) -> Any:
    return client.resume_flow_run(UUID(request.binding.run_id), run_input=answer)


def _said(client: SyncPrefectClient, request: ApprovalRequest, words: str) -> str:
    """The message of the run, once it holds these words."""

    def look() -> str | None:
        state = client.read_flow_run(UUID(request.binding.run_id)).state
        message = (state.message or "") if state is not None and state.is_paused() else ""
        return message if words in message else None

    message: str = until(look, f"the run says {words!r}")
    return message


@pytest.mark.covers("S5-08", "S2-003")
def test_a_risky_step_pauses_and_an_approval_lets_it_run(
    home: Home, store: Store, client: SyncPrefectClient, marker: Path
) -> None:
    run = Background(home.load(SOURCE).clean, str(marker))
    (request,) = pending(store)
    state = _paused(client, request)
    assert state.name == "AwaitingApproval"
    for words in ("data:delete", "table://flights", "tier 3", "ask-for-risk", "not alice", request.request_id):
        assert words in state.message
    assert request.summary["records"] == 120
    assert not marker.exists()
    vote(store, request, "bob")
    assert run.join() == "purged"
    assert marker.read_text() == "ran\n"
    flow_run = client.read_flow_run(UUID(request.binding.run_id))
    assert flow_run.state is not None
    assert flow_run.state.is_completed()
    assert store.approvals.get(request.request_id).state is RequestState.EXERCISED
    assert store.approvals.outcome_of(request.request_id) == "succeeded"


@pytest.mark.covers("D-06")
def test_the_resume_form_with_a_token_lets_it_run_and_the_token_is_gone(
    home: Home, store: Store, client: SyncPrefectClient, marker: Path
) -> None:
    run = Background(home.load(SOURCE).clean, str(marker))
    (request,) = pending(store)
    state = _paused(client, request)
    secret = token(store, request, "bob")
    result = _resume(client, request, token=secret, decision="approve", reason="the table is a copy")
    assert str(result.status.value) == "ACCEPT"
    assert run.join() == "purged"
    (cast,) = store.approvals.votes(request.request_id)
    assert (cast.principal, cast.reason) == ("bob", "the table is a copy")
    left = client.filter_flow_run_input(UUID(request.binding.run_id), "awaitingapproval", 50, set())
    assert left == []
    assert state.state_details.run_input_keyset


@pytest.mark.covers("S5-26")
def test_replayed_token_is_refused(home: Home, store: Store, client: SyncPrefectClient, marker: Path) -> None:
    flow = home.load(SOURCE).clean
    first = Background(flow, str(marker))
    (request,) = pending(store)
    secret = token(store, request, "bob")
    _paused(client, request)
    _resume(client, request, token=secret, decision="approve", reason="yes")
    first.join()
    second = Background(flow, str(marker))
    (again,) = pending(store)
    _paused(client, again)
    _resume(client, again, token=secret, decision="approve", reason="yes")
    _said(client, again, "The last answer was refused")
    assert marker.read_text() == "ran\n"
    assert store.approvals.get(again.request_id).state is RequestState.PENDING
    vote(store, again, "bob", "deny")
    with pytest.raises(ApprovalDenied):
        second.join()
    assert marker.read_text() == "ran\n"


def test_token_of_another_run_is_refused(home: Home, store: Store, client: SyncPrefectClient, marker: Path) -> None:
    flow = home.load(SOURCE).clean
    runs = [Background(flow, str(marker)), Background(flow, str(marker))]
    mine, other = pending(store, 2)
    foreign = token(store, other, "bob")
    _paused(client, mine)
    _resume(client, mine, token=foreign, decision="approve", reason="yes")
    _said(client, mine, "The last answer was refused")
    assert not marker.exists()
    for request in (mine, other):
        vote(store, request, "bob", "deny")
    for run in runs:
        with pytest.raises(ApprovalDenied):
            run.join()
    assert not marker.exists()


def test_garbage_for_a_token_leaves_the_run_paused_and_the_next_try_works(
    home: Home, store: Store, client: SyncPrefectClient, marker: Path
) -> None:
    run = Background(home.load(SOURCE).clean, str(marker))
    (request,) = pending(store)
    _paused(client, request)
    _resume(client, request, token="gfa_nonsense", decision="approve", reason="yes")
    message = _said(client, request, "The last answer was refused")
    assert "nonsense" not in message
    _resume(client, request, token=token(store, request, "bob"), decision="approve", reason="yes")
    assert run.join() == "purged"


def test_forced_running_state_is_no_approval(home: Home, store: Store, client: SyncPrefectClient, marker: Path) -> None:
    run = Background(home.load(SOURCE).clean, str(marker))
    (request,) = pending(store)
    _paused(client, request)
    for _ in range(2):
        client.set_flow_run_state(UUID(request.binding.run_id), Running(), force=True)
        _said(client, request, "without an answer")
    assert not marker.exists()
    assert run.running
    vote(store, request, "bob", "deny", "no")
    with pytest.raises(ApprovalDenied):
        run.join()
    assert not marker.exists()
    causes = [e["payload"].get("cause", "") for e in home.events() if e["event"] == "ir.approval_invalid"]
    assert any("without an answer" in cause for cause in causes)


def test_a_planted_answer_and_a_forced_state_are_no_approval(
    home: Home, store: Store, client: SyncPrefectClient, marker: Path
) -> None:
    run = Background(home.load(SOURCE).clean, str(marker))
    (request,) = pending(store)
    state = _paused(client, request)
    run_id = UUID(request.binding.run_id)
    planted = {"token": "gfa_planted", "decision": "approve", "reason": "x"}
    key = state.state_details.run_input_keyset["response"]
    client.create_flow_run_input(run_id, key, orjson.dumps(planted).decode())
    client.set_flow_run_state(run_id, Running(), force=True)
    _said(client, request, "The last answer was refused")
    assert not marker.exists()
    vote(store, request, "bob", "deny")
    with pytest.raises(ApprovalDenied):
        run.join()


@pytest.mark.parametrize(
    ("state", "end"),
    [
        (Completed(), "ApprovalRevoked"),
        (Failed(), "ApprovalRevoked"),
        (Crashed(), "ApprovalRevoked"),
        (Cancelling(), "Cancelled"),
    ],
    ids=["completed", "failed", "crashed", "cancelling"],
)
def test_a_run_that_is_ended_while_it_waits_never_runs_the_step(
    home: Home, store: Store, client: SyncPrefectClient, marker: Path, state: Any, end: str
) -> None:
    run = Background(home.load(SOURCE).clean, str(marker))
    (request,) = pending(store)
    _paused(client, request)
    client.set_flow_run_state(UUID(request.binding.run_id), state, force=True)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - Prefect may wrap it, depending on the state
        run.join()
    assert not isinstance(caught.value, TimeoutError)
    assert store.approvals.get(request.request_id).state is RequestState.REVOKED
    assert not marker.exists()
    ended = client.read_flow_run(UUID(request.binding.run_id)).state
    assert ended is not None
    assert ended.name == end
    revoked = [body["payload"]["reason"] for body in home.events() if body["event"] == "approval.revoked"]
    assert revoked == [f"the run was set {state.name}"]
    assert isinstance(caught.value, ApprovalRevoked) or type(caught.value).__name__ in ("Abort", "CancelledRun")


@pytest.mark.covers("S5-30")
def test_requesters_own_approval_is_refused(home: Home, store: Store, marker: Path) -> None:
    run = Background(home.load(SOURCE).clean, str(marker))
    (request,) = pending(store)
    with pytest.raises(SelfApproval):
        vote(store, request, "alice")
    assert store.approvals.get(request.request_id).state is RequestState.PENDING
    vote(store, request, "bob", "deny", "not today")
    with pytest.raises(ApprovalDenied, match="bob: not today"):
        run.join()
    assert not marker.exists()


def test_a_denial_ends_the_run_in_a_state_that_names_person_and_reason(
    home: Home, store: Store, client: SyncPrefectClient, marker: Path
) -> None:
    run = Background(home.load(SOURCE).clean.with_options(retries=0), str(marker))
    (request,) = pending(store)
    vote(store, request, "bob", "deny", "the backup is missing")
    with pytest.raises(ApprovalDenied):
        run.join()
    state = client.read_flow_run(UUID(request.binding.run_id)).state
    assert state is not None
    assert state.is_failed()
    assert "bob: the backup is missing" in (state.message or "")
    assert not marker.exists()


def test_mapped_tasks_queue_at_the_gate_and_each_is_asked_for(
    home: Home, store: Store, client: SyncPrefectClient, marker: Path
) -> None:
    run = Background(home.load(SOURCE).clean_many, str(marker))
    requests = pending(store, 3)
    assert len({request.binding.map_index for request in requests}) == 3
    for request in requests:
        vote(store, request, "bob")
    assert run.join() == ["purged"] * 3
    assert marker.read_text() == "ran\n" * 3


WAITING = """
import asyncio
import os
import threading
import time
from govflow.prefect import flow, task

TICKS = []

@task(action="data:delete", resource="table://flights", timeout_seconds=float(os.environ["LIMIT"]))
def purge(seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)
    return "purged"

@flow
def clean(seconds: float) -> str:
    return purge(seconds)

@task(action="data:delete", resource="table://flights")
async def apurge() -> str:
    return "purged"

async def tick() -> None:
    while True:
        TICKS.append(time.monotonic())
        await asyncio.sleep(0.05)

@flow
async def aclean() -> str:
    ticking = asyncio.create_task(tick())
    try:
        return await apurge()
    finally:
        ticking.cancel()

GIVE_UP = threading.Event()

@flow
async def impatient() -> str:
    purging = asyncio.ensure_future(apurge())
    while not GIVE_UP.is_set():
        await asyncio.sleep(0.05)
    try:
        return await asyncio.wait_for(purging, timeout=0.1)
    except asyncio.TimeoutError:
        return "gave up"
"""


def test_the_time_that_people_take_is_not_the_time_of_the_task(
    home: Home, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in (2, 15, 120):  # a busy machine may be too slow for the body of a shorter one
        monkeypatch.setenv("LIMIT", str(limit))
        run = Background(home.load(WAITING).clean, 0.0)
        (request,) = pending(store)
        time.sleep(limit + 1)
        vote(store, request, "bob")
        with suppress(TimeoutError):
            assert run.join() == "purged"
            break
    else:
        pytest.fail("the time that people took was the task's")


def test_an_approved_body_still_has_its_time_limit(home: Home, store: Store, client: SyncPrefectClient) -> None:
    module = home.load(WAITING)
    run = Background(module.clean, 300.0)
    (request,) = pending(store)
    vote(store, request, "bob")
    with pytest.raises(TimeoutError, match=r"exceeded timeout of 2\.0 second"):
        run.join()
    assert store.approvals.outcome_of(request.request_id) == "failed"


def test_an_async_flow_goes_on_while_people_decide(home: Home, store: Store) -> None:
    module = home.load(WAITING)
    run = Background(lambda: asyncio.run(module.aclean()))
    (request,) = pending(store)
    before = len(module.TICKS)
    until(lambda: len(module.TICKS) > before + 6, "the event loop goes on")
    vote(store, request, "bob")
    assert run.join() == "purged"


def test_a_wait_that_is_given_up_ends(home: Home, store: Store) -> None:
    module = home.load(WAITING)
    run = Background(lambda: asyncio.run(module.impatient()))
    (request,) = pending(store)
    module.GIVE_UP.set()
    assert run.join() == "gave up"  # asyncio.run would not return while a thread still waited
    until(lambda: store.approvals.get(request.request_id).state is RequestState.REVOKED, "the request is withdrawn")
