"""A flow whose own settings were not read must not run as if it had none."""

from __future__ import annotations

from pathlib import Path

import pytest

from govflow.errors import SettingsError
from govflow.services.unread_configuration import unread_configuration
from govflow.settings import Settings, load_settings

ENFORCED = '[tool.govflow]\npolicy = "policy.yaml"\nenvironment = "production"\n'


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that configures govflow, and beside it a folder that does not; that one is the working directory."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GOVFLOW_{name.upper()}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("repo", "elsewhere"):
        (tmp_path / name / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "flows").mkdir()
    (tmp_path / "repo" / "pyproject.toml").write_text(ENFORCED)
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "repo"


def said(repo: Path) -> str | None:
    return unread_configuration(load_settings(), repo / "flows" / "etl.py")


def test_starting_a_flow_from_elsewhere_does_not_switch_enforcement_off(repo: Path) -> None:
    assert load_settings().effective_mode == "observe", "what would hold, silently"
    sentence = said(repo)
    assert sentence is not None
    assert f"{repo}/pyproject.toml [tool.govflow] sets policy and environment for etl.py" in sentence
    assert f"Start it in {repo}, or set GOVFLOW_POLICY, GOVFLOW_ENVIRONMENT." in sentence


def test_another_projects_settings_do_not_stand_in(repo: Path) -> None:
    (repo.parent / "elsewhere" / "pyproject.toml").write_text('[tool.govflow]\nmode = "observe"\npolicy = "own.yaml"\n')
    sentence = said(repo)
    assert sentence is not None
    assert "sets policy and environment" in sentence


def test_moving_into_the_repository_after_the_settings_were_read_does_not_hide_it(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings()
    monkeypatch.chdir(repo)
    assert unread_configuration(settings, repo / "flows" / "etl.py") is not None


@pytest.mark.parametrize("folder", [".", "flows"])
def test_settings_that_were_read_are_fine(repo: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.chdir(repo / folder)
    assert said(repo) is None


def test_settings_that_say_the_same_are_fine(repo: Path) -> None:
    """As where each folder has its own file with the same values."""
    other = repo.parent / "elsewhere" / "prefect.toml"
    other.write_text(f'[integrations.govflow]\npolicy = "{repo}/policy.yaml"\nenvironment = "production"\n')
    assert said(repo) is None


def test_what_a_variable_gives_was_meant(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVFLOW_POLICY", str(repo.parent / "other.yaml"))
    monkeypatch.setenv("GOVFLOW_ENVIRONMENT", "staging")
    assert said(repo) is None
    assert unread_configuration(load_settings(environment="x"), repo / "flows" / "etl.py") is None


def test_observing_on_purpose_is_fine(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVFLOW_MODE", "observe")
    assert said(repo) is None


def test_a_nearer_file_is_the_one_that_counts(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "flows" / "pyproject.toml").write_text('[tool.govflow]\nmode = "enforce"\n')
    monkeypatch.chdir(repo)
    sentence = said(repo)
    assert sentence is not None
    assert f"{repo}/flows/pyproject.toml [tool.govflow] sets mode" in sentence


@pytest.mark.parametrize("text", ["", "[tool.other]\nmode = 1\n", '[tool.govflow]\ntenant = "acme"\n'])
def test_a_file_that_does_not_govern_is_passed_over(repo: Path, text: str) -> None:
    (repo / "pyproject.toml").write_text(text)
    assert said(repo) is None


def test_a_file_that_cannot_be_read_is_refused(repo: Path) -> None:
    (repo / "pyproject.toml").write_text("[tool.govflow\n")
    with pytest.raises(SettingsError, match="cannot be read"):
        said(repo)
