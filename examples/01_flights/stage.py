"""A private stage for a demonstration: a home, a Prefect server on a free loopback port, child processes.

Everything that a :class:`Stage` starts it also ends, however the demonstration ends; it ends nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

SERVER_START_LIMIT = 150.0  # seconds; the first start migrates an empty database, slowly on a busy machine
FIRST_WORD = 2.0  # seconds of silence before a line says that work goes on; each later silence is twice as long
LAST_LINES = 15  # of a process's output, shown when it failed


class DemoFailed(Exception):
    """The demonstration cannot go on. ``way_out`` says what the reader can do."""

    def __init__(self, reason: str, way_out: str) -> None:
        super().__init__(reason)
        self.way_out = way_out


class Waiting:
    """Says that work goes on: after 2 seconds, then 4, 8 and so on."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._start = time.monotonic()
        self._next = FIRST_WORD

    @property
    def seconds(self) -> float:
        """Since the wait began."""
        return time.monotonic() - self._start

    def tick(self, pause: float = 0.2) -> None:
        """Sleep a little, and say so when it was silent for long."""
        time.sleep(pause)
        if self.seconds >= self._next:
            self._next *= 2
            print(f"  … {self._what} ({self.seconds:.0f} s)", flush=True)


class Stage:
    """Use as a context manager. ``home`` holds everything; it is removed at the end."""

    def __init__(self) -> None:
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> Stage:
        self._handlers = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
        self.home = Path(self._exit.enter_context(tempfile.TemporaryDirectory(prefix="govflow-demo-")))
        self.environment = _without_settings(os.environ) | {
            "PREFECT_HOME": str(self.home / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PYTHONUNBUFFERED": "1",
        }
        return self

    def __exit__(self, *exception: object) -> None:
        # A second Ctrl-C must not leave half of it standing.
        self._handlers[signal.SIGINT] = signal.getsignal(signal.SIGINT)
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)
        self._exit.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def start_server(self) -> str:
        """Start Prefect's server and wait until it answers. Returns its address, without a path."""
        port = _free_port()
        address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        server = self.spawn(command, "server.log")
        waiting = Waiting("Prefect's server is starting")
        while not _answers(f"{address}/api/health"):
            if server.poll() is not None:
                raise DemoFailed(
                    f"Prefect's server ended with code {server.returncode}:\n{self.last_lines('server.log')}",
                    "Check `govflow doctor`, which knows the versions that cannot start together.",
                )
            if waiting.seconds > SERVER_START_LIMIT:
                raise DemoFailed(
                    f"Prefect's server is silent after {SERVER_START_LIMIT:.0f} s:\n{self.last_lines('server.log')}",
                    "The machine may be busy: try again.",
                )
            waiting.tick()
        self.environment["PREFECT_API_URL"] = f"{address}/api"
        return address

    def spawn(self, command: Sequence[str], log: str) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own, its output in ``home/log``. It ends with the stage."""
        file: IO[bytes] = self._exit.enter_context((self.home / log).open("wb"))
        process = subprocess.Popen(
            command,
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._exit.callback(_end, process)
        return process

    def last_lines(self, log: str, number: int = LAST_LINES) -> str:
        """The end of a process's output, indented."""
        lines = (self.home / log).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-number:])

    def govflow(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the ``govflow`` command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "govflow.cli", *arguments],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def prefect(self, path: str, body: Mapping[str, Any]) -> Any:
        """Ask Prefect's API, as JSON."""
        request = urllib.request.Request(
            f"{self.environment['PREFECT_API_URL']}/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without anybody's Prefect or govflow settings: the stage has its own."""
    return {name: value for name, value in environment.items() if not name.startswith(("PREFECT_", "GOVFLOW_"))}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started: politely, then not."""
    for signal_number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal_number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # children that outlived their parent are in the same group


def _leave(number: int, frame: object) -> None:
    """A signal that would end this process becomes an exception, so that the stage is cleared."""
    raise SystemExit(128 + number)
