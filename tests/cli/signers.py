"""Signers as processes: started, read from, killed."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import govflow

PATIENCE = 240.0  # seconds; a busy machine makes nothing wrong


class Program:
    """A `govflow` that runs, and what it has said."""

    def __init__(self, *words: str, cwd: Path, **environment: str) -> None:
        env = {**os.environ, "PYTHONPATH": str(Path(govflow.__file__).parents[1]), **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "govflow.cli", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            env=env,
            text=True,
        )
        self.said: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line.rstrip("\n"))

    def until(self, pattern: str) -> re.Match[str]:
        """The first line to come that holds ``pattern``."""
        deadline = time.monotonic() + PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=min(left, 0.5))
            except queue.Empty:
                assert self._reader.is_alive() or not self._lines.empty(), "\n".join(self.said)
                continue
            self.said.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"{pattern!r} was not said:\n" + "\n".join(self.said))

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code. What it said at last is in ``said``."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        while not self._lines.empty():
            self.said.append(self._lines.get())
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextmanager
def program(*words: str, cwd: Path, **environment: Any) -> Iterator[Program]:
    """A program that is ended with the block, if it has not ended before."""
    running = Program(*words, cwd=cwd, **environment)
    try:
        yield running
    finally:
        running.end()


def gone(process: int) -> bool:
    """Whether a process has ended, one that waits to be reaped included."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it becomes true in good time."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
