"""One real Prefect server for the session; a governance home of its own for each test."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed: pip install 'govflow[prefect]'")

STARTUP_SECONDS = 150


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API URL of a server that this session started and ends."""
    home = tmp_path_factory.mktemp("prefect")
    port = _free_port()
    env = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}/api"
    try:
        _wait_until_healthy(url, server, home / "server.log")
        yield url
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"The Prefect server did not start:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="session", autouse=True)
def _prefect_settings(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_HOME,
        PREFECT_LOGGING_LEVEL,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )

    updates: dict[Any, Any] = {
        PREFECT_API_URL: prefect_server,
        PREFECT_HOME: tmp_path_factory.mktemp("client"),
        PREFECT_LOGGING_LEVEL: "ERROR",
        PREFECT_LOGGING_TO_API_ENABLED: False,
    }
    with temporary_settings(updates=updates):
        yield


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
        return f"sqlite:///{self.path / 'govflow.db'}"

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


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A project folder with its own database. Observe mode, until ``configure`` is called."""
    from govflow.prefect.runtime import RUNTIME

    for name in list(os.environ):
        if name.startswith("GOVFLOW_") and not name.startswith("GOVFLOW__"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'somebody'\n")
    names: list[str] = []

    def configure(*, policy: str | None = None, **settings: str) -> None:
        if policy is not None:
            file = tmp_path / "policy.yaml"
            file.write_text(policy)
            settings["policy"] = str(file)
        for name, value in settings.items():
            monkeypatch.setenv(f"GOVFLOW_{name.upper()}", value)
        RUNTIME.reload()

    def load(text: str, name: str = "project_flow") -> ModuleType:
        file = tmp_path / f"{name}.py"
        file.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        names.append(name)
        spec.loader.exec_module(module)
        return module

    configure(database_url=f"sqlite:///{tmp_path / 'govflow.db'}", principal="alice")
    yield Home(tmp_path, load, configure)
    RUNTIME.reload()
    for name in names:
        sys.modules.pop(name, None)
