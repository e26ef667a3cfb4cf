"""The laws, each against a real engine: no side door, fail closed, the plan that was approved is the plan that runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from govflow.approval.models import RequestState
from govflow.audit.record import Draft
from govflow.errors import PlanDrift, PlanNotApproved, Unbound, Unplanned
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import Lock, dump_lock, plan_key
from govflow.ir.models import Plan
from govflow.planning.planner import plan_flow
from govflow.sources import WorkingTree
from govflow.store import Store
from tests.prefect.conftest import POLICY, Home
from tests.prefect.one_text import same_everywhere
from tests.prefect.people import Background, pending, until, vote

pytestmark = pytest.mark.once

SOURCE = """
from pathlib import Path
from govflow.prefect import flow, task

@task
def extract(marker: str) -> str:
    return marker

@task
def load(marker: str) -> str:
    Path(marker).write_text("loaded")
    return "loaded"

@flow
def etl(marker: str) -> str:
    return load(extract(marker))
"""


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    home.configure(policy=POLICY, mode="enforce")
    with home.store() as store:
        yield store


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


def _plan(home: Home, name: str, function: str) -> Plan:
    return plan_flow(WorkingTree(home.path), name, function).plan


def _approve(store: Store, plan: Plan, name: str = "bob") -> None:
    now = datetime.now(UTC)
    draft = Draft(event="plan.approved", tenant="default", at=now, subject=name, flow=plan.flow, payload={})
    store.plans.approve("default", plan_key(plan), plan, plan_hash(plan), name, now, draft)


@pytest.mark.covers("S5-41", "S5-70", "D-05")
def test_flow_and_lock_edited_together_are_stopped(home: Home, store: Store, marker: Path) -> None:
    home.write("project_flow.py", SOURCE)
    _approve(store, _plan(home, "project_flow.py", "etl"))
    edited = SOURCE.replace("return load(extract(marker))", "load(marker)\n    return load(extract(marker))")
    module = home.load(edited)
    lock = Lock().with_flow("project_flow.py:etl", _plan(home, "project_flow.py", "etl"))
    home.write("govflow.lock", dump_lock(lock))
    with pytest.raises(PlanDrift) as caught:
        module.etl(str(marker))
    assert not marker.exists()
    assert any("load" in line for line in caught.value.message.splitlines())
    failed = [event for event in home.events() if event["event"] == "ir.dag_diff_failed"]
    assert failed[0]["severity"] == "critical"
    assert failed[0]["payload"]["diff"]


@pytest.mark.covers("S5-49")
def test_the_approved_plan_runs_and_formatting_is_no_change(home: Home, store: Store, marker: Path) -> None:
    home.write("project_flow.py", SOURCE)
    _approve(store, _plan(home, "project_flow.py", "etl"))
    reformatted = SOURCE.replace("return load(extract(marker))", "# a comment\n    return load( extract( marker ) )")
    assert home.load(reformatted).etl(str(marker)) == "loaded"
    assert "ir.dag_diff_ok" in [event["event"] for event in home.events()]


def test_production_refuses_a_plan_that_nobody_approved(home: Home, store: Store, marker: Path) -> None:
    # Declared, so that only the plan needs an approval: a file that is written in production needs one of its own.
    module = home.load(SOURCE.replace("@task\ndef load", '@task(action="task:execute")\ndef load'))
    assert module.etl(str(marker)) == "loaded"  # development trusts the first plan that it sees ...
    marker.unlink()
    home.configure(environment="production")
    with pytest.raises(PlanNotApproved):  # ... and production does not take that for an approval
        module.etl(str(marker))
    assert not marker.exists()
    _approve(store, _plan(home, "project_flow.py", "etl"))
    assert module.etl(str(marker)) == "loaded"


def test_code_replaced_in_memory_is_stopped(home: Home, store: Store, marker: Path) -> None:
    module = home.load(SOURCE)

    def evil(marker: str) -> str:
        Path(marker).write_text("evil")
        return "evil"

    module.etl(str(marker))
    marker.unlink()
    module.load.fn.fn.__code__ = evil.__code__
    with pytest.raises(Unbound):
        module.etl(str(marker))
    assert not marker.exists()


def test_another_task_under_a_planned_name_is_stopped(home: Home, store: Store, marker: Path) -> None:
    module = home.load(SOURCE)
    setattr(module, "extract", module.load)  # noqa: B010 - the module's type does not know the name
    with pytest.raises(Unbound, match=r"extract in memory is not extract in project_flow\.py"):
        module.etl(str(marker))
    assert not marker.exists()


def test_a_file_edited_after_the_import_is_stopped(home: Home, store: Store, marker: Path) -> None:
    module = home.load(SOURCE)
    home.write("project_flow.py", SOURCE.replace('"loaded"', '"other"'))
    with pytest.raises(Unbound, match="in memory is not"):
        module.etl(str(marker))
    assert not marker.exists()


@pytest.mark.covers("S5-38")
def test_an_unplanned_call_stops_before_its_body(
    home: Home, store: Store, marker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = home.load(
        SOURCE
        + """
