"""docs/scan.md: its example is scanned, its commands are run, its tables are complete."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from govflow.policy import load_policy
from govflow.services.describe.pictures.drawing import MOST
from govflow.services.describe.pictures.svg import MOST_FLOWS
from tests.cli.conftest import Run

TEXT = (Path(__file__).parents[2] / "docs" / "scan.md").read_text(encoding="utf-8")
SHOP = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = re.findall(r"^\$ (govflow .*)$", TEXT, re.MULTILINE)
ROWS = re.search(r"```text\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def shop(repo: Path) -> Path:
    """The repository of the page."""
    assert SHOP is not None
    (repo / "flows" / "etl.py").unlink()
    (repo / "flows" / "orders.py").write_text(SHOP[1])
    return repo


def test_the_report_of_the_example_is_the_one_on_the_page(shop: Path, run: Run) -> None:
    assert ROWS is not None
    shown = {tuple(re.split(r"\s{2,}", line.strip())) for line in run("scan", ".").out.splitlines()}
    for line in ROWS[1].strip().splitlines():
        assert tuple(re.split(r"\s{2,}", line.strip())) in shown, line


def test_every_part_of_the_report_is_on_the_page(shop: Path, run: Run) -> None:
    (shop / "flows" / "bad.py").write_text("def flow(:\n")
    (shop / ".hidden").mkdir()
    shown = re.findall(r"^(\S[^:\n]*):$", run("scan", ".").out, re.MULTILINE)
    listed = re.findall(r"^\| `([^`]+)` \| ", TEXT.partition("| part |")[2].partition("\n\n")[0], re.MULTILINE)
    assert shown == listed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_works(shop: Path, run: Run, command: str) -> None:
    _, *words = shlex.split(command)
    done = run(*words)
    assert (done.code, done.err) == (0, "")
    if "--suggest-policy" in words:
        assert load_policy((shop / "policy.yaml").read_text(), "policy.yaml").policy.name == "suggested"


def test_every_option_is_on_the_page(run: Run) -> None:
    offered = set(re.findall(r"(--[a-z][a-z-]+)", run("scan", "--help").out)) - {"--help", "--version", "--paths"}
    assert offered == set(re.findall(r"^\| `(--[a-z-]+)", TEXT, re.MULTILINE))


def test_the_bounds_on_the_page_are_those_of_the_code() -> None:
    assert f"at most {MOST} steps of a flow and {MOST_FLOWS} flows" in TEXT


def test_the_policy_asks_whom_the_page_says(shop: Path, run: Run) -> None:
    text = run("scan", ".", "--suggest-policy").out
    assert "1  wait for an answer by approval rule two-approvers" in text
    assert "allow-data-read" in text
    assert "allow-what-is-not-known" in text
