"""What an approval covers, case by case, on a real server with processes that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL
from prefect.states import AwaitingRetry, Scheduled, Suspended

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.cli.app import main
from govflow.prefect.resume import restart
from govflow.store import Store
from tests.prefect.conftest import POLICY, Home
from tests.prefect.one_text import of_state, said_everywhere
from tests.prefect.people import pending, token, until, vote

SOURCE = """
import os, signal, sys
from pathlib import Path
from govflow.prefect import flow, task

@task(action="data:delete", resource="table://{table}", retries=1)
def purge(table: str, marker: str) -> str:
    with open(marker, "a") as file:
        file.write(f"{table}\\n")
    if os.environ.get("DIE_INSIDE"):
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("FAIL_ONCE") and len(Path(marker).read_text().splitlines()) == 1:
        raise OSError("connection lost")
    return table

@flow
def clean(marker: str) -> list:
    return [purge(table, marker) for table in os.environ.get("TABLES", "a").split(",")]

if __name__ == "__main__":
    from uuid import UUID
    from prefect.client.orchestration import get_client
    from prefect.engine import handle_engine_signals
    from prefect.flow_engine import run_flow
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(UUID(sys.argv[1]))
    with handle_engine_signals(flow_run.id):
        run_flow(clean, flow_run=flow_run, parameters={"marker": sys.argv[2]})
