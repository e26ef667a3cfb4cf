"""The gate: what waits side by side waits in one pause, costs no retry of the flow, and ends in words."""

from __future__ import annotations

import asyncio
import gc
import inspect
import io
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.states import Cancelling, Running

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.errors import Denied
from govflow.prefect import gate
from govflow.store import Store
from tests.prefect.conftest import POLICY, Home
from tests.prefect.people import Background, pending, token, until, vote

SOURCE = """
import asyncio
from pathlib import Path
from govflow.errors import Refused
from govflow.prefect import flow, task

@task(action="data:delete", resource="table://{table}")
def purge(table: str, marker: str) -> str:
    with Path(marker).open("a") as file:
        file.write(f"{table}\\n")
    return table

@task(action="data:delete", resource="table://rows", retries=0)
def shaky(marker: str) -> str:
    with Path(marker).open("a") as file:
        file.write("ran\\n")
    if len(Path(marker).read_text().splitlines()) == 1:
        raise OSError("connection lost")
    return "purged"

@task(action="data:delete", resource="table://{table}")
async def apurge(table: str) -> str:
    return table

@flow
def clean(marker: str) -> str:
    return purge("flights", marker)

@flow
def clean_many(marker: str) -> list:
    return [f.result() for f in purge.map(["a", "b", "c"], marker)]

@flow(retries=1)
def clean_shaky(marker: str) -> str:
    return shaky(marker)

@flow(retries=1)
def stubborn(marker: str) -> str:
    try:
        return purge("flights", marker)
    except Refused as refused:
        return f"went on: {type(refused).__name__}"

@flow
async def clean_at_once(count: int) -> list:
    return await asyncio.gather(*[apurge(str(number)) for number in range(count)])

@flow
def generates(marker: str):
    yield 1
    yield purge("flights", marker)

@flow(retries=1)
async def agenerates(marker: str):
    yield 1
    yield purge("flights", marker)

@task(action="email:send")
def forbidden() -> None:
    pass

@flow
def denied_generator(marker: str):
    yield 1
    yield forbidden()

@flow
async def denied_agenerator(marker: str):
    yield 1
    yield forbidden()
"""


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    home.configure(policy=POLICY, mode="enforce")
    with home.store() as store:
        yield store


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the logs of runs say, tracebacks included."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    loggers = [logging.getLogger(name) for name in ("prefect.flow_runs", "prefect.task_runs")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield written
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


def _state(client: SyncPrefectClient, request: ApprovalRequest) -> State[Any]:
    state = client.read_flow_run(UUID(request.binding.run_id)).state
    assert state is not None
    return state


def _naming(client: SyncPrefectClient, requests: list[ApprovalRequest]) -> State[Any]:
    """The state of the run, once it is paused and names all of these."""

    def look() -> State[Any] | None:
        state = _state(client, requests[0])
        named = state.is_paused() and all(one.request_id in (state.message or "") for one in requests)
        return state if named else None

    state: State[Any] = until(look, "the state names every request")
    return state


def test_what_waits_side_by_side_waits_in_one_pause_and_a_token_says_which_one_it_answers(
    home: Home, store: Store, client: SyncPrefectClient, marker: Path
) -> None:
    run = Background(home.load(SOURCE).clean_many, str(marker))
    requests = pending(store, 3)
    run_id = UUID(requests[0].binding.run_id)
    _naming(client, requests)
    second = requests[1]
    secret = token(store, second, "bob")
    answered = client.resume_flow_run(run_id, run_input={"token": secret, "decision": "approve", "reason": "this one"})
    assert str(answered.status.value) == "ACCEPT"
    until(lambda: store.approvals.outcome_of(second.request_id) == "succeeded", "the step that was meant has run")
    others = [one for one in requests if one.request_id != second.request_id]
    assert len(marker.read_text().splitlines()) == 1
    state = _naming(client, others)
    assert second.request_id not in (state.message or "")
    for request in others:
        vote(store, request, "bob")
    assert sorted(run.join()) == ["a", "b", "c"]
    assert sorted(marker.read_text().split()) == ["a", "b", "c"]
    history = client.read_flow_run_states(run_id)
    keys = {state.state_details.pause_key for state in history if state.is_paused()}
    assert len(keys) == 2, "one pause, and another after somebody pressed Resume"
    assert client.read_flow_run(run_id).run_count == 1


def test_async_tasks_of_one_flow_are_asked_for_all_at_once(home: Home, store: Store) -> None:
    module = home.load(SOURCE)
    run = Background(lambda: asyncio.run(module.clean_at_once(12)))  # more than the event loop has threads
    requests = pending(store, 12)
    for request in requests:
        vote(store, request, "bob")
    assert len(run.join()) == 12


def test_neither_a_pause_nor_a_forced_state_costs_a_retry_of_the_flow(
    home: Home, store: Store, client: SyncPrefectClient, marker: Path
) -> None:
    run = Background(home.load(SOURCE).clean_shaky, str(marker))
    (request,) = pending(store)
    run_id = UUID(request.binding.run_id)
    _naming(client, [request])
    client.set_flow_run_state(run_id, Running(), force=True)
    until(lambda: "without an answer" in (_state(client, request).message or ""), "paused again")
    assert client.read_flow_run(run_id).run_count == 1
    vote(store, request, "bob")
    assert run.join() == "purged", "the one retry that the flow has was there to be used"
    assert marker.read_text() == "ran\nran\n"
    assert client.read_flow_run(run_id).run_count == 2


