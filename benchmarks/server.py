"""A real Prefect server on a free loopback port, in a home of its own, for as long as a benchmark runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STARTUP_SECONDS = 150


@contextmanager
def prefect_server() -> Iterator[Path]:
    """Start a server and point this process at it. Use before Prefect is imported; yields a scratch folder."""
    if "prefect" in sys.modules:
        raise RuntimeError("Prefect was imported before its server was chosen.")
    with tempfile.TemporaryDirectory(prefix="govflow-bench-") as folder:
        home = Path(folder)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        quiet = {
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            # Thousands of task runs keep its SQLite busy: it says 503, and works when it is asked again.
            "PREFECT_CLIENT_RETRY_EXTRA_CODES": "503",
            "PREFECT_CLIENT_MAX_RETRIES": "20",
        }
        server = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, **quiet, "PREFECT_HOME": str(home / "server")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(f"http://127.0.0.1:{port}/api/health", server)
            os.environ.update(
                quiet,
                PREFECT_HOME=str(home / "client"),
                PREFECT_API_URL=f"http://127.0.0.1:{port}/api",
                PREFECT_LOGGING_TO_API_ENABLED="false",
            )
            yield home
        finally:
            server.terminate()
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError("The Prefect server did not start.")
