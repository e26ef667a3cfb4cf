"""One real Prefect server for all tests of a process.

A fixture that several files import would be one server for each of them, and within a process Prefect's client stays
with the first: it sends events of runs there that are on another.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

STARTUP_SECONDS = 600  # a start that hangs; a busy machine has taken three minutes


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API URL of a server that this session started and ends."""
    with a_server(tmp_path_factory.mktemp("prefect")) as url:
        yield url


@contextmanager
def a_server(home: Path) -> Iterator[str]:
    """The API URL of a server for one test alone, whose own process asks nothing of it: that has one server."""
    pytest.importorskip("prefect", reason="Prefect is not installed: pip install 'govflow[prefect]'")
    port = free_port()
    server = start_server(home, port)
    try:
        yield f"http://127.0.0.1:{port}/api"
    finally:
        server.terminate()
        try:
            server.wait(timeout=120)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture(scope="session")
def prefect_settings(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prefect's settings for that server, in this process."""
    import prefect.context
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_CLIENT_MAX_RETRIES,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_HOME,
        PREFECT_LOGGING_LEVEL,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )

    updates: dict[Any, Any] = {
        PREFECT_API_URL: prefect_server,
        PREFECT_CLIENT_MAX_RETRIES: 12,  # with SQLite a busy server says 503 now and then
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,  # the end of a flow would wait a second for its thread
        PREFECT_HOME: tmp_path_factory.mktemp("client"),
        PREFECT_LOGGING_LEVEL: "ERROR",
        PREFECT_LOGGING_TO_API_ENABLED: False,
    }
    with temporary_settings(updates=updates), pytest.MonkeyPatch.context() as patch:
        # Threads of Prefect that carry no context read these; else they would start a server of their own.
        patch.setattr(prefect.context, "GLOBAL_SETTINGS_CONTEXT", prefect.context.SettingsContext.get())
        yield


def start_server(home: Path, port: int) -> subprocess.Popen[bytes]:
    """A Prefect server with its database in ``home``, once it answers."""
    env = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        # Its pages ask this server, and are made in a folder of its own: the package's is shared by all.
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_UI_STATIC_DIRECTORY": str(home / "ui"),
    }
    with (home / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    _wait_until_healthy(f"http://127.0.0.1:{port}/api", server, home / "server.log")
    return server


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=60) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    server.kill()
    server.wait()
    pytest.fail(f"The Prefect server did not start:\n{log.read_text(errors='replace')[-3000:]}")