def _deny(store: Store, client: SyncPrefectClient, request: ApprovalRequest) -> None:
    vote(store, request, "bob", "deny", "the backup is missing")


def _revoke(store: Store, client: SyncPrefectClient, request: ApprovalRequest) -> None:
    now = datetime.now(UTC)
    store.approvals.move(request.request_id, RequestState.REVOKED, now, "not needed any more", "approval.revoked")


def _expire(store: Store, client: SyncPrefectClient, request: ApprovalRequest) -> None:
    """Nothing is done: the approval rule of the policy gives three seconds."""


def _cancel(store: Store, client: SyncPrefectClient, request: ApprovalRequest) -> None:
    _naming(client, [request])
    client.set_flow_run_state(UUID(request.binding.run_id), Cancelling())


def _collected(flow: Any, marker: Path) -> Any:
    """The values of a generator flow, the result of any other."""
    if inspect.isasyncgenfunction(flow.fn.fn):
        return asyncio.run(_acollected(flow, marker))
    return list(flow(str(marker))) if inspect.isgeneratorfunction(flow.fn.fn) else flow(str(marker))


async def _acollected(flow: Any, marker: Path) -> list[Any]:
    return [value async for value in flow(str(marker))]


FLOWS = ("clean", "stubborn", "generates", "agenerates")

ENDS = {
    "denied": (_deny, "FAILED", "ApprovalDenied", "Denied by bob: the backup is missing"),
    "revoked": (_revoke, "FAILED", "ApprovalRevoked", "revoked: not needed any more"),
    "expired": (_expire, "FAILED", "ApprovalExpired", "expired at"),
    "cancelled": (_cancel, "CANCELLED", "Cancelled", "Cancelled while it waited"),
}


@pytest.mark.parametrize(
    ("flow", "act", "kind", "name", "words"),
    [(flow, *end) for flow in FLOWS for end in ENDS.values()],
    ids=[f"{flow}-{end}" for flow in FLOWS for end in ENDS],
)
def test_a_run_that_is_not_approved_ends_in_words_and_without_a_traceback(
    home: Home,
    store: Store,
    client: SyncPrefectClient,
    marker: Path,
    log: io.StringIO,
    flow: str,
    act: Any,
    kind: str,
    name: str,
    words: str,
) -> None:
    if act is _expire:
        home.configure(policy=POLICY.replace("ttl_seconds: 600", "ttl_seconds: 3"))
    run = Background(_collected, getattr(home.load(SOURCE), flow), marker)
    (request,) = pending(store)
    act(store, client, request)
    if flow == "stubborn" and kind != "CANCELLED":
        assert run.join() == f"went on: {name}"
    else:
        with pytest.raises(Exception, match=r".") as caught:
            run.join()
        assert not isinstance(caught.value, TimeoutError)
        state = _state(client, request)
        assert (state.type.value, state.name) == (kind, name)
        assert words in (state.message or "")
        assert "Traceback" not in (state.message or "")
    assert not marker.exists()
    assert "Traceback" not in log.getvalue()
    assert client.read_flow_run(UUID(request.binding.run_id)).run_count == 1


@pytest.mark.parametrize("flow", ["denied_generator", "denied_agenerator"])
def test_a_generator_flow_that_policy_stops_ends_in_a_state_of_that_name(
    home: Home, client: SyncPrefectClient, marker: Path, flow: str
) -> None:
    """Before its first value: what is certain to be denied is denied then."""
    rule = "    - {name: no-mail, effect: deny, actions: ['email:*'], priority: 1}\n"
    home.configure(policy=POLICY.replace("  rules:\n", "  rules:\n" + rule), mode="enforce")
    with pytest.raises(Denied, match="no-mail"):
        _collected(getattr(home.load(SOURCE), flow), marker)
    run_id = next(body["run_id"] for body in home.events() if body["event"].endswith(".refused"))
    state = client.read_flow_run(UUID(run_id)).state
    assert state is not None
    assert (state.type.value, state.name) == ("FAILED", "Denied")
    assert "no-mail" in (state.message or "")


def test_of_many_that_are_approved_in_one_go_a_few_at_a_time_are_set_going(
    home: Home, store: Store, marker: Path, log: io.StringIO
) -> None:
    module, runs = home.load(SOURCE), 12
    waiting = [Background(module.clean, str(marker)) for _ in range(runs)]
    requests = pending(store, runs)
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(gate.LEAVING)
        for request in requests:
            vote(store, request, "bob")
        time.sleep(1.0)
        assert not marker.exists(), "a run was set going beside those that are being set going"
    assert [run.join() for run in waiting] == ["flights"] * runs
    assert len(marker.read_text().splitlines()) == runs
    assert "gate.retry" not in log.getvalue()


def test_nothing_of_a_gate_is_kept_once_its_run_has_ended(home: Home, store: Store, marker: Path) -> None:
    run = Background(home.load(SOURCE).clean, str(marker))
    (request,) = pending(store)
    assert UUID(request.binding.run_id) in gate._gates
    vote(store, request, "bob")
    run.join()
    gc.collect()
    assert UUID(request.binding.run_id) not in gate._gates
