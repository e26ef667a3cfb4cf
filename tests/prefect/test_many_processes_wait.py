"""Steps of one run that wait for people in several processes at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State

from govflow.approval.models import ApprovalRequest
from govflow.store import Store
from tests.prefect.conftest import POLICY, Home
from tests.prefect.one_log import steps_by_process
from tests.prefect.people import Background, pending, token, until, vote

SOURCE = """
import os
from pathlib import Path
from govflow.prefect import flow, task
from prefect.task_runners import ProcessPoolTaskRunner

@task(action="data:delete", resource="table://{table}")
def purge(table: str, marker: str) -> int:
    with Path(marker).open("a") as file:
        file.write(f"{table}\\n")
    return os.getpid()

@flow(task_runner=ProcessPoolTaskRunner(max_workers=3))
def spread(marker: str) -> list:
    return [future.result() for future in purge.map(["a", "b", "c"], marker)]
"""


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def store(home: Home, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "ERROR")
    home.configure(policy=POLICY, mode="enforce")
    with home.store() as store:
        yield store


def _naming(client: SyncPrefectClient, run_id: UUID, requests: list[ApprovalRequest]) -> State[Any]:
    """The state of the run, once it is paused and names these and no more."""

    def look() -> State[Any] | None:
        state = client.read_flow_run(run_id).state
        words = (state.message or "") if state is not None and state.is_paused() else ""
        return state if words and all(one.request_id in words for one in requests) else None

    state: State[Any] = until(look, "the state names every request")
    return state


def _has_run(store: Store, request_id: str) -> bool:
    return store.approvals.outcome_of(request_id) == "succeeded"


def test_each_step_has_one_request_and_the_run_one_pause(
    home: Home, store: Store, client: SyncPrefectClient, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    run = Background(home.load(SOURCE).spread, str(marker))
    requests = pending(store, 3)
    run_id = UUID(requests[0].binding.run_id)
    _naming(client, run_id, requests)
    assert {one.binding.map_index for one in requests} == {0, 1, 2}

    # The form, with a token for a step that waits in whichever process.
    for request in requests[:2]:
        others = [one for one in requests if one.request_id != request.request_id]
        secret = token(store, request, "bob")
        answer = {"token": secret, "decision": "approve", "reason": "this one"}
        assert client.resume_flow_run(run_id, run_input=answer).status.value == "ACCEPT"
        until(partial(_has_run, store, request.request_id), "the step has run")
        requests = others
        _naming(client, run_id, requests)
    assert len(marker.read_text().splitlines()) == 2
    vote(store, requests[0], "bob")
    workers = run.join()
    assert len(set(workers)) == 3, "three processes"
    assert steps_by_process() == {os.getpid(): 2, **dict.fromkeys(workers, 2)}
    assert sorted(marker.read_text().split()) == ["a", "b", "c"]

    keys = {
        state.state_details.pause_key for state in client.read_flow_run_states(run_id) if state.state_details.pause_key
    }
    assert len(keys) <= 3, "one pause, and another after each Resume"
    assert client.filter_flow_run_input(run_id, "awaitingapproval", 50, set()) == []
    assert len(store.approvals.list("default", None)) == 3
    assert not [body for body in home.events() if body["event"] == "ir.approval_invalid"]
