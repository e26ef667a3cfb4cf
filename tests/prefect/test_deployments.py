"""Guarded deployments: real ``prefect deploy``, a real server, a real process worker."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import orjson
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.exceptions import ObjectNotFound

from tests.prefect.conftest import POLICY
from tests.prefect.deployments import Project, make_project


@pytest.fixture
def project(tmp_path: Path, prefect_server: str) -> Project:
    """Enforced, with an approved plan."""
    made = make_project(tmp_path, prefect_server, POLICY)
    made.approve_plan()
    return made


@pytest.mark.covers("D-11")
def test_deployed_run_and_stopped_when_the_code_changes(project: Project) -> None:
    deployed = project.deploy()
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    project.trace.unlink()  # prefect deploy imports the flow before it runs any step
    found = project.deployment()
    locked = json.loads((project.folder / "govflow.lock").read_text())["flows"]["flows/etl.py:nightly"]["plan_hash"]
    assert found.version == f"plan-{locked.partition(':')[2][:16]}"
    assert f"govflow:{found.version}" in found.tags
    assert found.pull_steps is not None
    assert found.pull_steps[-1] == {"govflow.prefect.steps.guard": {"plan_hash": locked}}

    run = project.start()
    printed = project.work()
    assert project.state(run).is_completed(), printed
    assert project.ran.read_text() == "41"

    project.trace.unlink()
    project.ran.unlink()
    project.edit("return 41", "return 42")
    run = project.start()
    printed = project.work()
    state = project.state(run)
    assert (state.type.value, state.name) == ("FAILED", "PlanDrift"), printed
    assert "bob approved" in (state.message or "")
    assert "govflow lock FILE --approve" in (state.message or "")
    (stop,) = orjson.loads(project.govflow("explain", str(run), "--format", "json").stdout)["stops"]
    assert (stop["code"], stop["sentence"]) == ("plan-drift", state.message), "the same, word for word"
    assert not project.trace.exists()
    assert not project.ran.exists()
    assert "Traceback" not in printed


def test_drifted_source_is_refused_when_it_is_deployed(project: Project) -> None:
    project.edit("rows = read(day)", "rows = read(day) + read('yesterday')")
    refused = project.deploy()
    assert refused.returncode == 1
    said = refused.stdout + refused.stderr
    assert "PlanDrift" in said
    assert "bob approved" in said
    assert "govflow lock FILE --approve" in said
    with pytest.raises(ObjectNotFound):
        project.deployment()


def test_approval_before_any_code_of_the_flow(project: Project) -> None:
    """The module writes a file when it is imported: that is reason enough to ask."""
    project.write(top=f"Path({str(project.folder / 'written')!r}).write_text('at import')\n")
    project.approve_plan()
    assert project.deploy().returncode == 0
    project.trace.unlink()
    asked, forced = project.start({"day": "monday"}), project.start({"day": "tuesday"})
    printed = project.work()  # it came back: no process waits
    assert [project.state(run).name for run in (asked, forced)] == ["Suspended"] * 2, printed

    listed = json.loads(project.govflow("approvals", "list", "--format", "json").stdout)["requests"]
    (request,) = [one["request_id"] for one in listed if one["request_id"] in (project.state(asked).message or "")]
    minted = project.govflow("approvals", "token", request, "--as", "bob", "--format", "json")
    assert minted.returncode == 0, minted.stderr
    answer = {"token": json.loads(minted.stdout)["token"], "decision": "approve", "reason": "checked"}

    assert project.resume(asked) == "REJECT", "Prefect has a form for the answer, with required fields"
    assert project.resume(asked, {**answer, "token": "x" * 40}) == "ACCEPT"
    project.force_scheduled(forced)
    printed = project.work()
    assert [project.state(run).name for run in (asked, forced)] == ["Suspended"] * 2, printed
    assert "The last answer was refused" in (project.state(asked).message or "")
    assert "without an answer; that is no approval" in (project.state(forced).message or "")
    assert not project.trace.exists()
    listed = json.loads(project.govflow("approvals", "list", "--format", "json").stdout)["requests"]
    assert len(listed) == 2, "one question for each run, however often somebody looks"
    assert project.govflow("approvals", "approve", request, "--as", "alice", "--yes").returncode == 1

    assert project.resume(asked, answer) == "ACCEPT"
    assert project.resume(forced, answer) == "ACCEPT", "the token of another run"
    printed = project.work()
    assert project.state(asked).is_completed(), printed
    assert project.state(forced).name == "Suspended", "the approval of one run is none of another"
    assert project.trace.exists()
    assert answer["token"] not in printed


OTHER = """
from pathlib import Path
from prefect import flow

@flow
def other(day: str = "today") -> None:
    Path({ran!r}).write_text("other")
"""
BACK = """
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate

with get_client(sync_client=True) as client:
    client.update_deployment({id!r}, DeploymentUpdate(entrypoint="flows/etl.py:nightly"))
"""


def test_an_entrypoint_that_is_changed_while_the_code_is_pulled_is_not_loaded(project: Project) -> None:
    """The engine reads the deployment before the pull steps; one of them stands for whoever changes it meanwhile."""
    assert project.deploy().returncode == 0
    found = project.deployment()
    (project.folder / "flows" / "other.py").write_text(OTHER.format(ran=str(project.ran)))
    (project.folder / "back.py").write_text(BACK.format(id=str(found.id)))
    first, *rest = found.pull_steps or [{}]
    meanwhile = {"prefect.deployments.steps.run_shell_script": {"script": f"{sys.executable} back.py"}}
    changed = DeploymentUpdate(entrypoint="flows/other.py:other", pull_steps=[first, meanwhile, *rest])
    with get_client(sync_client=True) as client:
        client.update_deployment(found.id, changed)
    run = project.start()
    printed = project.work()
    state = project.state(run)
    assert not project.ran.exists(), printed
    assert (state.type.value, state.name) == ("FAILED", "PlanDrift"), printed
    assert "flows/other.py:other" in (state.message or "")


@pytest.mark.parametrize("guarded", [True, False])
def test_a_run_that_brings_settings_of_its_own_is_refused(project: Project, guarded: bool) -> None:
    assert project.deploy().returncode == 0
    found = project.deployment()
    project.trace.unlink()
    project.edit("return 41", "return 42")
    with get_client(sync_client=True) as client:
        if not guarded:
            client.update_deployment(found.id, DeploymentUpdate(pull_steps=(found.pull_steps or [])[:1]))
        env = {"GOVFLOW_MODE": "observe"}
        run = client.create_flow_run_from_deployment(found.id, job_variables={"env": env}).id
    printed = project.work()
    assert not project.ran.exists(), printed
    assert project.state(run).name == "Denied", printed
    assert "GOVFLOW_MODE" in (project.state(run).message or "")
    assert project.trace.exists() is not guarded
