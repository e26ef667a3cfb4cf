"""Law 4, for type checkers: what govflow's decorators return is what Prefect's return."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "tests" / "typing"


def test_the_same_code_is_asked_of_both() -> None:
    ours, theirs = (Counter((FILES / name).read_text().splitlines()[1:]) for name in ("governed.py", "bare.py"))
    for lines in (ours, theirs):
        lines.pop("")  # imports are sorted into other blocks
    assert ours - theirs == {"from govflow.prefect import flow, task": 1}
    assert theirs - ours == {"from prefect import flow, task": 1}


def test_a_governed_project_is_typed_like_a_bare_one() -> None:
    pytest.importorskip("mypy")
    # The cache of the project: cold, most of the time goes into reading Prefect.
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *(str(FILES / name) for name in ("bare.py", "governed.py", "declared.py"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "no issues found in 3 source files" in checked.stdout
