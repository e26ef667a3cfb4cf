"""A small repository to run commands in, and two ways to run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import govflow
from govflow.cli.app import main
from govflow.settings import Settings

FLOW = """
from govflow.prefect import flow, task


@task(action="data:read", provider="duckdb", resource="dataset://acme/{table}")
def load(table: str) -> int:
    return 1


@task(action="data:delete", provider="duckdb", resource="dataset://acme/{table}", approval="owner")
def purge(table: str, rows: int) -> None:
    pass


@flow(name="nightly")
def nightly(table: str = "sales") -> None:
    purge(table, load(table))


if __name__ == "__main__":
    raise SystemExit("the source was executed")
"""

POLICY = """
version: 1
policy:
  name: acme
  default: deny
  rules:
    - {name: safe, effect: allow, priority: 10, conditions: {step.tier: {lte: 1}}}
    - {name: risky, effect: require_approval, priority: 20, approval: owner, conditions: {step.tier: {gte: 2}}}
approvals:
  owner: {required: 1, approvers: ["role:owner"]}
principals:
  bob: {roles: [owner]}
"""


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``flows/etl.py``, ``policy.yaml`` and settings that name them; the working directory."""
    folder = tmp_path / "repo"
    (folder / "flows").mkdir(parents=True)
    (folder / "flows" / "etl.py").write_text(FLOW)
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "pyproject.toml").write_text('[tool.govflow]\npolicy = "policy.yaml"\nlock = "govflow.lock"\n')
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GOVFLOW_{name.upper()}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{tmp_path}/gov/gov.db")
    monkeypatch.setenv("GOVFLOW_PRINCIPAL", "alice")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(repo: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``govflow`` in this process."""

    def _run(*words: str) -> Result:
        capsys.readouterr()
        code = main(words)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return _run


def spawn(*words: str, cwd: Path, **environment: str) -> Result:
    """Run ``govflow`` as a process."""
    env = {**os.environ, "PYTHONPATH": str(Path(govflow.__file__).parents[1]), **environment}
    done = subprocess.run(
        [sys.executable, "-m", "govflow.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        timeout=240,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def drain(terminal: int) -> bytes:
    """All that was written to a pseudo-terminal whose other side is closed."""
    shown = b""
    with os.fdopen(terminal, "rb", buffering=0) as reader, suppress(OSError):  # EIO is its end
        while piece := reader.read(65536):
            shown += piece
    return shown


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes, to show that nothing was written."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
