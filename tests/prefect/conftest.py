"""A governance home of its own for each test; they share one Prefect server."""

from __future__ import annotations

import importlib.util
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed: pip install 'govflow[prefect]'")


@pytest.fixture(scope="session", autouse=True)
def _talks_to_the_server(prefect_settings: None) -> None:
    """Every test here does."""


@dataclass(frozen=True)
class Home:
    """A governance home: its folder, and how to reach what it holds."""

    path: Path
    load: Callable[..., ModuleType]
    configure: Callable[..., None]

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project, dedented."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return file

    @property
    def database_url(self) -> str:
        return os.environ["GOVFLOW_DATABASE_URL"]

    def store(self) -> Any:
        """Another connection to the governance database, as another process would have it."""
        from govflow.store import Store

        return Store.open(self.database_url)

    def events(self, run_id: str | None = None) -> list[dict[str, Any]]:
        """The bodies of the audit records, in the order of the log."""
        from govflow.audit.body import parse_body
        from govflow.prefect.runtime import RUNTIME

        store = RUNTIME.workspace().store
        store.flush()
        bodies = [parse_body(entry.body) for entry in store.entries("default")]
        return [body for body in bodies if run_id is None or body.get("run_id") == run_id]


POLICY = """\
version: 1
policy:
  name: test
  rules:
    - name: ask-for-risk
      effect: require_approval
      actions: ["*"]
      conditions: {step.tier: {gte: 2}}
      approval: one
    - name: allow-the-rest
      effect: allow
      actions: ["*"]
approvals:
  one: {required: 1, approvers: ["*"], ttl_seconds: 600}
"""


@contextmanager
def open_home(folder: Path, monkeypatch: pytest.MonkeyPatch, database_url: str | None = None) -> Iterator[Home]:
    """A project in ``folder`` with its own database, a file in it. Observe mode, until ``configure`` is called."""
    from govflow.prefect.runtime import RUNTIME

    for name in list(os.environ):
        if name.startswith("GOVFLOW_") and not name.startswith("GOVFLOW__"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(folder)
    (folder / "pyproject.toml").write_text("[project]\nname = 'somebody'\n")
    names: list[str] = []

    def configure(*, policy: str | None = None, **settings: str) -> None:
        if policy is not None and policy.startswith("block:"):
            settings["policy"] = policy
        elif policy is not None:
            file = folder / "policy.yaml"
            file.write_text(policy)
            settings["policy"] = str(file)
        for name, value in settings.items():
            monkeypatch.setenv(f"GOVFLOW_{name.upper()}", value)
        RUNTIME.reload()

    def load(text: str, name: str = "project_flow") -> ModuleType:
        file = folder / f"{name}.py"
        file.write_text(textwrap.dedent(text))
        # An edit of the same length within the same second would be taken for the compiled file.
        Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        names.append(name)
        spec.loader.exec_module(module)
        return module

    key = folder / "keys" / "signing.pem"
    configure(
        database_url=database_url or f"sqlite:///{folder / 'govflow.db'}", principal="alice", signing_key=str(key)
    )
    yield Home(folder, load, configure)
    RUNTIME.reload()
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def home(prefect_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A project folder with its own database."""
    with open_home(tmp_path, monkeypatch) as home:
        yield home
