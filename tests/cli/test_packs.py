"""`govflow policy packs`, and packs as policies of commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from govflow.policy import packs
from govflow.policy.packs import pack_names, pack_text
from tests.cli.conftest import Run
from tests.cli.test_plans import git

CLOSED = 'version: 1\nimports: ["pack:tenant-isolation"]\npolicy: {name: acme, default: allow}\n'


def test_packs_are_listed_with_a_line_each(run: Run) -> None:
    lines = run("policy", "packs").out.splitlines()
    assert [line.split()[0] for line in lines] == list(pack_names())
    assert all(line.endswith(".") and len(line) <= 120 for line in lines)


@pytest.mark.parametrize("name", pack_names())
def test_the_file_of_a_pack_is_shown_as_it_ships(run: Run, name: str) -> None:
    assert run("policy", "packs", name).out == pack_text(name)
    shown = run("policy", "packs", name, "--format", "json").json
    assert (shown["name"], shown["import"], shown["text"]) == (name, f"pack:{name}", pack_text(name))
    assert shown in [
        {**one, "text": pack_text(name)} for one in run("policy", "packs", "--format", "json").json["packs"]
    ]


def test_packs_stand_in_the_layout_of_the_house(run: Run) -> None:
    folder = Path(packs.__file__).parent
    assert run("policy", "fmt", "--check", *map(str, sorted(folder.glob("*.yaml")))).code == 0


def test_limits_and_needs_are_told_to_programs(run: Run) -> None:
    shown = run("policy", "packs", "budgets", "--format", "json").json
    assert shown["limits"] == {"approve_above": 5}
    assert shown["needs"]["budget.org_left"] == "number"


def test_a_pack_that_there_is_not_is_refused_with_the_nearest(run: Run) -> None:
    said = run("policy", "packs", "tenant-isolatoin")
    assert said.code == 2
    assert "Did you mean 'tenant-isolation'?" in said.err


@pytest.mark.parametrize("imports", [*([name] for name in pack_names()), list(pack_names())], ids="+".join)
def test_lint_has_no_warning_about_packs_alone_and_one_about_all(repo: Path, run: Run, imports: list[str]) -> None:
    """What iso27001 denies outside production, and the other rule asks in production, leaves nothing to ask."""
    listed = ", ".join(f'"pack:{name}"' for name in imports)
    (repo / "policy.yaml").write_text(f"version: 1\nimports: [{listed}]\npolicy: {{name: acme}}\n")
    said = run("policy", "lint", "policy.yaml", "--format", "json").json
    found = [finding["message"].split("'")[1] for finding in said["findings"] if finding["level"] != "note"]
    assert found == ([] if len(imports) == 1 else ["production-changes.to-production"])


def test_a_policy_of_packs_can_be_signed(repo: Path, run: Run) -> None:
    (repo / "policy.yaml").write_text(CLOSED)
    assert run("policy", "keygen", "--key", "keys/policy.pem", "--output", "policy-keys.json").code == 0
    made = ("--key", "keys/policy.pem", "--output", "policy.bundle.json", "--as", "carol")
    assert run("policy", "bundle", "policy.yaml", *made).code == 0
    assert run("policy", "verify", "policy.bundle.json", "--keys", "policy-keys.json").code == 0


def test_a_policy_of_packs_judges_a_plan(repo: Path, run: Run) -> None:
    (repo / "policy.yaml").write_text(CLOSED)
    (repo / "pyproject.toml").write_text('[tool.govflow]\npolicy = "policy.yaml"\n')
    found = run("check", "flows", "--format", "json")
    assert any("tenant-isolation." in finding["message"] for finding in found.json["findings"])


def test_a_policy_of_packs_is_read_at_the_base_commit_too(repo: Path, run: Run) -> None:
    """What a pack begins to deny is new, and what it denied at the base is not."""
    (repo / "policy.yaml").write_text("version: 1\npolicy: {name: acme, default: allow}\n")
    (repo / "pyproject.toml").write_text('[tool.govflow]\npolicy = "policy.yaml"\n')
    run("lock", "flows")
    git(repo, "init", "-q", "-b", "main")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "without")
    (repo / "policy.yaml").write_text(CLOSED)
    new = run("check", "flows", "--base", "HEAD", "--format", "json").json
    assert new["errors"] > 0
    git(repo, "commit", "-qam", "with the pack")
    old = run("check", "flows", "--base", "HEAD", "--format", "json").json
    assert (old["errors"], old["older"]) == (0, new["older"] + new["errors"] + new["warnings"] + new["notes"])
