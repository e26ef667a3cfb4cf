"""The fourth example: its commands, in order, against a real server; the automation fires."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed: pip install 'govflow[prefect]'")


ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "04_automation"


@pytest.mark.covers("S5-62")
def test_each_question_starts_a_run_of_the_deployment(tmp_path: Path, own_server: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOVFLOW_", "PREFECT_"))}
    environment = kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PREFECT_API_URL": own_server,
        "PREFECT_HOME": str(folder / ".prefect"),
    }
    (block,) = re.findall(r"```console\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.DOTALL)
    script = "\n".join(line.removeprefix("$ ") for line in block.splitlines())
    # Whatever happens, what the script started ends with it.
    ends = "trap 'kill $(cat tell.pid clean.pid) 2>/dev/null || true' EXIT\n"
    done = subprocess.run(
        ["bash", "-c", f"set -e\n{ends}{script}"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    (line,) = (folder / "told.txt").read_text().splitlines()
    assert re.fullmatch(r"[0-9a-f-]{36} clean waits: rule ask-before-deleting", line)
    assert "bob (claimed, not authenticated): approve" in said
    assert "purged" in (folder / "clean.log").read_text()
