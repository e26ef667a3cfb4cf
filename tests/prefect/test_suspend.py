"""A run that suspends: its worker is free while people decide, and what was done is not done again."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL
from prefect.states import Scheduled

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.prefect.resume import resume
from govflow.services.resume_run import RESUMED
from govflow.store import Store
from tests.prefect.conftest import POLICY
from tests.prefect.console_process import TIMEOUT, Console, console_of
from tests.prefect.people import token, until, vote

SOURCE = """
from pathlib import Path
from govflow.prefect import flow, task

def note(marker: str, what: str) -> str:
    with Path(marker).open("a") as file:
        file.write(f"{what}\\n")
    return what

@task
def prepare(marker: str) -> str:
    return note(marker, "prepared")

@task(action="data:delete", resource="table://{table}")
def purge(table: str, marker: str) -> str:
    return note(marker, f"purged {table}")

@task(action="data:delete", resource="table://{table}")
def ship(table: str, marker: str) -> str:
    return note(marker, f"shipped {table}")

@flow(persist_result=True)
def keeps(marker: str) -> str:
    ready = prepare.submit(marker)
    purge.submit("a", marker, wait_for=[ready]).result()
    return ship("b", marker)

@flow(approval="suspend")
def forgets(marker: str) -> str:
    purge.map(["a", "b"], marker).result()
    return ship("c", marker)

@task(action="data:delete", resource="table://{table}", approval="whole")
def drop(table: str, marker: str) -> str:
    return note(marker, f"dropped {table}")

@flow(persist_result=True)
def whole(marker: str) -> str:
    note(marker, "began")
    drop("a", marker)
    return drop("b", marker)

@task(action="data:delete", resource="table://{table}", approval="brief")
def hurry(table: str, marker: str) -> str:
    return note(marker, f"hurried {table}")

@flow(approval="suspend", retries=1)
def expires(marker: str) -> str:
    return hurry("a", marker)

@flow(persist_result=True)
def answered(marker: str) -> str:
    prepare(marker)
    purge("a", marker)
    return ship("b", marker)

@flow(persist_result=True)
def refused(marker: str) -> str:
    prepare(marker)
    return purge("a", marker)

if __name__ == "__main__":
    from prefect import serve
    flows = (keeps, forgets, whole, expires, answered, refused)
    serve(*[made.to_deployment("suspends") for made in flows])
"""


BRIEF = """\
  whole: {required: 1, scope: plan}
  brief: {required: 1, ttl_seconds: 3600}
"""
LEFT_TO_STEPS = """\
    - name: what-the-step-names
      effect: require_approval
      priority: 50
      conditions: {step.name: {any_of: [drop, hurry]}}