from typing import Any

@task
def show(value: Any) -> str:
    return str(value)

@flow
def sneaky(value: Any) -> str:
    return show(value)
"""
    )

    class Trap:
        """A value that calls a task behind the back of the plan."""

        def __str__(self) -> str:
            loaded: str = module.load(str(marker))
            return loaded

    with pytest.raises(Unplanned) as caught:
        module.sneaky(Trap())
    assert not marker.exists()
    refused = [event for event in home.events() if event["event"] == "step.refused"]
    assert refused[-1]["payload"]["stopped"] is True
    same_everywhere(refused[-1]["run_id"], caught.value, capsys)


def test_calling_the_function_past_its_task_is_stopped(home: Home, store: Store, marker: Path) -> None:
    module = home.load(
        SOURCE
        + """
@task
def wrapper(marker: str) -> str:
    return getattr(load, "fn")(marker)

@flow
def past(marker: str) -> str:
    return wrapper(marker)
"""
    )
    with pytest.raises(Unplanned):
        module.past(str(marker))
    assert not marker.exists()


def test_a_governed_task_in_a_bare_flow_is_stopped_when_enforcing(home: Home, store: Store, marker: Path) -> None:
    module = home.load(
        SOURCE
        + """
import prefect

@prefect.flow
def bare(marker: str) -> str:
    return load(marker)
"""
    )
    with pytest.raises(Unplanned):
        module.bare(str(marker))
    assert not marker.exists()


def test_an_unresolved_call_is_judged_by_the_task_that_it_turns_out_to_be(
    home: Home, store: Store, marker: Path
) -> None:
    module = home.load(
        SOURCE
        + """
@task(action="data:delete", resource="table://all")
def wipe(marker: str) -> str:
    Path(marker).write_text("wiped")
    return "wiped"

@flow
def dynamic(marker: str, name: str) -> str:
    return globals()[name](marker)
"""
    )
    run = Background(module.dynamic, str(marker), "wipe")
    (request,) = pending(store)
    assert request.summary["action"] == "data:delete"
    assert not marker.exists()
    vote(store, request, "bob")
    assert run.join() == "wiped"


PURGE = """
import os, signal, sys
from pathlib import Path
from govflow.prefect import flow, task

@task(action="data:delete", resource="table://flights")
def purge(marker: str) -> str:
    with open(marker, "a") as file:
        file.write("ran\\n")
    if os.environ.get("DIE_INSIDE"):
        os.kill(os.getpid(), signal.SIGKILL)
    return "purged"

@flow
def clean(marker: str) -> str:
    return purge(marker)

if __name__ == "__main__":
    from uuid import UUID
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(UUID(sys.argv[1]))
    run_flow(clean, flow_run=flow_run, parameters={"marker": sys.argv[2]})
