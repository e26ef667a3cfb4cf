"""The first example: its demo from beginning to end, and the counts that it claims."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "01_flights"


@pytest.fixture(scope="module")
def demo() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLE / "demo.py"), "--yes"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


def act(demo: subprocess.CompletedProcess[str], number: int) -> str:
    """What the demo printed in one act."""
    found = re.search(rf"^{number}\. .*?(?=^{number + 1}\. |^Done |\Z)", demo.stdout, re.MULTILINE | re.DOTALL)
    assert found is not None, demo.stdout + demo.stderr
    return found[0]


def test_the_demo_ends_well(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "Traceback" not in demo.stdout + demo.stderr


def test_the_plan_names_steps_tiers_and_hashes(demo: subprocess.CompletedProcess[str]) -> None:
    shown = act(demo, 1)
    for step in ("load_flights", "clean_flights", "count_cancelled", "delete_cancelled", "summarise"):
        assert step in shown
    assert "data:delete" in shown
    assert "sha256:" in shown


def test_the_run_pauses_before_the_delete_and_says_how_to_answer(demo: subprocess.CompletedProcess[str]) -> None:
    shown = act(demo, 2)
    assert re.search(r"clean_flights +Completed", shown)
    assert "Paused in Prefect" in shown
    assert "8,255 records" in shown
    assert re.search(r"http://127\.0\.0\.1:\d+/v2/runs/flow-run/[0-9a-f-]{36}", shown)
    assert "govflow approvals approve" in shown


def test_the_requester_is_refused_and_a_second_person_is_not(demo: subprocess.CompletedProcess[str]) -> None:
    shown = act(demo, 3)
    assert "self-approval" in shown
    assert "the demo now plays bob" in shown
    assert "claimed, not authenticated" in shown
    assert "336,776 before, 328,521 after; 8,255 were deleted" in shown


def test_an_edit_is_refused_with_its_diff(demo: subprocess.CompletedProcess[str]) -> None:
    shown = act(demo, 4)
    refused = shown.partition("$ govflow check")[2]
    assert "delete_late" in refused
    assert "exit code 1" in refused


def test_the_altered_byte_is_found_in_its_record(demo: subprocess.CompletedProcess[str]) -> None:
    shown = act(demo, 5)
    verified, _, tampered = shown.partition("In a copy, record ")
    assert re.search(r"verified.*\d+ records", verified, re.DOTALL)
    record = tampered.partition(" ")[0]
    assert re.search(rf"tampered.*\b{record}\b", tampered, re.DOTALL)
    assert "exit code 1" in tampered


def test_an_unknown_option_is_wrong_use() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "demo.py"), "--nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--yes" in done.stderr
