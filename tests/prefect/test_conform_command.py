"""``govflow conform`` on a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from govflow.cli.app import main
from govflow.prefect.recorded import read_run
from tests.conform.running import run_flow, settled
from tests.prefect.conftest import Home

FLOW = """
from {engine} import flow, task


@task
def load(n):
    return list(range(n))


@task
def save(rows):
    return len(rows)


@flow
def part(rows):
    return save(rows)


@flow
def nightly(n: int = 500):
    first = load.submit(n)
    second = load.submit(n + 1, wait_for=[first])
    save(first)
    save(second)
    return part(first.result())
"""


def ran(home: Home, engine: str) -> str:
    home.write("nightly.py", FLOW.format(engine=engine))
    run_id = run_flow(home.path, "nightly.py", "nightly")
    settled(run_id, read_run)
    return run_id


def conform(run_id: str, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["conform", run_id, *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_run_of_a_bare_flow_follows_its_plan(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = conform(ran(home, "prefect"), "nightly.py:nightly", capsys=capsys)
    assert code == 0, out
    assert "told apart by name and edges" in out and "nightly.py:part run" in out
    assert "ok: 2 runs followed the plan" in out


def test_a_run_of_a_governed_flow_is_known_by_its_step_ids(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    from govflow.prefect.runtime import RUNTIME

    run_id = ran(home, "govflow.prefect")
    RUNTIME.workspace().store.flush()
    code, out, _ = conform(run_id, "nightly.py", "--format", "json", capsys=capsys)
    found: dict[str, Any] = json.loads(out)
    assert code == 0 and found["conforms"]
    assert found["run"]["exact"] is True
    assert found["run"]["mandatory_edges"]["share"] == 1.0


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [
        ("    save(second)\n", "", "unplanned"),
        ("save(second)", "save([second.result()[0]])", ""),
        ("wait_for=[first]", "wait_for=[]", "uncovered"),
        ("    save(first)\n", "    save(1)\n", "uncovered"),
        ("    return part(", "    load(1)\n    return part(", "missing"),
    ],
)
def test_a_plan_of_other_source_does_not_fit(
    home: Home, capsys: pytest.CaptureFixture[str], before: str, after: str, finding: str
) -> None:
    run_id = ran(home, "prefect")
    source = home.path / "nightly.py"
    source.write_text(source.read_text().replace(before, after))
    code, out, _ = conform(run_id, "nightly.py:nightly", "--format", "md", capsys=capsys)
    assert (code, finding in out) == ((1, True) if finding else (0, True)), out


@pytest.mark.parametrize("run_id", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_run_that_is_not_there_is_a_usage_error(home: Home, capsys: pytest.CaptureFixture[str], run_id: str) -> None:
    home.write("nightly.py", FLOW.format(engine="prefect"))
    code, out, err = conform(run_id, "nightly.py:nightly", capsys=capsys)
    assert code == 2 and not out and "error[" in err and "mend:" in err


def test_a_folder_is_no_source_of_a_run(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = conform("00000000-0000-0000-0000-000000000000", str(Path.cwd()), capsys=capsys)
    assert code == 2 and "folder" in err
