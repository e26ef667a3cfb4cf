"""Providers are named, loaded and told of; what the page about them says is what happens."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from govflow.errors import PolicyError
from govflow.governor.assess import assess
from govflow.governor.providers import AttributeProvider
from govflow.services import attribute_providers as named
from govflow.services.attribute_providers import configured_providers, register, registered
from govflow.services.doctor import check_attributes
from govflow.services.policy_in_force import policy_changed, renewed
from govflow.services.workspace import open_workspace
from govflow.settings import Settings, load_settings
from tests.governor.plans import plan, step
from tests.services.test_policy_in_force import put

PAGE = (Path(__file__).parents[2] / "docs" / "attribute-providers.md").read_text()
BLOCKS = dict(re.findall(r"```(yaml|python acme_budget.py|toml|python)\n(.*?)```", PAGE, re.DOTALL)[:3])
SAVE = step("etl/save#1", action="data:write", provider="duckdb", resource="dataset://acme/sales")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project that the page shows."""
    (tmp_path / "policy.yaml").write_text(BLOCKS["yaml"])
    (tmp_path / "acme_budget.py").write_text(BLOCKS["python acme_budget.py"])
    (tmp_path / "pyproject.toml").write_text(BLOCKS["toml"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(named, "_registered", [])
    yield tmp_path
    sys.modules.pop("acme_budget", None)


def budget() -> ModuleType:
    import acme_budget  # type: ignore[import-not-found]

    return acme_budget  # type: ignore[no-any-return]


def rule_for_save(settings: Settings) -> str:
    workspace = renewed(None, settings)
    judged = assess(plan(SAVE), workspace.ground, workspace.requester(), workspace.opened_at)
    return judged.steps["etl/save#1"].decision.rule


def test_the_example_of_the_page_decides(project: Path) -> None:
    settings = load_settings()
    assert rule_for_save(settings) == "rest"
    budget().LEFT["default"] = 0
    assert rule_for_save(settings) == "over-budget"


def test_an_entry_point_is_named_by_its_name(project: Path) -> None:
    info = project / "acme_budget-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-budget\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[govflow.attributes]\nbudget = acme_budget:BUDGET\n")
    assert [one.name for one in configured_providers(Settings(attribute_providers=("budget",))).all] == ["budget"]
    assert configured_providers(Settings(attribute_providers=())).all == ()  # to be installed is not enough


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("budgets", "no package offers it"),
        ("acme_budget:NOTHING", "cannot be loaded: AttributeError"),
        ("acme_nothing:BUDGET", "cannot be loaded: ModuleNotFoundError"),
        ("acme_budget:LEFT", "cannot be loaded: TypeError"),
        ("acme_budget:LEFT.copy", "it is dict, and no AttributeProvider"),
    ],
)
def test_what_cannot_be_loaded_is_named(project: Path, name: str, why: str) -> None:
    settings = load_settings(attribute_providers=[name])
    with pytest.raises(PolicyError, match=f"Setting attribute_providers: {name}: .*{why}"):
        renewed(None, settings)


def test_providers_are_loaded_once_a_broken_policy_is_mended(project: Path) -> None:
    """Observe mode goes on without a policy; what it says after that is not to say less than enforce mode would."""
    whole = (project / "policy.yaml").read_text()
    put(project / "policy.yaml", "version: [")
    settings = load_settings(mode="observe")
    first = renewed(None, settings)
    assert first.ground.providers.all == ()
    put(project / "policy.yaml", whole)
    assert policy_changed(first, settings)
    assert [one.name for one in renewed(first, settings).ground.providers.all] == ["budget"]


def test_what_a_provider_says_while_it_is_made_is_not_quoted(project: Path) -> None:
    (project / "acme_secret.py").write_text(
        "def make():\n    raise ValueError('hunter2')\n\n\ndef leave():\n    raise SystemExit('hunter2')\n"
    )
    for name, kind in (("make", "ValueError"), ("leave", "SystemExit")):
        with pytest.raises(PolicyError, match=f"cannot be loaded: {kind}") as raised:
            renewed(None, load_settings(attribute_providers=[f"acme_secret:{name}"]))
        assert "hunter2" not in str(raised.value)


def test_several_are_named_with_commas_in_a_variable(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVFLOW_ATTRIBUTE_PROVIDERS", "acme_budget:BUDGET, other")
    assert load_settings().attribute_providers == ("acme_budget:BUDGET", "other")


def test_python_code_registers_for_the_runs_that_open_from_then_on(project: Path) -> None:
    settings = load_settings(attribute_providers=[])
    first = renewed(None, settings)
    assert first.ground.providers.all == ()
    assert not policy_changed(first, settings)
    register(budget().BUDGET)
    assert policy_changed(first, settings)
    second = renewed(first, settings)
    assert second.ground.providers.all == registered() == (budget().BUDGET,)
    assert second.follows(first)
    assert not policy_changed(second, settings)


def test_reading_a_repository_loads_no_provider(project: Path) -> None:
    opened = open_workspace(load_settings())
    assert opened.ground.providers.all == ()
    assert "acme_budget" not in sys.modules
    judged = assess(plan(SAVE), opened.ground, opened.requester(), opened.opened_at)
    assert judged.steps["etl/save#1"].decision.rule == "over-budget"


def test_another_type_than_the_policy_declares_is_refused(project: Path) -> None:
    register(AttributeProvider("other", {"context.budget.left": "bool"}, lambda facts, wanted: {}))
    with pytest.raises(
        PolicyError, match=r"attributes.context.budget.left: it is declared as number, and .* gives bool"
    ):
        renewed(None, load_settings(attribute_providers=[]))


def test_the_doctor_names_what_nobody_provides(project: Path) -> None:
    settings = load_settings()
    document = open_workspace(settings).document
    (fine,) = check_attributes(settings, document)
    assert (fine.health, fine.what) == ("ok", "budget gives context.budget.left")
    (lacking,) = check_attributes(load_settings(attribute_providers=[]), document)
    assert lacking.health == "warn"
    assert "rule 'over-budget' reads 'context.budget.left', and nobody provides it" in lacking.what
    (broken,) = check_attributes(load_settings(attribute_providers=["nobody"]), document)
    assert broken.health == "fail"


def test_the_first_run_of_a_process_says_what_nobody_provides(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = load_settings(attribute_providers=[])
    with caplog.at_level("WARNING", logger="govflow"):
        opened = renewed(None, settings)
        renewed(opened, settings)
    said = [
        record
        for record in caplog.records
        if "policy.unprovided" in record.getMessage() + json.dumps(record.msg, default=str)
    ]
    assert len(said) == 1
    assert datetime.now(UTC) > opened.opened_at