"""


@dataclass(frozen=True)
class Served:
    """Deployments that a runner serves from a process of its own."""

    folder: Path
    store_url: str
    store: Store
    client: SyncPrefectClient

    def start(self, flow: str) -> UUID:
        """A new run of a deployment; it writes to :meth:`done`."""
        deployment = self.client.read_deployment_by_name(f"{flow}/suspends")
        marker = self.folder / f"{flow}.txt"
        return self.client.create_flow_run_from_deployment(deployment.id, parameters={"marker": str(marker)}).id

    def done(self, flow: str) -> list[str]:
        """What the steps did, sorted."""
        marker = self.folder / f"{flow}.txt"
        return sorted(marker.read_text().splitlines()) if marker.exists() else []

    def run_when(self, run_id: UUID, is_so: Callable[[FlowRun], bool], what: str) -> FlowRun:
        """The run, once it is so."""

        def look() -> FlowRun | None:
            run = self.client.read_flow_run(run_id)
            return run if is_so(run) else None

        run: FlowRun = until(look, what)
        return run

    def named(self, run_id: UUID, name: str, words: str = "") -> FlowRun:
        """The run, once its state has this name and says these words."""

        def is_so(run: FlowRun) -> bool:
            return run.state is not None and run.state.name == name and words in (run.state.message or "")

        return self.run_when(run_id, is_so, f"the run is {name} {words}")

    def asked(self, run_id: UUID, count: int = 1) -> list[ApprovalRequest]:
        """The pending requests of a run, once there are as many."""

        def look() -> list[ApprovalRequest] | None:
            found = self.store.approvals.pending_of_run("default", str(run_id))
            return found if len(found) >= count else None

        requests: list[ApprovalRequest] = until(look, f"{count} pending request(s)")
        return requests


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Both flows, served by Prefect's runner, which looks for work every second."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "pyproject.toml").write_text("[project]\nname = 'somebody'\n")
    (folder / "policy.yaml").write_text(POLICY.replace("approvals:\n", LEFT_TO_STEPS + "approvals:\n") + BRIEF)
    (folder / "served_flow.py").write_text(textwrap.dedent(SOURCE))
    url = f"sqlite:///{folder / 'govflow.db'}"
    given = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GOVFLOW_")},
        "GOVFLOW_DATABASE_URL": url,
        "GOVFLOW_SIGNING_KEY": str(folder / "keys" / "signing.pem"),
        "GOVFLOW_POLICY": str(folder / "policy.yaml"),
        "GOVFLOW_PRINCIPAL": "alice",
        "PREFECT_API_URL": PREFECT_API_URL.value() or "",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PYTHONPATH": os.getcwd() if (Path.cwd() / "govflow").is_dir() else "",
    }
    with (folder / "runner.log").open("wb") as log:
        runner = subprocess.Popen([sys.executable, "served_flow.py"], cwd=folder, env=given, stdout=log, stderr=log)
    try:
        with get_client(sync_client=True) as client, Store.open(url) as store:
            served = Served(folder, url, store, client)
            until(lambda: _deployed(client), "the deployments are served")
            yield served
    finally:
        runner.terminate()
        try:
            runner.wait(timeout=400)
        except subprocess.TimeoutExpired:
            runner.kill()
            runner.wait()


def _deployed(client: SyncPrefectClient) -> bool:
    return {"keeps", "forgets", "whole", "expires", "answered", "refused"} <= {
        client.read_flow(one.flow_id).name for one in client.read_deployments()
    }


@pytest.mark.covers("D-06")
def test_a_run_suspends_and_goes_on_where_people_let_it(served: Served) -> None:
    run_id = served.start("keeps")
    (first,) = served.asked(run_id)
    run = served.named(run_id, "Suspended", first.request_id)
    assert run.state is not None
    assert run.state.state_details.pause_reschedule
    assert first.summary["wait"] == "suspend"
    assert first.summary["parameters"] == {"table": "a", "marker": str(served.folder / "keeps.txt")}
    assert served.done("keeps") == ["prepared"]

    # Resume without an answer proves nothing: the run suspends again, and says so.
    refused = served.client.resume_flow_run(run_id)
    assert str(refused.status.value) == "REJECT", "the form has required fields"
    assert "more answer" in resume(served.store, first)
    served.client.set_flow_run_state(run_id, Scheduled(name="Resuming"), force=True)
    served.named(run_id, "Suspended", "resumed without an answer")
    assert served.done("keeps") == ["prepared"]

    # The form, with a token, while no process holds the run.
    secret = token(served.store, first, "bob")
    answer = {"token": secret, "decision": "approve", "reason": "the table is a copy"}
    assert str(served.client.resume_flow_run(run_id, run_input=answer).status.value) == "ACCEPT"
    second = until(
        lambda: next((one for one in served.asked(run_id) if one.request_id != first.request_id), None), "the next step"
    )
    served.named(run_id, "Suspended", second.request_id)
    assert served.store.approvals.get(first.request_id).state is RequestState.EXERCISED
    assert served.done("keeps") == ["prepared", "purged a"]
    left = served.client.filter_flow_run_input(run_id, "suspended", 50, set())
    assert not any(secret in item.value for item in left)

    # A vote at a terminal: the run is started again from there.
    vote(served.store, second, "bob")
    assert resume(served.store, second) == RESUMED
    run = served.named(run_id, "Completed")
    assert served.done("keeps") == ["prepared", "purged a", "shipped b"], "finished steps came back from their results"
    assert run.run_count == 1
    assert served.client.filter_flow_run_input(run_id, "suspended", 50, set()) == []


@pytest.fixture(scope="module")
def console(served: Served) -> Iterator[Console]:
    """``govflow console`` beside the runner, with Prefect's server in reach."""
    with console_of(served.folder, served.store_url, "alice", "bob") as console:
        yield console


