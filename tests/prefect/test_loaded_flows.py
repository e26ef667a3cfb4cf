"""Flows that Prefect loads: from an entrypoint, a module, a source folder, a sanitised copy, and a bundle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.bundles import create_bundle_for_flow_run, execute_bundle_in_subprocess
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.flows import load_flow_from_entrypoint, safe_load_flow_from_entrypoint
from prefect.settings import PREFECT_API_URL

from govflow.errors import Denied, Unbound
from govflow.prefect import GovernedFlow
from govflow.prefect.flows import flow as governed_flow
from govflow.store import Store
from tests.prefect.conftest import POLICY, Home
from tests.prefect.people import until

SOURCE = """
from __future__ import annotations
import os, time
from govflow.prefect import flow, task

@task
def mark(name: str) -> str:
    with open(name, "a") as file:
        file.write("ran\\n")
    return name

@task
def lingers(name: str) -> None:
    mark(name)
    time.sleep(600)

@flow
def etl(name: str) -> str:
    return mark(name)

@flow
def slow(name: str) -> None:
    lingers(name)

if __name__ == "__main__":
    import sys
    slow(sys.argv[1])
"""
DENYING = POLICY.replace(
    "  rules:\n",
    "  rules:\n    - {name: no-writes, effect: deny, actions: ['file:*'], priority: 1}\n",
)


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    home.configure(policy=POLICY, mode="enforce")
    with home.store() as store:
        yield store


def _entrypoint(home: Home) -> Flow[..., Any]:
    return load_flow_from_entrypoint(f"{home.path / 'loaded_flow.py'}:etl")


def _module(home: Home) -> Flow[..., Any]:
    return load_flow_from_entrypoint("loaded_flow.etl")


def _source(home: Home) -> Any:
    return governed_flow.from_source(source=str(home.path), entrypoint="loaded_flow.py:etl")


@pytest.mark.covers("D-01")
@pytest.mark.parametrize("load", [_entrypoint, _module, _source])
def test_a_loaded_flow_is_governed(
    home: Home, store: Store, monkeypatch: pytest.MonkeyPatch, load: Callable[[Home], Any]
) -> None:
    monkeypatch.syspath_prepend(home.path)
    monkeypatch.delitem(sys.modules, "loaded_flow", raising=False)
    home.write("loaded_flow.py", SOURCE)
    marker = home.path / "marker"
    flow = load(home)
    assert isinstance(flow, GovernedFlow)
    assert flow(str(marker)) == str(marker)
    events = [one["event"] for one in home.events()]
    assert [events.count(one) for one in ("step.intent", "step.outcome", "run.closed")] == [2, 2, 1]  # body and task
    home.configure(policy=DENYING)
    with pytest.raises(Denied):
        flow(str(marker))
    assert marker.read_text() == "ran\n"
    sys.modules.pop("loaded_flow", None)


def test_a_flow_that_was_sanitised_is_not_the_source_that_was_read(home: Home, store: Store) -> None:
    odd = SOURCE.replace("def etl(name: str) -> str:", "def etl(name: str = missing.NAME) -> str:")
    home.write("odd_flow.py", odd)
    flow: Flow[..., Any] | None = safe_load_flow_from_entrypoint(f"{home.path / 'odd_flow.py'}:etl")
    assert flow is not None
    marker = home.path / "marker"
    with pytest.raises(Unbound):
        flow(str(marker))
    assert not marker.exists()


def _bundle(home: Home, name: str) -> tuple[Any, FlowRun]:
    flow = home.load(SOURCE, "bundled_flow").etl
    flow.launcher = [sys.executable]  # else Prefect lists this environment, to install it in the other process
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run(flow, parameters={"name": name})
    return create_bundle_for_flow_run(flow, flow_run)["bundle"], flow_run


def _execute(home: Home, bundle: Any, flow_run: FlowRun) -> str:
    process = execute_bundle_in_subprocess(bundle, cwd=home.path)
    process.join(400)
    assert process.exitcode is not None
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(flow_run.id).state
    assert state is not None
    return str(state.name)


@pytest.mark.parametrize("what", ["same", "gone"])
def test_a_bundle_runs_only_where_its_source_is_the_one_it_was_made_from(home: Home, store: Store, what: str) -> None:
    marker = home.path / "marker"
    bundle, flow_run = _bundle(home, str(marker))
    if what == "gone":
        (home.path / "bundled_flow.py").unlink()
    state = _execute(home, bundle, flow_run)
    assert state == ("Completed" if what == "same" else "Unbound")
    assert marker.exists() == (what == "same")
    events = [one["event"] for one in home.events(str(flow_run.id))]
    assert ("run.refused" in events) == (what != "same")
    assert events.count("step.intent") == events.count("step.outcome") == (2 if what == "same" else 0)


def test_a_process_that_is_told_to_end_leaves_a_record_of_what_it_was_doing(home: Home, store: Store) -> None:
    file, marker = home.write("slow_flow.py", SOURCE), home.path / "marker"
    process = subprocess.Popen(
        [sys.executable, str(file), str(marker)],
        cwd=home.path,
        env={
            **os.environ,
            "PREFECT_API_URL": PREFECT_API_URL.value() or "",
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(marker.exists, "the body began")
        process.send_signal(signal.SIGTERM)
        assert process.wait(400) != 0
    finally:
        process.kill()
        process.wait()
    ends = [one for one in home.events() if one["event"] in ("step.outcome", "run.closed")]
    left = [(one.get("step_id"), one["payload"].get("error") or one["payload"].get("failed")) for one in ends]
    assert left[-3:] == [
        ("slow/lingers#1", "TerminationSignal"),
        ("slow", "TerminationSignal"),
        (None, "TerminationSignal"),
    ]
