"""Is the code of a deployment the approved plan, and what does policy say of it? No engine, no server."""

from __future__ import annotations

import os
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from govflow.errors import Denied, PlanDrift, PlanNotApproved, RequestError, SettingsError, SourceError
from govflow.services.approve_import import must_ask
from govflow.services.entrypoints import only_entrypoint, parse_entrypoint
from govflow.services.lock_plans import approve_plans, plan_approvals, plan_lock, write_lock
from govflow.services.store_port import StorePort
from govflow.services.verify_deployment import Verification, marks, pinned, together, verify_entrypoint
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings

FLOW = """\
from govflow.prefect import flow, task

@task(action="{action}", provider="postgres", resource="dataset://acme/orders")
def step() -> int:
    return {value}

@flow
def nightly() -> int:
    return step()
"""

POLICY = """\
version: 1
policy:
  name: test
  rules:
    - {name: no-grants, effect: deny, actions: ["access:grant"]}
    - {name: ask, effect: require_approval, actions: ["data:delete"], approval: one}
    - {name: rest, effect: allow, actions: ["*"]}
approvals:
  one: {required: 1, approvers: ["*"], ttl_seconds: 600}
"""


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: dict[str, str] = {"database_url": f"sqlite:///{folder / 'govflow.db'}", "principal": "alice"}

    def write(self, value: int = 1, action: str = "data:read", top: str = "") -> None:
        (self.folder / "flows").mkdir(exist_ok=True)
        (self.folder / "flows" / "etl.py").write_text(top + FLOW.format(value=value, action=action))

    def workspace(self) -> Workspace:
        return open_workspace(load_settings(**self.settings))

    def lock(self) -> None:
        with closing(self.workspace()) as workspace:
            write_lock(plan_lock(workspace, ["flows"]))

    def approve(self, name: str = "bob") -> None:
        with closing(self.workspace()) as workspace:
            update = plan_lock(workspace, ["flows"])
            approvals = plan_approvals(workspace, update.flows)
            approve_plans(workspace, approvals, workspace.principal(name), StorePort(workspace).now())

    def verify(self, **options: object) -> Verification:
        with closing(self.workspace()) as workspace:
            entry = parse_entrypoint("flows/etl.py:nightly", self.folder)
            return verify_entrypoint(workspace, entry, **options)  # type: ignore[arg-type] # as the test gives them


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name in list(os.environ):
        if name.startswith("GOVFLOW_") and not name.startswith("GOVFLOW__"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'acme'\n")
    (tmp_path / "policy.yaml").write_text(POLICY)
    made = Repository(tmp_path)
    made.settings["policy"] = str(tmp_path / "policy.yaml")
    made.write()
    return made


def codes(found: Verification) -> list[str]:
    return [refused.code for refused in found.refusals]


def test_the_approved_plan_passes_and_names_who_approved_it(repository: Repository) -> None:
    repository.approve()
    found = repository.verify()
    assert found.refusals == ()
    outputs = found.outputs()
    assert outputs["approved_by"] == "bob"
    assert outputs["version"] == f"plan-{outputs['plan_hash'][7:23]}"
    assert outputs["tags"] == ["govflow", f"govflow:{outputs['version']}", f"govflow:tier-{outputs['tier']}"]


def test_another_plan_is_drift_with_the_difference(repository: Repository) -> None:
    repository.approve()
    repository.write(value=2)
    (drift,) = repository.verify().refusals
    assert isinstance(drift, PlanDrift)
    assert "that bob approved" in drift.message
    assert "step" in drift.message.splitlines()[1]


def test_a_comment_is_no_drift(repository: Repository) -> None:
    repository.approve()
    repository.write(top="# a word\n\n")
    assert repository.verify().refusals == ()


def test_without_an_approved_plan_the_lock_stands_in_outside_production(repository: Repository) -> None:
    assert codes(repository.verify()) == ["plan-not-approved"]
    assert codes(repository.verify(first=True)) == []
    repository.lock()
    assert codes(repository.verify()) == []
    repository.write(value=2)
    assert codes(repository.verify()) == ["plan-drift"]
    assert codes(repository.verify(first=True)) == ["plan-drift"]


def test_in_production_the_lock_is_not_enough_unless_somebody_says_so(repository: Repository) -> None:
    repository.settings["environment"] = "production"
    repository.lock()
    assert codes(repository.verify()) == ["plan-not-approved"]
    assert codes(repository.verify(first=True)) == ["plan-not-approved"]
    assert codes(repository.verify(against="lock")) == []
    repository.approve()
    assert codes(repository.verify()) == []


def test_flow_and_lock_edited_together_are_drift(repository: Repository) -> None:
    repository.approve()
    repository.write(value=2)
    repository.lock()
    assert codes(repository.verify()) == ["plan-drift"]
    assert codes(repository.verify(against="lock")) == [], "that is what trusting the lock means"


def test_what_policy_denies_for_certain_is_refused(repository: Repository) -> None:
    repository.write(action="access:grant")
    repository.approve()
    (denied,) = repository.verify().refusals
    assert isinstance(denied, Denied)
    assert "no-grants" in denied.message


def test_the_hash_of_the_deployment_pins_the_code(repository: Repository) -> None:
    repository.approve()
    found = repository.verify()
    assert pinned(found, None) is None
    assert pinned(found, found.plan_hash) is None
    drift = pinned(found, f"sha256:{'0' * 64}")
    assert drift is not None
    assert "plan-0000000000000000" in drift.message
    both = together((PlanNotApproved("nobody"), drift))
    assert isinstance(both, PlanNotApproved)
    assert "Also: The deployment was verified for" in both.message


def test_when_people_are_asked_before_the_code_is_loaded(repository: Repository) -> None:
    quiet = repository.verify()
    assert [must_ask(quiet, when) for when in ("never", "effects", "plan")] == [None, None, None]
    repository.write(action="data:delete")
    risky = repository.verify()
    assert [must_ask(risky, when) is not None for when in ("never", "effects", "plan")] == [False, False, True]
    repository.write(top="import shutil\nshutil.rmtree('/srv/orders')\n")
    loud = repository.verify()
    assert [must_ask(loud, when) is not None for when in ("never", "effects", "plan")] == [False, True, True]
    assert "importing the module does" in (must_ask(loud, "effects") or "")


def test_settings_of_the_repository_that_were_not_read_are_refused(
    repository: Repository, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    del repository.settings["policy"]
    (repository.folder / "pyproject.toml").write_text("[tool.govflow]\nmode = 'enforce'\npolicy = 'policy.yaml'\n")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(SettingsError, match="was not read"):
        repository.verify()


def test_entrypoints(tmp_path: Path) -> None:
    package = tmp_path / "src" / "acme"
    package.mkdir(parents=True)
    (package / "etl.py").write_text("")
    (package / "__init__.py").write_text("")
    assert parse_entrypoint("acme.etl.nightly", tmp_path).file == package / "etl.py"
    assert parse_entrypoint("acme.nightly", tmp_path).file == package / "__init__.py"
    found = parse_entrypoint("src/acme/etl.py:Flows.nightly", tmp_path)
    assert (found.file, found.function) == (package / "etl.py", "Flows.nightly")
    with pytest.raises(SourceError, match="no such file"):
        parse_entrypoint("src/other.py:nightly", tmp_path)
    for text in ("", "nightly", "etl.py:", ":nightly"):
        with pytest.raises(RequestError, match="no entrypoint"):
            parse_entrypoint(text, tmp_path)


def test_the_only_entrypoint_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "prefect.yaml"

    def write(*entrypoints: str) -> None:
        listed = "".join(f"- {{name: n, entrypoint: '{one}'}}\n" for one in entrypoints)
        file.write_text(textwrap.dedent(f"deployments:\n{listed}"))

    write("a.py:f", "a.py:f")
    assert only_entrypoint(file) == "a.py:f"
    write("a.py:f", "b.py:f")
    with pytest.raises(RequestError, match="2 entrypoints"):
        only_entrypoint(file)
    file.write_text("name: nothing\n")
    with pytest.raises(RequestError, match="no entrypoint"):
        only_entrypoint(file)


def test_marks_of_a_deployment() -> None:
    plan = "plan-0123456789abcdef"
    assert marks(plan, (), {}) == {plan}
    assert marks("1.0", (f"govflow:{plan}", "govflow:tier-2"), {}) == {plan}
    assert marks(None, ("plan-b",), {"govflow.plan": plan}) == {plan}
    assert marks("plan-short", ("x",), {}) == frozenset()
