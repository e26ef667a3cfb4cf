"""What Prefect's server says of runs, held against the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled, Completed

from govflow.approval.models import RequestState
from govflow.cli.app import main
from govflow.errors import Refused
from govflow.prefect.run_reading import read_runs
from govflow.prefect.runtime import RUNTIME
from govflow.services.reconcile_runs import Reconciliation, logged_since, reconcile_runs
from tests.prefect.conftest import POLICY, Home
from tests.prefect.people import Background, until

FLOW = """
from pathlib import Path
from govflow.prefect import flow, task

@task(action="data:read", provider="postgres", resource="dataset://acme/x", tier={tier})
def purge(path: str) -> None:
    Path(path).write_text("purged")

@flow(name="{name}")
def main(path: str) -> None:
    purge(path)
"""


DENY = POLICY.replace("effect: require_approval", "effect: deny").replace("      approval: one\n", "")

ALLOW = POLICY.replace("effect: require_approval", "effect: allow").replace("      approval: one\n", "")


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def _compared(since: datetime, name: str) -> tuple[Reconciliation, set[tuple[str, str]]]:
    """Everything since then; the findings of one flow as (rule, run id)."""
    workspace = RUNTIME.workspace()
    found = reconcile_runs(workspace, read_runs(since, logged_since(workspace, since)), datetime.now(UTC))
    return found, {(one.code, one.key) for one in found.findings if one.flow.startswith(f"{name}/")}


def _run_of(home: Home, event: str) -> str:
    return str(next(body["run_id"] for body in home.events() if body["event"] == event))


def test_what_agrees_gives_no_finding(home: Home) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    home.configure(mode="enforce", policy=ALLOW)
    home.load(FLOW.format(tier=3, name="agree")).main(str(home.path / "out"))
    found, mine = _compared(since, "agree")
    assert found.runs >= 1 and not mine


def test_a_refused_run_that_somebody_set_completed_is_found_and_recorded_once(
    home: Home, client: SyncPrefectClient
) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    home.configure(mode="enforce", policy=DENY)
    with pytest.raises(Refused):
        home.load(FLOW.format(tier=3, name="forced")).main(str(home.path / "out"))
    run_id = _run_of(home, "run.refused")
    assert _compared(since, "forced")[1] == set()
    client.set_flow_run_state(UUID(run_id), Completed(), force=True)
    for new in (True, False):
        found, mine = _compared(since, "forced")
        assert mine == {("GF602", run_id)} and bool(found.new) is new
    (record,) = (body for body in home.events(run_id) if body["event"] == "run.reconciled")
    assert (record["severity"], record["payload"]["code"]) == ("critical", "GF602")


def _set(state: State[Any]) -> Any:
    return lambda client, run_id: client.set_flow_run_state(UUID(run_id), state, force=True)


def test_a_run_that_was_killed_while_waiting_leaves_no_open_question(home: Home, client: SyncPrefectClient) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    home.configure(mode="enforce", policy=POLICY)
    module = home.load(FLOW.format(tier=3, name="waits"))
    running = Background(module.main, str(home.path / "out"))
    with home.store() as store:
        (request,) = until(lambda: store.approvals.list("default", RequestState.PENDING), "a question")
        run_id = request.binding.run_id
        # Another process looks: the engine has the run in its end state while the question is still open.
        workspace = RUNTIME.workspace()
        engine = read_runs(since, logged_since(workspace, since))
        waiting = next(run for run in engine.runs if run.id == run_id)
        assert not waiting.over
        _set(Cancelled())(client, run_id)
        found, _ = _compared(since, "waits")
        assert store.approvals.get(request.request_id).state is RequestState.REVOKED
        assert found.revoked in ((request.request_id,), ())  # the run's own process may have been quicker
    with pytest.raises(BaseException):  # noqa: B017, PT011 - cancelled or refused: it ends
        running.join()
    assert not (home.path / "out").exists()


def test_a_run_that_was_deleted_while_open_is_found(home: Home, client: SyncPrefectClient) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    home.configure(mode="enforce", policy=POLICY)
    running = Background(home.load(FLOW.format(tier=3, name="vanishes")).main, str(home.path / "out"))
    with home.store() as store:
        (request,) = until(lambda: store.approvals.list("default", RequestState.PENDING), "a question")
        client.delete_flow_run(UUID(request.binding.run_id))
        found, _ = _compared(since, "vanishes")
        codes = {(one.code, one.key) for one in found.findings if one.key == request.binding.run_id}
        assert ("GF605", request.binding.run_id) in codes
        until(lambda: store.approvals.get(request.request_id).state is not RequestState.PENDING, "its end")
    with pytest.raises(BaseException):  # noqa: B017, PT011 - its engine does not know it any more
        running.join()
    assert not (home.path / "out").exists()


def test_the_command_compares_a_server_and_a_file_alike(
    home: Home, client: SyncPrefectClient, capsys: pytest.CaptureFixture[str]
) -> None:
    home.configure(mode="enforce", policy=DENY)
    with pytest.raises(Refused):
        home.load(FLOW.format(tier=3, name="command")).main(str(home.path / "out"))
    run_id = _run_of(home, "run.refused")
    client.set_flow_run_state(UUID(run_id), Completed(), force=True)
    assert client.read_flow_run(UUID(run_id)).state.type is StateType.COMPLETED  # type: ignore[union-attr] # it has one
    exported = home.path / "runs.json"
    codes = []
    for words in (["--since", "1h", "--export", str(exported)], ["--from", str(exported)]):
        assert main(["reconcile", *words, "--format", "json"]) == 1
        found = json.loads(capsys.readouterr().out)["findings"]
        codes.append(sorted(one["code"] for one in found if one["flow"].startswith("command/")))
    assert codes == [["GF602"], ["GF602"]]
    assert main(["reconcile", "--since", "1h"]) == 1
    assert "GF602 state-forced" in capsys.readouterr().out
    assert main(["reconcile", "--since", "yesterday"]) == 2
