"""The hooks that other repositories use, run by pre-commit itself on a small one."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import FLOW, POLICY

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
EDITED = FLOW.replace("    purge(table, load(table))\n", "    purge(table, load(table))\n    purge('other', 3)\n")


def hooks() -> dict[str, dict[str, Any]]:
    return {hook["id"]: hook for hook in yaml.safe_load(MANIFEST.read_text())}


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def committed(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where ``govflow`` is this tree's, and pre-commit keeps to itself."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "govflow").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m govflow.cli "$@"\n')
    (programs / "govflow").chmod(0o755)
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("GOVFLOW_", "GIT_"))}
    return {
        **mine,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
    }


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that uses both hooks. They run here with the ``govflow`` above, so nothing has to be installed."""
    source = tmp_path / "govflow"
    source.mkdir()
    (source / MANIFEST.name).write_text(MANIFEST.read_text())
    committed(source)
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=source, check=True, capture_output=True, text=True)
    folder = tmp_path / "repository"
    (folder / "flows").mkdir(parents=True)
    (folder / "flows" / "etl.py").write_text(FLOW)
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "pyproject.toml").write_text('[tool.govflow]\npolicy = "policy.yaml"\nlock = "govflow.lock"\n')
    chosen = [{"id": name, "args": ["flows"], "language": "system"} for name in hooks()]
    config = {"repos": [{"repo": str(source), "rev": revision.stdout.strip(), "hooks": chosen}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    (folder / "notes.txt").write_text("nothing of a plan\n")
    committed(folder)
    return folder


def pre_commit(folder: Path, environment: dict[str, str], hook: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", hook, *(words or ["--all-files"])],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_manifest_is_one_that_pre_commit_takes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-manifest", str(MANIFEST)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert set(hooks()) == {"govflow-check", "govflow-lock"}
    assert all(hook["language"] == "python" for hook in hooks().values()), "pre-commit installs govflow by itself"


def test_every_entry_is_a_command_of_govflow(environment: dict[str, str]) -> None:
    for hook in hooks().values():
        words = [*shlex.split(hook["entry"]), "--help"]
        assert subprocess.run(words, env=environment, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("file", "matters"),
    [
        ("flows/etl.py", True),
        ("flows/q.sql", True),
        ("govflow.lock", True),
        ("policies/acme.yml", True),
        ("pyproject.toml", True),
        ("README.md", False),
        ("requirements.lock", False),
        ("data.csv", False),
    ],
)
def test_a_hook_runs_for_files_that_a_plan_or_a_verdict_can_depend_on(file: str, matters: bool) -> None:
    assert {bool(re.search(hook["files"], file)) for hook in hooks().values()} == {matters}


def test_a_commit_that_changes_a_plan_is_stopped_until_the_lock_is_written(
    repository: Path, environment: dict[str, str]
) -> None:
    first = pre_commit(repository, environment, "govflow-check")
    assert first.returncode == 1
    assert "GF101 not-locked" in first.stdout

    assert pre_commit(repository, environment, "govflow-lock").returncode == 0, "a lock file that git does not know yet"
    git(repository, "add", "-A")
    assert pre_commit(repository, environment, "govflow-check").returncode == 0

    (repository / "flows" / "etl.py").write_text(EDITED)
    git(repository, "add", "-A")
    changed = pre_commit(repository, environment, "govflow-check")
    assert changed.returncode == 1
    assert "+ nightly/purge#2" in changed.stdout
    written = pre_commit(repository, environment, "govflow-lock")
    assert written.returncode == 1
    assert "files were modified by this hook" in written.stdout
    git(repository, "add", "-A")
    assert pre_commit(repository, environment, "govflow-lock").returncode == 0, "it stops a commit once"
    assert pre_commit(repository, environment, "govflow-check").returncode == 0


def test_files_that_no_plan_reads_do_not_start_a_hook(repository: Path, environment: dict[str, str]) -> None:
    done = pre_commit(repository, environment, "govflow-check", "--files", "notes.txt")
    assert done.returncode == 0
    assert "Skipped" in done.stdout
