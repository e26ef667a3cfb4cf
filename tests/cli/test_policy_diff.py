"""`govflow policy diff`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from govflow.policy.request_form import request_of
from tests.cli.conftest import Run

OLD = """version: 1
policy:
  name: acme
  rules:
    - {name: bulk, effect: require_approval, actions: ["data:*"], conditions: {step.records: {gt: 100}}, priority: 1}
    - {name: delete, effect: allow, actions: ["data:delete"], subjects: ["role:dev"]}
"""


@pytest.fixture
def files(repo: Path) -> Path:
    (repo / "old.yaml").write_text(OLD)
    (repo / "new.yaml").write_text(OLD.replace("gt: 100}", "gt: 1000}"))
    (repo / "words.yaml").write_text(OLD.replace("name: bulk,", "name: bulk, description: why,"))
    return repo


def test_a_change_of_effect_is_shown_and_fails(files: Path, run: Run) -> None:
    said = run("policy", "diff", "old.yaml", "new.yaml")
    assert said.code == 1
    assert said.out.startswith("~ bulk: conditions\n\nrequire_approval before, allow now:\n  bulk -> delete\n")
    assert "A change that was not found is not ruled out" in said.out


def test_what_is_proven_to_be_the_same_is_said_to_be(files: Path, run: Run) -> None:
    for other in ("old.yaml", "words.yaml"):
        said = run("policy", "diff", "old.yaml", other)
        assert said.code == 0 and "No decision differs" in said.out
        assert run("policy", "diff", "old.yaml", other, "--format", "json").json["proven_same"] is True


def test_programs_and_pull_requests_get_it_too(files: Path, run: Run) -> None:
    document = run("policy", "diff", "old.yaml", "new.yaml", "--format", "json").json
    first = document["differences"][0]
    assert (first["before"]["effect"], first["after"]["effect"]) == ("require_approval", "allow")
    assert request_of(first["request"]).action == "data:delete"
    page = run("policy", "diff", "old.yaml", "new.yaml", "--format", "md").out
    assert page.startswith("<!-- govflow policy diff -->\n### govflow policy diff: changes decisions")
    assert "**require_approval before, allow now**" in page


def test_a_name_cannot_become_markup(files: Path, run: Run) -> None:
    (files / "evil.yaml").write_text(OLD.replace('"role:dev"', '"role:dev|`<b>"'))
    page = run("policy", "diff", "old.yaml", "evil.yaml", "--format", "md").out
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert rows and all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)


def test_the_example_of_the_page_goes_as_it_says(repo: Path, run: Run) -> None:
    page = (Path(__file__).parents[2] / "docs" / "policy-tools.md").read_text()
    held = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    (repo / "acme.yaml").write_text(held)
    (repo / "candidate.yaml").write_text(held.replace("gt: 100}", "gt: 1000}"))
    block = re.findall(r"```console\n\$ govflow (policy diff [^\n]*)\n(.*?)```", page, re.DOTALL)[0]
    assert run(*shlex.split(block[0])).out == block[1]
