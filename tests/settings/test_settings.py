"""Where settings come from, in which order, and how a wrong one is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import govflow
from govflow.errors import SettingsError
from govflow.settings import Settings, load_settings
from govflow.telemetry import redact_text


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository that is the working directory; no ``GOVFLOW_`` variable is set."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GOVFLOW_{name.upper()}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_defaults(project: Path) -> None:
    """Nothing is configured: observe, a database in the home directory, an hour to approve."""
    settings = load_settings()
    assert settings.mode is None
    assert settings.effective_mode == "observe"
    assert settings.database_url == f"sqlite:///{project}/home/.govflow/govflow.db"
    assert settings.approval_ttl_seconds == 3600
    assert not (project / "home").exists(), "reading settings creates nothing"


def test_a_configured_policy_means_enforce(project: Path) -> None:
    """The default mode changes when a policy is named, and a stated mode wins over that."""
    assert load_settings(policy="policy.yaml").effective_mode == "enforce"
    assert load_settings(policy="policy.yaml", mode="observe").effective_mode == "observe"
    assert load_settings(mode="auto", policy="policy.yaml").effective_mode == "enforce"


def test_stronger_sources_win(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments over environment over pyproject.toml over prefect.toml, key by key."""
    (project / "prefect.toml").write_text(
        '[integrations.govflow]\ntenant = "from-prefect"\nenvironment = "from-prefect"\nprincipal = "from-prefect"\n'
        'log_format = "json"\n'
    )
    (project / "pyproject.toml").write_text(
        '[tool.govflow]\ntenant = "from-pyproject"\nenvironment = "from-pyproject"\nprincipal = "from-pyproject"\n'
    )
    monkeypatch.setenv("GOVFLOW_TENANT", "from-env")
    monkeypatch.setenv("GOVFLOW_ENVIRONMENT", "from-env")
    settings = load_settings(tenant="from-argument")
    assert (settings.tenant, settings.environment) == ("from-argument", "from-env")
    assert (settings.principal, settings.log_format) == ("from-pyproject", "json")


