"""The ids of the runs that a command has started, for whoever started the command.

Its processes append to one file, each id in one write. A file that cannot be written costs the report, never a run.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

RUNS: Final = "GOVFLOW__RUNS"
"""The environment variable that names the file."""


def note_run(run_id: str) -> None:
    """Write down a run of this process, if somebody wants to know."""
    file = os.environ.get(RUNS)
    if file:
        with suppress(OSError), open(file, "ab", buffering=0) as stream:
            stream.write(f"{run_id}\n".encode())


def noted_runs(file: Path) -> list[str]:
    """The ids that were written, each once, in the order in which the runs began."""
    return list(dict.fromkeys(file.read_text(encoding="utf-8").split()))
