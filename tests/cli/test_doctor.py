"""The doctor at the terminal, and the demo that is not in the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from govflow.cli.demo import find_demo
from tests.cli.conftest import Run, files


def test_a_healthy_installation_is_said_to_be_so(repo: Path, run: Run) -> None:
    before = files(repo.parent)
    result = run("doctor")
    assert result.code == 0
    for name in ("python", "prefect", "fastapi", "settings", "policy", "database", "clock", "spool"):
        assert name in result.out
    assert files(repo.parent) == before, "the doctor changes nothing"


def test_every_unknown_setting_is_named_with_what_was_meant(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVFLOW_POLICI", "x")
    monkeypatch.setenv("GOVFLOW_TENNANT", "x")
    result = run("doctor", "--format", "json")
    assert result.code == 1
    failed = [check for check in result.json["checks"] if check["health"] == "fail"]
    assert {check["mend"] for check in failed} == {"Did you mean GOVFLOW_POLICY?", "Did you mean GOVFLOW_TENANT?"}
    assert result.json["health"] == "fail"


def test_a_broken_policy_is_named_and_the_rest_is_still_checked(repo: Path, run: Run) -> None:
    (repo / "policy.yaml").write_text("version: 1\n")
    result = run("doctor")
    assert result.code == 1
    assert "policy.yaml" in result.out
    assert "spool" in result.out


def test_the_demo_is_found_in_a_clone_only(tmp_path: Path) -> None:
    script = tmp_path / "examples" / "01_flights" / "demo.py"
    script.parent.mkdir(parents=True)
    script.write_text("")
    assert find_demo(tmp_path) == script


def test_the_demo_ends_as_its_script_ends(repo: Path, run: Run) -> None:
    script = repo / "examples" / "01_flights" / "demo.py"
    script.parent.mkdir(parents=True)
    for said, code in ((0, 0), (1, 1), (7, 2)):
        script.write_text(f"import sys; sys.exit({said} if sys.argv[1:] == ['--yes'] else 9)")
        assert run("demo", "--yes").code == code


def test_where_the_settings_come_from_is_said(run: Run, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the wrong folder the policy is not found; that must not look like a policy that was never written."""
    checks = {one["name"]: one["what"] for one in run("doctor", "--format", "json").json["checks"]}
    assert f"from environment, {repo}/pyproject.toml [tool.govflow]" in checks["settings"]
    monkeypatch.chdir(repo.parent)
    for name in ("GOVFLOW_DATABASE_URL", "GOVFLOW_PRINCIPAL"):
        monkeypatch.delenv(name)
    checks = {one["name"]: one["what"] for one in run("doctor", "--format", "json").json["checks"]}
    assert f"no settings file in {repo.parent} or above it" in checks["settings"]
