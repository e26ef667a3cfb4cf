"""The jobs to copy: their commands are run on a repository with a lock, as the CI systems would run them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.cli.conftest import FLOW, POLICY

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "02_check_in_ci"
WORKFLOW = EXAMPLE / "github" / "govflow.yml"
PIPELINE = EXAMPLE / "gitlab" / ".gitlab-ci.yml"

COMMENTED = FLOW.replace("    return 1\n", "    return 1  # one\n")
EDITED = FLOW.replace("    purge(table, load(table))\n", "    purge(table, load(table))\n    purge('other', 3)\n")
BROKEN = "from prefect import flow\ndef (:\n"

# What stands for the network: pip installs nothing, gh remembers what it was asked.
PIP = '#!/bin/sh\necho "$@" >> "$STAGE/pip"\n'
GH = """#!/bin/sh
case "$*" in *--jq*) cat "$STAGE/comments" ;; *) echo "$@" >> "$STAGE/gh" ;; esac
"""


@dataclass
class Stage:
    """A repository whose branch changed something, and programs for the jobs."""

    folder: Path
    environment: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)

    def shell(self, script: str, extra: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment | dict(extra or {}),
            capture_output=True,
            text=True,
            check=False,
        )

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *identity, *words], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def change(self, text: str, *, lock: bool) -> None:
        """A branch with this flow in place of the other."""
        self.git("switch", "-qc", "change")
        (self.folder / "flows" / "etl.py").write_text(text)
        if lock:
            assert self.shell("govflow lock flows/").returncode == 0
        self.git("commit", "-qam", "change")

    def asked(self, program: str) -> list[str]:
        file = self.folder.parent / program
        return file.read_text().splitlines() if file.exists() else []


def stage_in(tmp_path: Path) -> Stage:
    programs = tmp_path / "bin"
    programs.mkdir()
    govflow = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m govflow.cli "$@"\n'
    for name, text in (("govflow", govflow), ("pip", PIP), ("gh", GH)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (tmp_path / "comments").write_text("")
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("GOVFLOW_", "GIT_", "CI"))}
    made = Stage(
        tmp_path / "repository",
        {
            **mine,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(tmp_path),
            "STAGE": str(tmp_path),
        },
    )
    return made


@pytest.fixture(scope="module")
def main_branch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose flow is locked."""
    made = stage_in(tmp_path_factory.mktemp("main"))
    (made.folder / "flows").mkdir(parents=True)
    (made.folder / "flows" / "etl.py").write_text(FLOW)
    (made.folder / "policy.yaml").write_text(POLICY)
    (made.folder / "pyproject.toml").write_text('[tool.govflow]\npolicy = "policy.yaml"\nlock = "govflow.lock"\n')
    assert made.shell("govflow lock flows/").returncode == 0
    made.git("init", "-qb", "main")
    made.git("add", "-A")
    made.git("commit", "-qm", "one")
    made.git("update-ref", "refs/remotes/origin/main", "HEAD")
    return made.folder


@pytest.fixture
def stage(main_branch: Path, tmp_path: Path) -> Stage:
    """A copy of it, for one branch."""
    shutil.copytree(main_branch, tmp_path / "repository")
    return stage_in(tmp_path)


# GitHub Actions


def filled(text: str, stage: Stage) -> str:
    """A value with its ``${{ … }}`` filled in; one that is not known here is a mistake."""
    known = {
        "github.base_ref": "main",
        "github.event.pull_request.number": "7",
        "github.token": "canary",
        **{f"steps.check.outputs.{name}": value for name, value in stage.outputs.items()},
    }
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: known[match[1]], text)


