"""The third example: its commands, in order, against a server and a worker of its own."""

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
EXAMPLE = ROOT / "examples" / "03_guarded_deployment"


def _blocks() -> list[str]:
    return [
        "\n".join(line.removeprefix("$ ") for line in block.splitlines())
        for block in re.findall(r"```console\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.DOTALL)
    ]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_commands_of_the_page_do_what_it_says(copy: Path, own_server: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOVFLOW_", "PREFECT_"))}
    environment = kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PREFECT_API_URL": own_server,
        "PREFECT_HOME": str(copy / ".prefect"),
        "COLUMNS": "200",
    }

    def play(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"set -e\n{script}"],
            cwd=copy,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )

    deployed, changed, again = _blocks()
    done = play(deployed)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "flows/orders.py:orders is plan-" in said
    assert "3 orders of 2026-01-01 archived" in said
    assert "1 deployment(s): 0 error(s), 0 warning(s)" in said

    export = deployed.splitlines()[0]
    done = play(f"{export}\n{changed}")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "is not the plan that bob approved" in said
    assert "archived" not in said

    refused = play(f"{export}\n{again}")
    assert refused.returncode == 1
    assert "error[plan-drift]" in refused.stderr
    assert "mend:" in refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