"""


class Place:
    """Runs of one flow, each execution in a process of its own."""

    def __init__(self, home: Home, store: Store, client: SyncPrefectClient, marker: Path) -> None:
        self.store = store
        self.client = client
        self.marker = marker
        self._home = home
        self._processes: list[subprocess.Popen[bytes]] = []
        home.write("covered_flow.py", SOURCE)
        self._flow = home.load(SOURCE, "covered_module").clean

    def new_run(self) -> UUID:
        run_id: UUID = self.client.create_flow_run(self._flow, parameters={"marker": "x"}).id
        return run_id

    def deployed(self) -> UUID:
        """A deployment of the flow, which nothing serves."""
        return UUID(str(self._flow.to_deployment("by-hand").apply()))

    def execute(self, run_id: UUID, **env: str) -> subprocess.Popen[bytes]:
        """Start a process that executes the run, as a runner does."""
        given = {
            **os.environ,
            "PREFECT_API_URL": PREFECT_API_URL.value() or "",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_HOME": str(self._home.path / "prefect"),
            "PYTHONPATH": os.getcwd() if not self._home.path.samefile(os.getcwd()) else _ROOT,
            **env,
        }
        command = [sys.executable, "covered_flow.py", str(run_id), str(self.marker)]
        process = subprocess.Popen(command, env=given, cwd=self._home.path, stdout=subprocess.DEVNULL)
        self._processes.append(process)
        return process

    def ran(self) -> list[str]:
        """What the bodies wrote."""
        return self.marker.read_text().split() if self.marker.exists() else []

    def asked(self, run_id: UUID) -> ApprovalRequest:
        """The one request of a run that waits."""

        def look() -> ApprovalRequest | None:
            found = self.store.approvals.pending_of_run("default", str(run_id))
            return found[0] if found else None

        request: ApprovalRequest = until(look, "the run asks")
        return request

    def finished(self, run_id: UUID) -> None:
        """The run was approved, ran, and ended."""
        process = self.execute(run_id)
        vote(self.store, self.asked(run_id), "bob")
        assert process.wait(400) == 0

    def kill(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait()


_ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def place(home: Home, tmp_path: Path) -> Iterator[Place]:
    home.configure(policy=POLICY, mode="enforce")
    with home.store() as store, get_client(sync_client=True) as client:
        place = Place(home, store, client, tmp_path / "marker")
        yield place
        place.kill()


def test_one_run_and_no_other_and_a_rerun_is_another(place: Place) -> None:
    place.finished(place.new_run())
    rerun = place.new_run()
    place.execute(rerun)
    asked = place.asked(rerun)
    assert asked.state is RequestState.PENDING
    assert place.ran() == ["a"]


def test_one_step_index_and_digest_of_parameters_and_its_automatic_retry(place: Place) -> None:
    run_id = place.new_run()
    process = place.execute(run_id, TABLES="a,b", FAIL_ONCE="1")
    first = place.asked(run_id)
    assert first.summary["parameters"] == {"table": "a", "marker": str(place.marker)}
    vote(place.store, first, "bob")
    second = until(lambda: next(iter(_others(place, run_id, first)), None), "the next element asks for itself")
    assert place.ran() == ["a", "a"], "the retry that the plan declares ran under the same approval"
    assert (first.binding.map_index, second.binding.map_index) == (0, 1)
    assert second.binding.parameters_digest != first.binding.parameters_digest
    vote(place.store, second, "bob", "deny")
    process.wait(400)
    assert place.client.read_flow_run(run_id).state_name == "ApprovalDenied"
    assert place.ran() == ["a", "a"]


def _others(place: Place, run_id: UUID, but: ApprovalRequest) -> list[ApprovalRequest]:
    waiting = place.store.approvals.pending_of_run("default", str(run_id))
    return [one for one in waiting if one.request_id != but.request_id]


@pytest.mark.parametrize("state", [AwaitingRetry(), Scheduled()], ids=["retry in the UI", "restart"])
def test_a_retry_in_the_ui_and_a_restart_ask_again(place: Place, state: Any) -> None:
    run_id = place.new_run()
    place.finished(run_id)
    place.client.set_flow_run_state(run_id, state, force=True)
    place.execute(run_id)
    assert "It has run already and succeeded" in place.asked(run_id).reason
    assert place.ran() == ["a"]


def test_a_denial_does_not_stand_after_a_retry_in_the_ui(place: Place) -> None:
    run_id = place.new_run()
    process = place.execute(run_id)
    vote(place.store, place.asked(run_id), "bob", "deny", "not yet")
    process.wait(400)
    assert place.client.read_flow_run(run_id).state_name == "ApprovalDenied"
    place.client.set_flow_run_state(run_id, AwaitingRetry(), force=True)
    place.finished(run_id)
    assert place.ran() == ["a"]


def test_killed_between_exercise_and_outcome_is_uncertain(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = place.new_run()
    process = place.execute(run_id, DIE_INSIDE="1")
    first = place.asked(run_id)
    vote(place.store, first, "bob")
    assert process.wait(400) == -signal.SIGKILL
    assert place.store.approvals.outcome_of(first.request_id) == "open"
    again = place.execute(run_id)
    second = place.asked(run_id)
    assert "it may have run" in second.reason
    assert first.request_id in second.reason
    assert place.ran() == ["a"]
    until(lambda: "it may have run" in of_state(str(run_id)), "the state asks anew")
    assert said_everywhere(str(run_id), of_state(str(run_id)), capsys)["request_id"] == second.request_id
    vote(place.store, second, "bob")
    assert again.wait(400) == 0
    assert place.ran() == ["a", "a"], "under a new approval that showed the open intent"


@pytest.mark.covers("S5-64")
def test_killed_while_it_waits_the_question_stays_and_is_asked_once(place: Place) -> None:
    run_id = place.new_run()
    process = place.execute(run_id)
    request = place.asked(run_id)
    until(lambda: place.client.read_flow_run(run_id).state_name == "AwaitingApproval", "the run is paused")
    process.kill()
    process.wait()
    state = place.client.read_flow_run(run_id).state
    assert state is not None
    assert state.is_paused(), "nobody is there to say more"
    assert place.store.approvals.get(request.request_id).state is RequestState.PENDING
    vote(place.store, request, "bob")
    again = place.execute(run_id)
    assert again.wait(400) == 0
    assert place.ran() == ["a"]
    assert len(place.store.approvals.of_step("default", str(run_id), request.binding.step_id)) == 1


def _paused(place: Place, run_id: UUID) -> ApprovalRequest:
    request = place.asked(run_id)
    until(lambda: place.client.read_flow_run(run_id).state_name == "AwaitingApproval", "the run is paused")
    return request


def _killed(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _found(run_id: UUID, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    """What `govflow reconcile` says of one run, by rule."""
    with get_client(sync_client=True) as client:
        name = client.read_flow_run(run_id).name
    main(["reconcile", "--since", "1h", "--format", "json", *words])
    found = json.loads(capsys.readouterr().out)["findings"]
    return {one["code"]: one["message"] for one in found if one["flow"] == f"clean/{name}"}


def test_a_run_whose_process_was_killed_while_it_waits_is_found_and_goes_on_under_the_answer_it_was_given(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment = place.deployed()
    run_id = place.client.create_flow_run_from_deployment(deployment, parameters={"marker": "x"}).id
    process = place.execute(run_id)
    request = _paused(place, run_id)
    assert _found(run_id, capsys) == {}, "a living process holds it"
    _killed(process)
    found = _found(run_id, capsys)
    assert found.keys() == {"GF606"}
    assert "AwaitingApproval" in found["GF606"]
    assert f"Request {request.request_id} is pending" in found["GF606"]

    assert main(["approvals", "approve", request.request_id, "--as", "bob", "--reason", "fine", "--yes"]) == 0
    assert "The process that waited for this is gone" in capsys.readouterr().out
    assert "is approved" in _found(run_id, capsys, "--restart")["GF606"]
    state = place.client.read_flow_run(run_id).state
    assert state is not None
    assert state.is_scheduled(), "a worker takes it up"
    assert place.execute(run_id).wait(400) == 0
    assert place.ran() == ["a"]
    run = place.client.read_flow_run(run_id)
    assert (run.state_name, run.run_count) == ("Completed", 1)
    assert len(place.store.approvals.of_step("default", str(run_id), request.binding.step_id)) == 1
    assert _found(run_id, capsys) == {}

    # Once more, by force: the approval is used up.
    place.client.set_flow_run_state(run_id, Scheduled(), force=True)
    place.execute(run_id)
    assert "It has run already and succeeded" in place.asked(run_id).reason
    assert place.ran() == ["a"]


def test_an_answer_that_is_typed_while_no_process_waits_is_not_lost(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = place.new_run()
    process = place.execute(run_id)
    request = _paused(place, run_id)
    _killed(process)
    answer = {"token": token(place.store, request, "bob"), "decision": "approve", "reason": "fine"}
    assert place.client.resume_flow_run(run_id, run_input=answer).status.value == "ACCEPT"
    assert place.client.read_flow_run(run_id).state_name == "Running", "and nothing runs"
    assert f"{run_id} is Running" in _found(run_id, capsys)["GF606"]
    assert "no deployment" in restart(run_id)
    assert place.execute(run_id).wait(400) == 0
    assert place.ran() == ["a"]
    (vote_of_bob,) = place.store.approvals.votes(request.request_id)
    assert vote_of_bob.reason == "fine"
    assert place.client.filter_flow_run_input(run_id, "awaitingapproval", 50, set()) == []


def test_a_run_whose_process_was_killed_inside_a_body_is_found(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = place.new_run()
    process = place.execute(run_id, DIE_INSIDE="1")
    vote(place.store, place.asked(run_id), "bob")
    assert process.wait(400) == -signal.SIGKILL
    assert _found(run_id, capsys).keys() == {"GF606"}


def test_a_run_that_is_suspended_over_a_live_pause_runs_its_step_once(place: Place) -> None:
    run_id = place.new_run()
    first = place.execute(run_id)
    request = place.asked(run_id)
    until(lambda: place.client.read_flow_run(run_id).state_name == "AwaitingApproval", "the run is paused")
    place.client.set_flow_run_state(run_id, Suspended(), force=True)
    assert first.wait(400) == 0, "the process gives way"
    assert place.store.approvals.get(request.request_id).state is RequestState.PENDING
    place.client.set_flow_run_state(run_id, Scheduled(name="Resuming"), force=True)
    second = place.execute(run_id)
    until(lambda: place.client.read_flow_run(run_id).state_name == "AwaitingApproval", "the run is paused again")
    vote(place.store, request, "bob")
    assert second.wait(400) == 0
    assert place.ran() == ["a"]
    (only,) = place.store.approvals.list("default", None, 50)
    assert only.request_id == request.request_id


def test_of_two_processes_that_hold_one_run_one_runs_the_step(place: Place) -> None:
    run_id = place.new_run()
    processes = [place.execute(run_id), place.execute(run_id)]
    (request,) = pending(place.store)
    until(lambda: place.client.read_flow_run(run_id).state_name == "AwaitingApproval", "the run is paused")
    vote(place.store, request, "bob")
    until(lambda: any(process.poll() is not None for process in processes), "one of them has ended")
    # The other one finds the approval used, and asks for another, which nobody gives.
    place.kill()
    assert place.ran() == ["a"]
