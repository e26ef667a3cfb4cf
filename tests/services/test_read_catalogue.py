from __future__ import annotations

import os
from pathlib import Path

import pytest

from govflow.errors import PolicyError
from govflow.planning.effects.catalogue import Catalogue
from govflow.planning.planner import plan_flow
from govflow.services.doctor import check_effects
from govflow.services.health import Health
from govflow.services.plan_flows import read_flows
from govflow.services.read_catalogue import read_catalogue
from govflow.services.workspace import open_workspace
from govflow.settings import Settings
from govflow.sources import WorkingTree

ACME = """
version: 1
calls:
  - {call: [acme.send], arguments: [table], action: "data:write", provider: postgres, resource: "dataset://{table}"}
"""
HARMLESS = "version: 1\nharmless: [acme.send]\n"


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


def settings_with(*files: Path) -> Settings:
    return Settings(effects=files, database_url="sqlite://")


def test_a_workspace_has_the_catalogues_that_settings_name(tmp_path: Path) -> None:
    workspace = open_workspace(settings_with(written(tmp_path, "acme.yaml", ACME)))
    found = workspace.catalogue.find("acme.send")
    assert found is not None and found.action == "data:write"
    assert open_workspace(settings_with()).catalogue is Catalogue.default()
    assert Catalogue.default().find("acme.send") is None


def test_a_later_file_is_stronger(tmp_path: Path) -> None:
    first, second = written(tmp_path, "a.yaml", ACME), written(tmp_path, "b.yaml", HARMLESS)
    found = read_catalogue((first, second)).find("acme.send")
    assert found is not None and found.effect_none
    found = read_catalogue((second, first)).find("acme.send")
    assert found is not None and found.action == "data:write"
    assert read_catalogue((first, second)).digest != read_catalogue((second, first)).digest


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"gone\.yaml: there is no such catalogue"):
        open_workspace(settings_with(tmp_path / "gone.yaml"))


def test_what_is_no_text_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    bytes_ = tmp_path / "bytes.yaml"
    bytes_.write_bytes(b"\xff\xfe\x00")
    for file in (pipe, bytes_):
        with pytest.raises(PolicyError, match="cannot be read"):
            read_catalogue((file,))


def test_doctor_says_which_catalogues_are_used(tmp_path: Path) -> None:
    file = written(tmp_path, "acme.yaml", ACME)
    finding = check_effects(settings_with(file))
    assert finding.health is Health.OK
    assert str(file) in finding.what and "sha256:" in finding.what
    assert check_effects(settings_with()).what.startswith("no file on top of the catalogue that ships")


def test_doctor_fails_a_catalogue_that_cannot_be_used(tmp_path: Path) -> None:
    finding = check_effects(settings_with(written(tmp_path, "acme.yaml", ACME.replace("calls", "cals"))))
    assert finding.health is Health.FAIL
    assert "acme.yaml:3: cals: unknown field" in finding.what
    assert "Did you mean 'calls'?" in finding.mend


FLOW = """
import acme
from prefect import flow, task

@task
def push():
    acme.send("orders")

@flow
def main():
    push()
"""


def test_plans_are_read_with_the_catalogues_of_the_workspace(tmp_path: Path) -> None:
    """The plan that is locked and checked, and the plan that a run is bound to, hold the same effects."""
    written(tmp_path, "f.py", FLOW)
    workspace = open_workspace(settings_with(written(tmp_path, "acme.yaml", ACME)))
    (flow,) = read_flows([str(tmp_path / "f.py")], tmp_path, workspace.vocabulary, workspace.catalogue).flows
    step = flow.plan.step("main/push#1")
    assert (step.action, step.provider, step.resource) == ("data:write", "postgres", "dataset://orders")
    assert step.unseen == ()
    at_run_time = plan_flow(WorkingTree(tmp_path), "f.py", "main", workspace.catalogue).plan
    assert at_run_time == flow.plan
    (shipped,) = read_flows([str(tmp_path / "f.py")], tmp_path, workspace.vocabulary).flows
    assert shipped.plan.step("main/push#1").unseen == ("acme.send",)