"""


class Process:
    """A flow run in a process that can be killed."""

    def __init__(self, home: Home, run_id: UUID, marker: Path, **env: str) -> None:
        given = {
            **os.environ,
            "PREFECT_API_URL": PREFECT_API_URL.value() or "",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_HOME": str(home.path / "prefect"),
            "PYTHONPATH": os.getcwd() if (Path.cwd() / "govflow").is_dir() else "",
            **env,
        }
        self.process = subprocess.Popen(
            [sys.executable, str(home.path / "purge_flow.py"), str(run_id), str(marker)],
            env=given,
            cwd=home.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> int:
        self.process.communicate(timeout=400)
        return self.process.returncode


def _flow_run(home: Home) -> UUID:
    home.write("purge_flow.py", PURGE)
    module = home.load(PURGE, "purge_module")
    with get_client(sync_client=True) as client:
        run_id: UUID = client.create_flow_run(module.clean, parameters={"marker": "x"}).id
    return run_id


@pytest.mark.covers("S5-64")
def test_killed_while_it_waits_the_approval_survives(home: Home, store: Store, marker: Path) -> None:
    run_id = _flow_run(home)
    first = Process(home, run_id, marker)
    (request,) = pending(store)
    first.kill()
    assert store.approvals.get(request.request_id).state is RequestState.PENDING
    vote(store, request, "bob")
    assert not marker.exists()
    again = Process(home, run_id, marker)
    assert again.end() == 0
    assert marker.read_text() == "ran\n"
    assert store.approvals.get(request.request_id).state is RequestState.EXERCISED
    assert len(store.approvals.of_step("default", str(run_id), "clean/purge#1")) == 1


def test_killed_inside_the_body_the_step_does_not_run_again_by_itself(home: Home, store: Store, marker: Path) -> None:
    run_id = _flow_run(home)
    first = Process(home, run_id, marker, DIE_INSIDE="1")
    (request,) = pending(store)
    vote(store, request, "bob")
    assert first.end() == -signal.SIGKILL
    assert marker.read_text() == "ran\n"
    again = Process(home, run_id, marker)
    try:
        (second,) = pending(store)
        assert second.request_id != request.request_id
        assert "may have run" in second.reason
        assert marker.read_text() == "ran\n"
        vote(store, second, "bob", "deny", "it did run")
        assert again.end() != 0
    finally:
        again.kill()
    assert marker.read_text() == "ran\n"


def test_changed_parameters_ask_again(home: Home, store: Store, marker: Path, tmp_path: Path) -> None:
    run_id = _flow_run(home)
    first = Process(home, run_id, marker)
    (request,) = pending(store)
    vote(store, request, "bob")
    first.end()
    until(marker.exists, "the approved step ran")
    other = tmp_path / "other"
    second = Process(home, run_id, other)
    try:
        (asked,) = pending(store)
        assert asked.request_id != request.request_id
        assert not other.exists()
    finally:
        second.kill()


def test_a_script_with_a_process_pool_runs_what_was_decided(home: Home, store: Store, marker: Path) -> None:
    home.write(
        "pool_flow.py",
        textwrap.dedent(SOURCE)
        + textwrap.dedent(
            """
            from prefect.task_runners import ProcessPoolTaskRunner

            @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
            def pool(marker: str) -> str:
                return load.submit(marker).result()

            if __name__ == "__main__":
                import sys
                pool(sys.argv[1])
            """
        ),
    )
    env: dict[str, Any] = {
        **os.environ,
        "PREFECT_API_URL": PREFECT_API_URL.value() or "",
        "PREFECT_LOGGING_LEVEL": "ERROR",
    }
    done = subprocess.run(
        [sys.executable, "pool_flow.py", str(marker)],
        cwd=home.path,
        env=env,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert marker.read_text() == "loaded"
    intents = [event["step_id"] for event in home.events() if event["event"] == "step.intent"]
    assert intents == ["pool", "pool/load#1"]
