"""``govflow scan``: any repository, nothing written, and an exit code that is no verdict."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from tests.cli.conftest import Run, files, spawn


def test_a_scan_of_a_folder(run: Run) -> None:
    done = run("scan", "flows")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("1 flow in 1 Python file, 3 steps, highest tier 3 high\n")
    assert "environment production" in done.out
    assert "flows/etl.py:17" in done.out
    assert "data:delete duckdb dataset://acme/{table} (declared)" in done.out


def test_a_scan_judges_for_another_environment(run: Run) -> None:
    assert "environment development" in run("scan", "flows", "--environment", "development").out


def test_a_scan_as_json(run: Run) -> None:
    document = run("scan", "flows", "--format", "json").json
    assert document["version"] == 1
    assert document["summary"]["tiers"][0] == {"tier": 3, "name": "high", "steps": 1, "flows": 1}
    (flow,) = document["flows"]
    assert flow["name"] == "flows/etl.py:nightly"
    (purge,) = (one for one in flow["steps"] if one["step_id"] == "nightly/purge#1")
    assert (purge["file"], purge["line"]) == ("flows/etl.py", 17)
    assert [one["action"] for one in purge["does"]] == ["data:delete"]


def test_a_scan_as_a_page(run: Run) -> None:
    page = run("scan", "flows", "--format", "md").out
    assert page.startswith("## 1 flow in")
    assert "| 3 | `nightly/purge#1` |" in page


def test_a_report_goes_to_a_file(run: Run, repo: Path) -> None:
    done = run("scan", "flows", "--format", "json", "--output", "report.json")
    assert (done.code, done.out) == (0, "")
    assert json.loads((repo / "report.json").read_text())["summary"]["flows"] == 1
    refused = run("scan", "flows", "--output", "nowhere/report.txt")
    assert refused.code == 2
    assert "nowhere/report.txt cannot be written" in refused.err


def test_nothing_is_written(run: Run, repo: Path) -> None:
    before = files(repo.parent)
    assert run("scan", ".").code == 0
    assert files(repo.parent) == before


def test_a_folder_that_cannot_be_written(repo: Path) -> None:
    folders = [path for path in repo.rglob("*") if path.is_dir()]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (repo, *folders)}
    for path in modes:
        path.chmod(0o555)
    try:
        done = spawn("scan", ".", cwd=repo)
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert done.code == 0, done.err
    assert "1 flow" in done.out


def test_the_exit_code_is_no_verdict_unless_it_is_asked_for(run: Run) -> None:
    assert run("scan", "flows").code == 0
    assert run("scan", "flows", "--fail-on-tier", "3").code == 1
    assert run("scan", "flows", "--tier", "3", "--fail-on-tier", "3").code == 1
    assert run("scan", "flows/etl.py", "--environment", "development", "--fail-on-tier", "3").code == 1


def test_a_file_that_cannot_be_read_is_in_the_report(run: Run, repo: Path) -> None:
    (repo / "flows" / "bad.py").write_text("def flow(:\n")
    done = run("scan", "flows")
    assert done.code == 0
    assert "flows/bad.py:1: " in done.out


def test_usage_errors_exit_2(run: Run) -> None:
    for words in ([], ["nowhere"], ["flows", "--tier", "4"], ["flows", "--format", "gif"], ["flows", "--policy", "no"]):
        done = run("scan", *words)
        assert (done.code, done.out) == (2, ""), words
        assert done.err.startswith("error["), words


def test_a_repository_of_somebody_else(tmp_path: Path) -> None:
    """No settings, no git, no lock; the working folder is somewhere else."""
    (tmp_path / "theirs" / "jobs").mkdir(parents=True)
    (tmp_path / "theirs" / "jobs" / "a.py").write_text(
        "import nowhere_to_be_found\nfrom prefect import flow, task\n@task\ndef t(): ...\n@flow\ndef f():\n    t()\n"
    )
    (tmp_path / "mine").mkdir()
    home = {"HOME": str(tmp_path / "home"), "GOVFLOW_DATABASE_URL": f"sqlite:///{tmp_path}/no/gov.db"}
    done = spawn("scan", str(tmp_path / "theirs"), cwd=tmp_path / "mine", **home)
    assert (done.code, done.err) == (0, "")
    assert "flow f  jobs/a.py:f" in done.out
    assert sorted(os.listdir(tmp_path)) == ["mine", "theirs"]