def test_an_empty_variable_is_not_set(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``GOVFLOW_MODE=`` does not hide what a file says."""
    (project / "pyproject.toml").write_text('[tool.govflow]\nmode = "enforce"\n')
    monkeypatch.setenv("GOVFLOW_MODE", "")
    assert load_settings().effective_mode == "enforce"


def test_a_nested_pyproject_without_our_table_hides_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package's own pyproject.toml must not switch the repository's enforcement off."""
    (project / "pyproject.toml").write_text('[tool.govflow]\npolicy = "policy.yaml"\n')
    inner = project / "packages" / "etl"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text('[project]\nname = "etl"\nversion = "1"\n')
    monkeypatch.chdir(inner)
    settings = load_settings()
    assert settings.policy == project / "policy.yaml"
    assert settings.effective_mode == "enforce"


def test_the_search_ends_at_the_repository(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file above the repository is somebody else's."""
    inner = project / "clone"
    (inner / ".git").mkdir(parents=True)
    (project / "pyproject.toml").write_text('[tool.govflow]\nmode = "observe"\n')
    monkeypatch.chdir(inner)
    assert load_settings().mode is None


def test_paths_in_a_file_are_relative_to_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same configuration means the same files from every working directory; also for a SQLite URL."""
    (project / "pyproject.toml").write_text(
        '[tool.govflow]\npolicy = "gov/policy.yaml"\nlock = "gov/flows.lock"\ndatabase_url = "sqlite:///gov/log.db"\n'
    )
    (project / "deep").mkdir()
    monkeypatch.chdir(project / "deep")
    settings = load_settings()
    assert settings.policy == project / "gov/policy.yaml"
    assert settings.lock == project / "gov/flows.lock"
    assert settings.database_url == f"sqlite:///{project}/gov/log.db"


def test_catalogues_of_effects_are_a_list_of_paths(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file a list or one path, relative to it; in a variable with commas between them."""
    file = project / "pyproject.toml"
    file.write_text('[tool.govflow]\neffects = ["gov/a.yaml", "b.yaml"]\n')
    (project / "deep").mkdir()
    monkeypatch.chdir(project / "deep")
    assert load_settings().effects == (project / "gov/a.yaml", project / "b.yaml")
    file.write_text('[tool.govflow]\neffects = "gov/a.yaml"\n')
    assert load_settings().effects == (project / "gov/a.yaml",)
    monkeypatch.setenv("GOVFLOW_EFFECTS", "one.yaml, ~/two.yaml")
    assert load_settings().effects == (Path("one.yaml"), project / "home/two.yaml")
    assert load_settings(effects=["x.yaml"]).effects == (Path("x.yaml"),)
    file.write_text("[tool.govflow]\neffects = 3\n")
    monkeypatch.delenv("GOVFLOW_EFFECTS")
    with pytest.raises(SettingsError, match="effects = 3 cannot be used"):
        load_settings()


def test_home_is_expanded(project: Path) -> None:
    """``~`` works in paths and in SQLite URLs."""
    settings = load_settings(policy="~/policy.yaml", database_url="sqlite:///~/gov.db")
    assert settings.policy == project / "home/policy.yaml"
    assert settings.database_url == f"sqlite:///{project}/home/gov.db"


@pytest.mark.parametrize("memory", ["sqlite://", "sqlite:///:memory:"])
def test_a_memory_database_is_left_alone(project: Path, memory: str) -> None:
    """There is no path to anchor."""
    assert load_settings(database_url=memory).database_url == memory


def test_an_unknown_argument_is_refused(project: Path) -> None:
    """With the name that was probably meant."""
    with pytest.raises(SettingsError, match=r"argument: polciy") as caught:
        load_settings(polciy="x.yaml")
    assert caught.value.mend == "Did you mean policy?"


def test_an_unknown_variable_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable would silently leave enforcement off."""
    monkeypatch.setenv("GOVFLOW_POLICYS", "x.yaml")
    with pytest.raises(SettingsError, match="environment variable GOVFLOW_POLICYS") as caught:
        load_settings()
    assert caught.value.mend == "Did you mean GOVFLOW_POLICY?"
    assert caught.value.details["did_you_mean"] == "GOVFLOW_POLICY"


def test_a_variable_of_govflow_itself_passes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two underscores: passed between govflow's own processes."""
    monkeypatch.setenv("GOVFLOW__PERMIT", "x")
    assert load_settings().tenant == "default"


@pytest.mark.parametrize(
    ("name", "table"), [("pyproject.toml", "tool.govflow"), ("prefect.toml", "integrations.govflow")]
)
def test_an_unknown_key_of_a_file_is_refused(project: Path, name: str, table: str) -> None:
    """The error names the file, the table and the key."""
    (project / name).write_text(f'[{table}]\nenviroment = "production"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert f"{project / name} [{table}]: enviroment" in caught.value.message
    assert caught.value.mend == "Did you mean environment?"


def test_a_key_like_nothing_lists_the_settings(project: Path) -> None:
    """No guess is better than a wild one."""
    (project / "pyproject.toml").write_text("[tool.govflow]\nzzz = 1\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.mend.startswith("Settings are: mode, policy,")


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "1e400"])
def test_a_time_to_live_that_is_not_positive_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, seconds: str
) -> None:
    """An approval that never ends, or ends before it starts, is a mistake; the variable is named."""
    monkeypatch.setenv("GOVFLOW_APPROVAL_TTL_SECONDS", seconds)
    with pytest.raises(SettingsError, match="environment variable GOVFLOW_APPROVAL_TTL_SECONDS"):
        load_settings()


def test_a_wrong_value_names_its_file(project: Path) -> None:
    """And says what is possible."""
    (project / "pyproject.toml").write_text('[tool.govflow]\nmode = "enforced"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert f"{project / 'pyproject.toml'} [tool.govflow]: mode = 'enforced'" in caught.value.message
    assert "'observe' or 'enforce'" in caught.value.message


def test_a_file_that_is_not_toml_is_refused(project: Path) -> None:
    """It may hold the policy that would stop us."""
    (project / "prefect.toml").write_text("[integrations.govflow\n")
    with pytest.raises(SettingsError, match=r"prefect\.toml cannot be read.*line 1"):
        load_settings()


def test_a_table_that_is_not_a_table_is_refused(project: Path) -> None:
    """``govflow = true`` under ``[tool]`` is no configuration."""
    (project / "pyproject.toml").write_text("[tool]\ngovflow = true\n")
    with pytest.raises(SettingsError, match=r"must be a table"):
        load_settings()


@pytest.mark.parametrize("url", ["gov.db", "mysql://u:canary-pw@h/d", "postgres://u:canary-pw@h/d"])
def test_a_wrong_database_url_is_refused_without_showing_it(project: Path, url: str) -> None:
    """It may hold a password."""
    with pytest.raises(SettingsError) as caught:
        load_settings(database_url=url)
    assert "sqlite:///path" in caught.value.message
    assert "canary-pw" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://gov:canary-pw@db:5432/gov",
        "postgresql+psycopg://gov:canary-pw@with/slash@db/gov",
        "postgresql://db/gov?user=gov&password=canary-pw",
        "postgresql://db/gov?sslpassword=canary-pw&x=1",
    ],
)
def test_a_password_in_a_url_is_never_shown(project: Path, url: str) -> None:
    """Not by ``redacted_url``, ``str``, ``repr`` or the dictionary for people."""
    settings = load_settings(database_url=url)
    shown = f"{settings.redacted_url} {settings} {settings!r} {settings.shown()}"
    assert "canary-pw" not in shown
    assert settings.redacted_url.startswith("postgresql")
    assert "***" in settings.redacted_url
    assert redact_text(settings.redacted_url) == settings.redacted_url, "the log masks no more than this"


