"""What a run shows of itself in Prefect: pages on its Artifacts tab, and the nine events in the server's feed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.states import Running

from govflow.audit.verify import Outcome
from govflow.audit.vocabulary import IR_EVENTS
from govflow.errors import ApprovalExpired, Denied, PlanDrift
from tests.prefect.conftest import POLICY, Home
from tests.prefect.feed import feed
from tests.prefect.people import Background, pending, until, vote

SOURCE = """
from pathlib import Path
from govflow.prefect import flow, task

@task
def count(table: str) -> int:
    return 120

@task(action="data:delete", provider="duckdb", resource="table://{table}", records="{rows}")
def purge(table: str, rows: int) -> str:
    return "purged"

@task(action="dns:delete", provider="dns", resource="dns://example")
def forget() -> None:
    raise AssertionError("the body ran")

@flow
def harmless() -> int:
    return count("flights")

@flow
def clean() -> str:
    return purge("flights", count("flights"))

@flow
def forbidden() -> None:
    forget()
"""

RULES = POLICY.replace(
    "  rules:\n",
    '  rules:\n    - {name: no-dns, effect: deny, priority: 1, actions: ["dns:*"]}\n',
)


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def _pages(client: SyncPrefectClient, run_id: str, key: str) -> list[str]:
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(run_id)]))
    return [str(artifact.data) for artifact in client.read_artifacts(artifact_filter=of_run) if artifact.key == key]


def _paused(client: SyncPrefectClient, run_id: str) -> bool:
    state = client.read_flow_run(UUID(run_id)).state
    return state is not None and state.is_paused()


def _run_of(home: Home, event: str) -> str:
    """The run of the last record of this kind."""
    return str([body["run_id"] for body in home.events() if body["event"] == event][-1])


def test_the_plan_page_of_a_run_shows_steps_and_tiers(home: Home, client: SyncPrefectClient) -> None:
    home.load(SOURCE).clean()
    run_id = _run_of(home, "ir.validated_escalate")
    (page,) = _pages(client, run_id, "govflow-plan")
    rows = {line.split("|")[1].strip(" `"): line for line in page.splitlines() if line.startswith("| `")}
    assert set(rows) == {"clean", "clean/count#1", "clean/purge#1"}
    assert "0 minimal" in rows["clean/count#1"]
    for words in ("3 high", "data:delete", "duckdb", "table://", "escalate"):
        assert words in rows["clean/purge#1"]
    opened = next(body for body in home.events(run_id) if body["event"] == "ir.validated_escalate")
    assert opened["payload"]["plan_hash"] in page
    assert opened["payload"]["ir_hash"] in page


def test_the_approval_page_says_what_is_asked_and_how_to_answer(home: Home, client: SyncPrefectClient) -> None:
    home.configure(policy=RULES)
    with home.store() as store:
        run = Background(home.load(SOURCE).clean)
        (request,) = pending(store)
        (page,) = until(lambda: _pages(client, request.binding.run_id, "govflow-approval"), "the approval page")
        for words in ("data:delete", "table://flights", "ask-for-risk", "alice", request.request_id):
            assert words in page
        assert f"govflow approvals approve {request.request_id} --as" in page
        vote(store, request, "bob")
        assert run.join() == "purged"


@pytest.mark.covers("S5-42", "S5-43", "S5-44", "S5-46", "S5-47", "S5-48", "S5-49", "S5-50", "S5-54", "S5-55", "S5-56")
@pytest.mark.parametrize("sinks", ["{}", '{"feed": {"prefect": true}}'], ids=["by itself", "as a sink"])
def test_each_of_the_nine_events_reaches_the_feed_and_the_log(
    home: Home, client: SyncPrefectClient, prefect_server: str, sinks: str
) -> None:
    home.configure(policy=RULES, tenant="default", sinks=sinks)
    module = home.load(SOURCE)
    for _ in range(2):
        module.harmless()  # the second finds the plan of the first: dag_diff_ok
    with pytest.raises(Denied):
        module.forbidden()
    edited = home.load(SOURCE.replace('return count("flights")', 'return count("flights") + count("more")'))
    with pytest.raises(PlanDrift):
        edited.harmless()
    module = home.load(SOURCE)
    with home.store() as store:
        approved = Background(module.clean)
        (request,) = pending(store)
        vote(store, request, "bob")
        approved.join()
        home.configure(policy=RULES.replace("ttl_seconds: 600", "ttl_seconds: 6"))
        expired = Background(module.clean)
        (unanswered,) = pending(store)
        until(lambda: _paused(client, unanswered.binding.run_id), "the run is paused")
        client.set_flow_run_state(UUID(unanswered.binding.run_id), Running(), force=True)  # no answer: invalid
        with pytest.raises(ApprovalExpired):
            expired.join()

    logged = {(body["event"], body["run_id"]) for body in home.events() if body["event"] in IR_EVENTS}
    assert {event for event, _ in logged} == set(IR_EVENTS)
    run_ids = {run_id for _, run_id in logged}
    seen = until(
        lambda: (found := feed(prefect_server, run_ids)) and len({e["event"] for e in found}) == 9 and found,
        "nine kinds of events",
    )
    for event in seen:
        meta, run_id = event["payload"]["meta"], event["payload"]["target"]
        assert (event["event"], run_id) in logged, "no event without its record"
        assert event["payload"]["source"] == "govflow"
        assert (meta["tenant_id"], meta["correlation_id"]) == ("default", run_id)
        assert meta["criticality"] == IR_EVENTS[event["event"]].value
        assert event["resource"]["govflow.tenant"] == "default"
        assert event["related"][0]["prefect.resource.id"] == f"prefect.flow-run.{run_id}"


class DeafProxy:
    """Passes everything on to a real server, but for the event stream: those connections are closed."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._to = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}{parts.path}"
        self.refused = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            first = connection.recv(65536)
            if b"/events/" in first.split(b"\r\n", 1)[0]:
                self.refused += 1
                return
            with socket.create_connection(self._to) as onward:
                onward.sendall(first)
                back = threading.Thread(target=_pump, args=(onward, connection), daemon=True)
                back.start()
                _pump(connection, onward)
                back.join()

    def close(self) -> None:
        self._listener.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


SCRIPT = """
import json, sys, time
from project_flow import harmless

started = time.monotonic()
result = harmless()
print(json.dumps({"result": result, "seconds": time.monotonic() - started}))
"""


@pytest.mark.covers("S5-53", "S5-57")
def test_an_event_bus_that_is_down_leaves_the_run_and_its_record_alone(home: Home, prefect_server: str) -> None:
    home.write("project_flow.py", SOURCE)
    proxy = DeafProxy(prefect_server)
    env = {
        **os.environ,
        "PREFECT_API_URL": proxy.url,
        "PREFECT_HOME": str(home.path / "prefect"),
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "GOVFLOW_MODE": "enforce",
        "PYTHONPATH": str(home.path),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=home.path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )
    finally:
        proxy.close()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["result"] == 120
    assert proxy.refused, "nobody tried to send an event"
    (verdict,) = (body for body in home.events() if body["event"] == "ir.validated_pass")
    assert [body["event"] for body in home.events(verdict["run_id"])][-1] == "run.closed"
    assert feed(prefect_server, {verdict["run_id"]}) == []
    with home.store() as store:
        assert store.verify("default").outcome is Outcome.VERIFIED
