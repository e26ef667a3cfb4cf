"""The setting policy_layers: several policies govern at once, in every place that a single one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from govflow.errors import PolicyError, PolicyUnsigned, SettingsError
from govflow.governor.assess import assess
from govflow.services.doctor import check_policy
from govflow.services.policy_in_force import policy_changed, renewed
from govflow.services.workspace import open_workspace
from govflow.settings import Settings, load_settings
from tests.governor.plans import plan, step
from tests.services.slow_writer import written_slowly
from tests.services.test_policy_in_force import put

COMPANY = """
version: 1
policy:
  name: company
  default: allow
  rules:
    - {name: no-drop, effect: deny, actions: ["data:drop"]}
principals:
  carol: {roles: [owner]}
"""
FLIGHTS = """
version: 1
policy:
  name: flights
  rules:
    - {name: all, effect: allow}
"""
DROP = step("etl/drop#1", action="data:drop", provider="duckdb", resource="dataset://acme/sales")
READ = step("etl/read#1", action="data:read", provider="duckdb", resource="dataset://acme/sales")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gov").mkdir()
    (tmp_path / "gov/company.yaml").write_text(COMPANY)
    (tmp_path / "flights.yaml").write_text(FLIGHTS)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.govflow]\npolicy_layers = {org = "gov/company.yaml", flow = "flights.yaml"}\n'
    )
    return tmp_path


def rules(settings: Settings) -> dict[str, str]:
    opened = open_workspace(settings)
    judged = assess(plan(DROP, READ), opened.ground, opened.requester(), opened.opened_at)
    return {name: one.decision.rule for name, one in judged.steps.items()}


def test_the_strictest_layer_decides_and_layers_are_a_policy(project: Path) -> None:
    settings = load_settings()
    assert settings.effective_mode == "enforce"
    assert rules(settings) == {"etl": "org/default", "etl/drop#1": "org/no-drop", "etl/read#1": "org/default"}
    opened = open_workspace(settings)
    assert opened.explicit
    assert opened.principals == {"carol": ("owner",)}
    assert opened.engine.digest == opened.document.digest


def test_a_variable_names_layers_with_commas_between_them(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVFLOW_POLICY_LAYERS", "org=gov/company.yaml, task=flights.yaml")
    assert load_settings().policy_layers == {"org": Path("gov/company.yaml"), "task": Path("flights.yaml")}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("company.yaml", "LAYER=FILE"),
        ("org=a.yaml,org=b.yaml", "stands there twice"),
        ("team=a.yaml", "policy_layers"),
        (",", "names no layer"),
        (" ", "names no layer"),
    ],
)
def test_what_names_no_layers_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch, value: str, why: str) -> None:
    monkeypatch.setenv("GOVFLOW_POLICY_LAYERS", value)
    with pytest.raises(SettingsError, match=why):
        load_settings()


def test_a_table_without_a_layer_is_refused(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.govflow]\npolicy_layers = {}\n")
    with pytest.raises(SettingsError, match="names no layer"):
        load_settings()


def test_a_policy_from_a_stronger_place_does_not_take_the_layers_away(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVFLOW_POLICY", "flights.yaml")
    with pytest.raises(SettingsError, match="the setting policy names a file too"):
        load_settings()


def test_a_layer_that_is_not_there_leaves_nothing_to_run(project: Path) -> None:
    (project / "gov/company.yaml").unlink()
    with pytest.raises(PolicyError, match=r"company.yaml: there is no such policy file"):
        renewed(None, load_settings())


def test_with_keys_each_layer_has_to_be_signed(project: Path) -> None:
    with pytest.raises(PolicyUnsigned):
        open_workspace(load_settings(policy_keys=project / "keys.json"))


def test_a_layer_that_changes_counts_for_the_next_run(project: Path) -> None:
    put(project / "flights.yaml", FLIGHTS)
    settings = load_settings()
    first = renewed(None, settings)
    assert not policy_changed(first, settings)
    put(project / "gov/company.yaml", COMPANY.replace("data:drop", "data:read"))
    assert policy_changed(first, settings)
    second = renewed(first, settings)
    assert second.document.digest != first.document.digest
    judged = assess(plan(READ), second.ground, second.requester(), second.opened_at)
    assert judged.steps["etl/read#1"].decision.rule == "org/no-drop"


def test_the_doctor_names_the_layers(project: Path) -> None:
    _, found = check_policy(load_settings())
    assert found.health == "ok"
    assert "layer org: company, 1 rules" in found.what
    assert "layer flow: flights, 1 rules" in found.what


def test_a_layer_of_which_half_is_written_is_waited_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its last rule the company's policy allows what the whole of it denies."""
    put(project / "flights.yaml", FLIGHTS)
    put(project / "gov/company.yaml", COMPANY)
    settings = load_settings()
    first = renewed(None, settings)
    half, rest = COMPANY[: COMPANY.index("    - {name: no-drop")].replace("  rules:\n", ""), COMPANY
    layer = project / "gov/company.yaml"
    layer.write_text(half)
    written_slowly(monkeypatch, layer, iter([lambda: layer.write_text(rest + "\n")]))
    second = renewed(first, settings)
    judged = assess(plan(DROP), second.ground, second.requester(), second.opened_at)
    assert judged.steps["etl/drop#1"].decision.rule == "org/no-drop"
