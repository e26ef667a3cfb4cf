"""`govflow policy lint`."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from govflow.policy.request_form import request_of
from tests.cli.conftest import Run

CONFLICT = """version: 1
imports: [more.yaml]
policy:
  name: acme
  rules:
    - {name: staff, effect: allow, actions: ["data:*"], subjects: ["role:staff"]}
"""
MORE = """version: 1
policy:
  name: more
  rules:
    - {name: patients, effect: deny, resources: ["dataset://patients/*"]}
    - {name: again, effect: deny, resources: ["dataset://patients/x"]}
"""


@pytest.fixture
def policy(repo: Path) -> Path:
    (repo / "more.yaml").write_text(MORE)
    (repo / "acme.yaml").write_text(CONFLICT)
    return repo / "acme.yaml"


def test_findings_stand_where_their_rules_do_and_fail(policy: Path, run: Run) -> None:
    said = run("policy", "lint", "acme.yaml")
    assert said.code == 1
    assert "more.yaml:6: warning[GF702 rule-shadowed] rule 'again'" in said.out
    assert "acme.yaml:6: warning[GF703 rules-conflict] rule 'staff'" in said.out
    assert 'shown by: {"action": "data:' in said.out
    assert "patients says deny, staff says allow" in said.out


def test_programs_get_the_requests(policy: Path, run: Run) -> None:
    document = run("policy", "lint", "acme.yaml", "--format", "json").json
    conflict = next(one for one in document["findings"] if one["code"] == "GF703")
    (shown,) = conflict["shown_by"]
    assert request_of(shown["request"]).selectors == {"role:staff"}
    assert (document["clean"], document["rules"], document["warnings"]) == (False, 3, 2)


def test_ci_systems_see_warnings_fail(policy: Path, run: Run) -> None:
    root = ElementTree.fromstring(run("policy", "lint", "acme.yaml", "--format", "junit").out)
    assert (root.get("name"), root.get("failures")) == ("govflow policy lint", "2")
    told = run("policy", "lint", "acme.yaml", "--format", "github").out
    assert "::warning file=more.yaml,line=6,endLine=6,title=GF702 rule-shadowed::" in told
    assert "3 policy rules checked" in told
    sarif = run("policy", "lint", "acme.yaml", "--format", "sarif").json["runs"][0]
    assert {one["ruleId"] for one in sarif["results"]} == {"GF702", "GF703"}


def test_notes_fail_only_where_that_is_asked(policy: Path, run: Run) -> None:
    (policy.parent / "more.yaml").write_text(
        MORE.replace("/*]", "/*], priority: 1")
        .replace('"]}\n    - {name: again', '"], priority: 1}\n    - {name: again')
        .replace('effect: deny, resources: ["dataset://patients/x"]', 'effect: allow, resources: ["dataset://sales"]')
    )
    assert run("policy", "lint", "acme.yaml").code == 0
    assert run("policy", "lint", "acme.yaml", "--strict").code == 1


def test_without_a_policy_the_configured_one_is_looked_at(repo: Path, run: Run) -> None:
    said = run("policy", "lint")
    assert said.code == 0 and said.out.startswith(f"2 rules of {repo / 'policy.yaml'}")


def test_a_file_that_cannot_be_used_is_no_finding(repo: Path, run: Run) -> None:
    said = run("policy", "lint", "nothing.yaml")
    assert said.code == 2 and "there is no such policy file" in said.err