def run_workflow(stage: Stage) -> tuple[str | None, str]:
    """The step that failed, or None, and all that the steps printed."""
    workflow = yaml.safe_load(WORKFLOW.read_text())
    output, summary = stage.folder.parent / "output", stage.folder.parent / "summary"
    printed = ""
    for step in workflow["jobs"]["check"]["steps"]:
        if "run" not in step:
            continue
        output.write_text("")
        env = {name: filled(value, stage) for name, value in {**workflow["env"], **step.get("env", {})}.items()}
        env |= {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_REPOSITORY": "acme/flows"}
        done = stage.shell(step["run"], env)
        printed += done.stdout + done.stderr
        stage.outputs |= dict(line.split("=", 1) for line in output.read_text().splitlines())
        if done.returncode:
            return step["name"], printed
    return None, printed


def test_a_change_of_a_comment_passes_on_github(stage: Stage) -> None:
    stage.change(COMMENTED, lock=False)
    failed, printed = run_workflow(stage)
    assert failed is None, printed
    assert stage.outputs == {"code": "0"}
    assert json.loads((stage.folder / "govflow.sarif").read_text())["runs"][0]["results"] == []
    assert stage.asked("pip") == ["install govflow==0.1.0"]


@pytest.mark.covers("D-12")
def test_a_change_without_its_lock_fails_on_github_after_every_report_was_written(stage: Stage) -> None:
    stage.change(EDITED, lock=False)
    failed, printed = run_workflow(stage)
    assert failed == "Answer", printed
    assert stage.outputs == {"code": "1"}
    assert re.search(r"^::error .*GF102", printed, re.MULTILINE)
    results = json.loads((stage.folder / "govflow.sarif").read_text())["runs"][0]["results"]
    assert "GF102" in {result["ruleId"] for result in results}
    assert "nightly/purge#2" in (stage.folder.parent / "summary").read_text()


def test_a_risky_change_with_its_lock_passes_on_github_and_says_who_is_waited_for(stage: Stage) -> None:
    stage.change(EDITED, lock=True)
    failed, printed = run_workflow(stage)
    assert failed is None, printed
    assert stage.outputs == {"code": "3"}
    assert "::notice title=govflow::clean, and a run will wait" in printed


def test_a_check_that_decides_nothing_fails_on_github(stage: Stage) -> None:
    stage.change(COMMENTED, lock=False)
    (stage.folder / "policy.yaml").write_text("nonsense: [")
    assert run_workflow(stage)[0] == "Check the plans"


def test_the_comment_is_written_once_and_changed_later(stage: Stage) -> None:
    stage.change(EDITED, lock=True)
    run_workflow(stage)
    (stage.folder.parent / "comments").write_text("4711\n4712\n")
    run_workflow(stage)
    assert stage.asked("gh") == [
        "api --silent --method POST repos/acme/flows/issues/7/comments --field body=@govflow.md",
        "api --silent --method PATCH repos/acme/flows/issues/comments/4711 --field body=@govflow.md",
    ]
    assert (stage.folder / "govflow.md").read_text().startswith("<!-- govflow check -->\n")


def test_the_workflow_gives_strangers_nothing(stage: Stage) -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow[True] == "pull_request", "YAML reads `on` as true; pull_request_target would hand out a token"
    assert workflow["permissions"] == {}
    steps: list[dict[str, Any]] = workflow["jobs"]["check"]["steps"]
    assert all("${{" not in step.get("run", "") for step in steps), "a branch's name must not become a command"
    writing = [step for step in steps if "GH_TOKEN" in step.get("env", {}) or "upload-sarif" in step.get("uses", "")]
    assert len(writing) == 2
    assert all("head.repo.full_name == github.repository" in step["if"] for step in writing)
    assert all(("run" in step) != ("uses" in step) for step in steps)


# GitLab


def run_pipeline(stage: Stage) -> subprocess.CompletedProcess[str]:
    job = yaml.safe_load(PIPELINE.read_text())["govflow"]
    base = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": stage.git("rev-parse", "origin/main")}
    env = {name: base[value[1:]] if value.startswith("$") else value for name, value in job["variables"].items()}
    return stage.shell("\n".join([*job["before_script"], *job["script"]]), env)


@pytest.mark.covers("D-12")
@pytest.mark.parametrize(
    ("text", "lock", "code", "names"),
    [
        (COMMENTED, False, 0, set()),
        (EDITED, False, 1, {"GF102", "GF203"}),
        (EDITED, True, 3, {"GF203"}),
        (BROKEN, False, 1, {"GF303"}),
    ],
    ids=["comment", "no lock", "locked", "broken"],
)
def test_the_pipeline_on_gitlab(stage: Stage, text: str, lock: bool, code: int, names: set[str]) -> None:
    stage.change(text, lock=lock)
    done = run_pipeline(stage)
    assert done.returncode == code, done.stdout + done.stderr
    quality = json.loads((stage.folder / "gl-code-quality-report.json").read_text())
    assert names <= {issue["check_name"].partition(" ")[0] for issue in quality}
    suite = ElementTree.parse(stage.folder / "govflow-junit.xml").getroot()
    failures = suite.findall(".//failure") + suite.findall(".//error")
    assert bool(failures) == (code == 1)


def test_the_pipeline_lets_an_approval_pass_and_keeps_its_reports() -> None:
    job = yaml.safe_load(PIPELINE.read_text())["govflow"]
    assert job["allow_failure"] == {"exit_codes": [3]}
    assert job["artifacts"]["when"] == "always"
    assert sorted(job["artifacts"]["reports"].values()) == sorted(job["artifacts"]["paths"])


def test_a_check_that_decides_nothing_fails_on_gitlab(stage: Stage) -> None:
    stage.change(COMMENTED, lock=False)
    (stage.folder / "policy.yaml").write_text("nonsense: [")
    assert run_pipeline(stage).returncode == 2


# the pages


def test_the_pages_name_files_that_are_there() -> None:
    page = (EXAMPLE / "README.md").read_text()
    for file in (WORKFLOW, PIPELINE):
        assert f"`{file.relative_to(EXAMPLE)}`" in page
    hooks = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)[0])
    there = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    assert {hook["id"] for hook in hooks["repos"][0]["hooks"]} == there
