"""``govflow deploy`` puts on record what it registers; ``govflow deployments audit`` tells what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate

from govflow.prefect.registered import read_deployments
from govflow.services.audit_deployments import audit_deployments
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.prefect.conftest import POLICY
from tests.prefect.deployments import Project, make_project

GUARD = "govflow.prefect.steps.guard"


def edit(project: Project, pull_steps: Sequence[dict[str, Any]]) -> None:
    """What anybody with access to the API of Prefect's server can do."""
    with get_client(sync_client=True) as client:
        client.update_deployment(project.deployment().id, DeploymentUpdate(pull_steps=list(pull_steps)))


def audit(project: Project) -> set[str]:
    """The rules that are reported for the project's deployment."""
    with closing(open_workspace(load_settings(**project.given()))) as workspace:
        found = audit_deployments(workspace, read_deployments())
    assert f"{project.flow}/guarded" in [one.label for one in found.deployments]
    return {finding.code for finding in found.findings if finding.flow == f"{project.flow}/guarded"}


@pytest.fixture
def project(tmp_path: Path, prefect_server: str) -> Project:
    made = make_project(tmp_path, prefect_server, POLICY)
    made.approve_plan()
    return made


def test_edited_pull_steps_are_found(project: Project) -> None:
    done = project.govflow("deploy", "--all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 deployment(s) registered and on record" in done.stdout
    assert "successfully created" in done.stdout, "what Prefect says stays visible"
    assert audit(project) == set()

    made = project.deployment().pull_steps or []
    edit(project, made[:-1])
    told = project.govflow("deployments", "audit")
    assert told.returncode == 1
    assert f"{project.flow}/guarded:\n  error GF502 guard-edited" in told.stdout
    assert audit(project) == {"GF501", "GF502"}
    edit(project, [*made, {"prefect.deployments.steps.run_shell_script": {"script": "true"}}])
    assert audit(project) == {"GF502"}
    edit(project, [*made[:-1], {GUARD: {**made[-1][GUARD], "approval": "never"}}])
    assert audit(project) == {"GF502"}, "only the record tells it from a guard as it should be"
    edit(project, made)
    assert audit(project) == set()

    project.edit("return 41", "return 43")
    project.approve_plan("carol")
    assert audit(project) == {"GF503"}
    assert project.govflow("deploy", "--all").returncode == 0
    assert audit(project) == set()


def test_what_prefect_refuses_is_told_in_one_message(project: Project) -> None:
    text = (project.folder / "prefect.yaml").read_text()
    (project.folder / "prefect.yaml").write_text(text.replace(project.pool, "no-such-pool"))
    done = project.govflow("deploy", "--all")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "no-such-pool" in done.stdout + done.stderr
    assert "error[deploy-failed]" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_observe_mode_deploys_and_says_what_it_would_have_stopped(project: Project) -> None:
    project.settings["GOVFLOW_MODE"] = "observe"
    project.edit("return 41", "return 44")
    done = project.govflow("deploy", "--all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "would stop this deployment" in done.stdout
    assert "bob approved" in done.stdout
    project.trace.unlink()
    run = project.start()
    printed = project.work()
    assert project.state(run).is_completed(), printed
    assert project.ran.read_text() == "44"
    assert "would not let this code be loaded" in printed
