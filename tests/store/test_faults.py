"""A disk that fails at any call, and a kill at any call: what was acknowledged is in the log, once, and it is whole.

``strace`` makes the kernel's answer a fault. ``GOVFLOW__FAULTS=all`` tries the first forty calls of each kind.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from govflow.audit.verify import Outcome
from govflow.store import Store
from govflow.store.location import spool_folder

COUNT = 40
CALLS = ("pwrite64", "fdatasync", "ftruncate", "fallocate", "unlink")
FAULTS = ("error=EIO", "error=ENOSPC", "signal=SIGKILL")
WHEN = range(1, 41) if os.environ.get("GOVFLOW__FAULTS") == "all" else (1, 6)

pytestmark = pytest.mark.once


@cache
def why_not() -> str | None:
    """Why faults cannot be made here; None where they can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    probe = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, check=False, timeout=60)
    return None if probe.returncode == 0 else f"strace may not trace here: {probe.stderr.decode()[:200]}"


def played(url: str, call: str, fault: str, when: str, trace: Path) -> tuple[int, set[int], set[int]]:
    """A writer that meets the fault: how it ended, and what it was told was written, and was not."""
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={when}"]
    command = ["strace", "-f", "-qq", "-o", str(trace), *inject]
    command += [sys.executable, "-m", "tests.store.crash_writer", url, str(COUNT)]
    root = Path(__file__).parents[2]
    ended = subprocess.run(command, capture_output=True, cwd=root, check=False, timeout=240)
    said = [line for line in ended.stdout.decode().split("\n")[:-1] if line]
    acknowledged = {int(line[1:]) for line in said if line[0] == "+"}
    refused = {int(line[1:]) for line in said if line[0] == "-"}
    return ended.returncode, acknowledged, refused


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.timeout(1200)
def test_a_fault_loses_nothing_that_was_acknowledged(
    sqlite_url: str, template: Path, tmp_path: Path, call: str, fault: str
) -> None:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    for when in (*map(str, WHEN), *(["2+"] if "error" in fault else [])):
        for old in path.parent.glob("govflow.db*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        path.write_bytes(template.read_bytes())
        code, acknowledged, refused = played(sqlite_url, call, fault, when, tmp_path / "trace")
        assert code in ((0, 1, -9, 137) if "SIGKILL" in fault else (0, 1)), (when, code)
        if when == "1":
            met = "killed by SIGKILL" if "SIGKILL" in fault else "(INJECTED)"
            assert met in (tmp_path / "trace").read_text(), "the writer never met the fault"
        with Store.open(sqlite_url) as store:
            store.flush()
            found = Counter(json.loads(entry.body)["payload"]["n"] for entry in store.entries("acme"))
            verdict = store.verify("acme")
        assert not [number for number, times in found.items() if times > 1], (when, "in the log once")
        assert acknowledged <= found.keys(), (when, "acknowledged, and not in the log", acknowledged - found.keys())
        assert verdict.outcome is Outcome.VERIFIED or not found, (when, verdict.words)
        if "SIGKILL" not in fault and code == 0:
            assert acknowledged | refused == set(range(COUNT))
        damaged = [one.name for one in spool_folder(sqlite_url).glob("*.damaged")]
        assert damaged == [], (when, "a torn line was never acknowledged, and is no damage")