@pytest.mark.covers("D-06")
def test_answers_in_the_console_start_a_suspended_run_again_and_it_finishes(served: Served, console: Console) -> None:
    run_id = served.start("answered")
    (first,) = served.asked(run_id)
    served.named(run_id, "Suspended", first.request_id)
    page, bob = f"/requests/{first.request_id}", console.visitor("bob")
    assert "table://a" in bob.get("/"), "it is in the inbox"

    # Neither who asked, nor a form of another page, nor one without a reason has it go on.
    assert "self-approval" in console.visitor("alice").get(page)
    answer = {"decision": "approve", "reason": "looked"}
    foreign = bob.client.post(f"{page}/votes", data=answer, headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    blank = bob.client.post(f"{page}/votes", data=answer, headers={"sec-fetch-site": "same-origin"})
    assert blank.status_code == 403, "without the token of the form"
    assert served.client.read_flow_run(run_id).state_name == "Suspended"
    assert served.done("answered") == ["prepared"]

    said = bob.post(f"{page}/votes", page, decision="approve", reason="the table is a copy")
    assert "The run was suspended; it goes on at the next poll of its runner." in said
    second = until(
        lambda: next((one for one in served.asked(run_id) if one.request_id != first.request_id), None), "the next step"
    )
    served.named(run_id, "Suspended", second.request_id)
    assert served.store.approvals.get(first.request_id).state is RequestState.EXERCISED
    assert served.done("answered") == ["prepared", "purged a"]

    # The next one over REST, with a token: the same process starts the run again.
    secret = token(served.store, second, "bob")
    over_rest = httpx.post(
        f"{console.url}/api/v1/requests/{second.request_id}/answers",
        json={"token": secret, "decision": "approve", "reason": "as announced"},
        timeout=TIMEOUT,
    )
    assert (over_rest.status_code, over_rest.json()["state"]) == (200, "approved")
    assert over_rest.json()["resumed"] == "The run was suspended. It goes on at the next poll of its runner."
    served.named(run_id, "Completed")
    assert served.done("answered") == ["prepared", "purged a", "shipped b"]
    names = [state.name for state in served.client.read_flow_run_states(run_id)]
    assert names.count("Suspended") == names.count("Resuming") == 2, names
    votes = [vote for one in (first, second) for vote in served.store.approvals.votes(one.request_id)]
    assert [(vote.principal, vote.reason) for vote in votes] == [
        ("bob", "the table is a copy"),
        ("bob", "as announced"),
    ]
    assert votes[0].assurance == "authenticated"


def test_a_no_in_the_console_ends_a_suspended_run(served: Served, console: Console) -> None:
    run_id = served.start("refused")
    (request,) = served.asked(run_id)
    served.named(run_id, "Suspended")
    page, bob = f"/requests/{request.request_id}", console.visitor("bob")
    said = bob.post(f"{page}/votes", page, decision="deny", reason="the backup is missing")
    assert "Denied. The step will not run." in said
    run = served.named(run_id, "ApprovalDenied", "Denied by bob: the backup is missing")
    assert run.state is not None and run.state.is_failed()
    assert served.done("refused") == ["prepared"]


def test_a_suspended_run_that_is_taken_back_in_the_console_ends(served: Served, console: Console) -> None:
    run_id = served.start("refused")
    (request,) = served.asked(run_id)
    served.named(run_id, "Suspended")
    page, alice = f"/requests/{request.request_id}", console.visitor("alice")
    said = alice.post(f"{page}/revocation", page, reason="not needed any more")
    assert "Taken back. The step will not run." in said
    served.named(run_id, "ApprovalRevoked", "not needed any more")


def test_a_finished_step_without_a_result_is_not_run_again_by_itself(served: Served) -> None:
    run_id = served.start("forgets")
    requests = served.asked(run_id, 2)
    served.named(run_id, "Suspended", "2 requests wait")
    assert {one.binding.map_index for one in requests} == {0, 1}
    for request in requests:
        vote(served.store, request, "bob")
    assert resume(served.store, requests[0]) == RESUMED
    last = until(
        lambda: next((one for one in served.asked(run_id) if one.binding.step_id.startswith("forgets/ship")), None),
        "the last step is asked for",
    )
    served.named(run_id, "Suspended", last.request_id)
    assert served.done("forgets") == ["purged a", "purged b"]
    vote(served.store, last, "bob")
    assert resume(served.store, last) == RESUMED

    again = served.asked(run_id, 2)
    for request in again:
        assert "It has run already and succeeded" in request.reason
        assert request.binding.step_id.startswith("forgets/purge")
    served.named(run_id, "AwaitingApproval")
    time.sleep(0.5)
    assert served.done("forgets") == ["purged a", "purged b"]
    for request in again:
        vote(served.store, request, "bob", "deny", "it was done")
    run = served.named(run_id, "ApprovalDenied", "it was done")
    assert run.state is not None
    assert served.done("forgets") == ["purged a", "purged b"]


def test_a_whole_plan_is_approved_before_the_first_line(served: Served) -> None:
    run_id = served.start("whole")
    (request,) = served.asked(run_id)
    served.named(run_id, "Suspended", "2 steps that need approval")
    assert served.done("whole") == []
    vote(served.store, request, "bob")
    assert resume(served.store, request) == RESUMED
    served.named(run_id, "Completed")
    assert served.done("whole") == ["began", "dropped a", "dropped b"]
    assert served.store.approvals.outcome_of(request.request_id) == "succeeded"


def test_a_suspended_run_that_nobody_answers_says_so_itself(served: Served) -> None:
    run_id = served.start("expires")
    (request,) = served.asked(run_id)
    served.named(run_id, "Suspended")
    assert request.request_id in [one.request_id for one in served.store.approvals.expire_due(request.expires_at)]
    assert resume(served.store, request) == RESUMED
    run = served.named(run_id, "ApprovalExpired", "without enough approvals")
    assert run.run_count == 1
    assert served.done("expires") == []
    (only,) = served.store.approvals.of_step("default", str(run_id), request.binding.step_id)
    assert only.state is RequestState.EXPIRED
