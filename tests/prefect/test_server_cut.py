"""The governance database goes away in the midst of a run: no risky body runs, and nothing acknowledged is lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State

from govflow.audit.body import parse_body
from govflow.audit.verify import Outcome
from govflow.errors import StoreError
from govflow.prefect.runtime import RUNTIME
from tests.cut_line import CutLine
from tests.prefect import gates
from tests.prefect.conftest import Home, open_home
from tests.prefect.people import Background, until
from tests.servers import a_database, url_of

POLICY = """\
version: 1
policy:
  name: test
  rules:
    - {name: all, effect: allow, actions: ["*"]}
"""

SOURCE = """
from pathlib import Path
from govflow.prefect import flow, task
from tests.prefect.gates import stop_here

@task
def look(number: int) -> int:
    return number

@task
def wait() -> None:
    stop_here()

@task(action="data:delete", resource="table://{table}")
def purge(table: str, marker: str) -> str:
    with Path(marker).open("a") as file:
        file.write(table)
    return table

@flow
def clean(marker: str) -> None:
    look(0)
    purge("a", marker)
    wait()
    look(1)
    futures = [purge.submit("b", marker), purge.submit("c", marker)]
    for future in futures:
        future.wait()
    look(2)
    purge("d", marker)
    look(3)
"""


@pytest.fixture
def line() -> Iterator[CutLine]:
    gates.shut()
    with a_database() as name, CutLine(url_of(name)) as line:
        yield line


@pytest.fixture
def home(line: CutLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A project folder whose database is at the other end of the line; records wait in the folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with open_home(tmp_path, monkeypatch, line.url) as home:
        yield home


def messages_of(run_id: UUID | None) -> dict[str, str]:
    """What Prefect shows of each task run that failed, by its name without what makes it unique."""
    assert run_id is not None
    with get_client(sync_client=True) as client:
        found = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))
    return {one.name: one.state.message or "" for one in found if one.state is not None and one.state.is_failed()}


def test_a_database_that_goes_away_in_the_midst_of_a_run(home: Home, line: CutLine, tmp_path: Path) -> None:
    home.configure(policy=POLICY, mode="enforce")
    marker = tmp_path / "marker"
    run = Background(home.load(SOURCE).clean, str(marker), return_state=True)
    assert gates.REACHED.wait(240)
    assert marker.read_text() == "a"
    line.cut()
    gates.GO_ON.set()
    state: State[Any] = run.join()

    assert marker.read_text() == "a", "no body of a risky step has run"
    error = state.result(raise_on_failure=False)
    assert isinstance(error, StoreError) and error.code == "store"
    until(lambda: len(messages_of(state.state_details.flow_run_id)) == 3, "three calls were stopped")
    for message in (state.message or "", *messages_of(state.state_details.flow_run_id).values()):
        assert "[store] Is the server up" in message, "code, and what to do"
    until(
        lambda: "govflow-sealing" not in {thread.name for thread in threading.enumerate()}, "nothing of the run is left"
    )

    line.mend()
    with home.store() as store:
        RUNTIME.workspace().store.flush()
        bodies = [parse_body(entry.body) for entry in store.entries("default")]
        assert store.verify("default").outcome is Outcome.VERIFIED
    once = ["", *(f"/{step}#1" for step in ("purge", "wait")), *(f"/look#{number}" for number in (1, 2, 3))]
    for event in ("step.intent", "step.outcome"):
        assert Counter(body.get("step_id") for body in bodies if body["event"] == event) == {
            f"clean{step}": 1 for step in once
        }, "what was acknowledged before and after the cut, once"
    assert [body["event"] for body in bodies].count("run.closed") == 1