def test_settings_are_frozen(project: Path) -> None:
    """What was decided on stays so."""
    with pytest.raises(ValidationError):
        load_settings().tenant = "other"  # type: ignore[misc]


def test_reading_settings_does_not_import_prefect(project: Path) -> None:
    """Nor a database, nor structlog: the modules are imported by every process."""
    (project / "prefect.toml").write_text('[integrations.govflow]\ntenant = "acme"\n')
    code = (
        "import sys; from govflow.settings import load_settings; from govflow.telemetry import get_logger;"
        "get_logger('x'); assert load_settings().tenant == 'acme';"
        "print(sorted({'prefect', 'sqlalchemy', 'sqlmodel', 'structlog', 'rich', 'networkx'} & set(sys.modules)))"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(govflow.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=project, env=env
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")


def test_what_an_argument_or_a_variable_gave_is_told_from_what_a_file_gave(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").write_text('[tool.govflow]\nmode = "observe"\ntenant = "acme"\n')
    assert load_settings().explicit == frozenset()
    monkeypatch.setenv("GOVFLOW_TENANT", "other")
    assert load_settings(environment="production").explicit == {"tenant", "environment"}


def test_the_lock_is_the_nearest_one_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "repo" / "flows" / "daily"
    deep.mkdir(parents=True)
    (tmp_path / "govflow.lock").write_text("somebody else's")
    monkeypatch.chdir(deep)
    assert load_settings().lock == Path("govflow.lock")  # no repository: nothing above belongs to this folder
    (tmp_path / "repo" / ".git").mkdir()
    assert load_settings().lock == Path("govflow.lock")
    (tmp_path / "repo" / "govflow.lock").write_text("")
    assert load_settings().lock == Path("../../govflow.lock")
    (deep / "govflow.lock").write_text("")
    assert load_settings().lock == Path("govflow.lock")
    assert load_settings(lock=Path("other.lock")).lock == Path("other.lock")
