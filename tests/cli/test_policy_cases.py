"""`govflow policy test`: the report, its forms, its exit codes."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Run

DOCS = Path(__file__).parents[2] / "docs"

CASES = """
policy: ../policy.yaml
defaults: {action: data:read, resource: "dataset://acme/x", subject: {name: rita}}
cases:
  - name: by tier
    each:
      - {step.tier: 0, expect: {effect: allow, rule: safe}}
      - {step.tier: 2, expect: {effect: require_approval, rule: risky, approval: owner}}
"""


@pytest.fixture
def cases(repo: Path) -> Path:
    file = repo / "tests" / "acme.policy-test.yaml"
    file.parent.mkdir()
    file.write_text(CASES)
    return file


@pytest.mark.covers("S4-41")
def test_cases_are_judged_and_the_rules_that_they_reach_are_counted(cases: Path, run: Run) -> None:
    result = run("policy", "test", "tests")
    assert result.code == 0
    assert "2 of 2 rules decided (100 %)" in result.out
    assert result.out.endswith("2 cases: 2 passed, 0 failed\n")
    assert run("policy", "test", "tests", "--min-coverage", "100").code == 0


def test_a_failing_case_says_what_was_expected_and_why_it_was_not_decided(cases: Path, run: Run) -> None:
    cases.write_text(
        CASES.replace("step.tier: 2, expect: {effect: require_approval", "step.tier: 1, expect: {effect: deny")
    )
    result = run("policy", "test", "tests/acme.policy-test.yaml", "--min-coverage", "80")
    assert result.code == 1
    assert "FAIL tests/acme.policy-test.yaml:8: by tier [step.tier=1]" in result.out
    assert "  effect: expected deny, got allow" in result.out
    assert "  approval: expected owner, got none" in result.out
    assert "  why: safe: " in result.out
    assert "  matched: safe\n" in result.out
    assert "  never decided: risky" in result.out
    assert "fail: policy acme: 50 % of its rules, 80 % are demanded" in result.out


def test_too_few_rules_reached_fails_though_all_cases_pass(cases: Path, run: Run) -> None:
    cases.write_text(CASES.rpartition("      - {")[0])
    assert run("policy", "test", "tests").code == 0
    assert run("policy", "test", "tests", "--min-coverage", "51").code == 1


def test_programs_and_ci_read_the_same(cases: Path, run: Run, repo: Path) -> None:
    cases.write_text(CASES.replace("rule: safe", "rule: risky"))
    told = run("policy", "test", "tests", "--format", "json")
    assert told.code == 1
    assert (told.json["passed"], told.json["failed"]) == (1, 1)
    assert told.json["cases"][0]["misses"] == [{"field": "rule", "expected": "risky", "got": "safe"}]
    assert told.json["policies"][0]["rules"][0] == {"name": "safe", "decides": True, "decided": 1, "matched": 1}
    assert run("policy", "test", "tests", "--format", "junit", "--output", "out.xml").code == 1
    root = ElementTree.fromstring((repo / "out.xml").read_text())
    suite = root[0]
    assert (root.get("tests"), root.get("failures"), suite.get("tests"), suite.get("failures")) == ("2", "1", "2", "1")
    assert "expected risky, got safe" in str(suite[0][0].get("message"))
    assert len(suite[1]) == 0


def test_another_policy_can_be_judged_by_the_same_cases(cases: Path, run: Run, repo: Path) -> None:
    (repo / "other.yaml").write_text((repo / "policy.yaml").read_text().replace("{lte: 1}", "{lte: 0}"))
    assert run("policy", "test", "tests", "--policy", "other.yaml").code == 0
    (repo / "other.yaml").write_text((repo / "policy.yaml").read_text().replace("effect: allow", "effect: deny"))
    assert run("policy", "test", "tests", "--policy", "other.yaml").code == 1


def test_without_a_policy_of_their_own_cases_are_judged_by_the_configured_one(cases: Path, run: Run) -> None:
    cases.write_text(CASES.replace("policy: ../policy.yaml\n", ""))
    assert run("policy", "test", "tests").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.yaml",), "there is no such file of cases"),
        (("flows",), "holds no file named *.policy-test.yaml"),
        (("tests", "--policy", "nowhere.yaml"), "there is no such policy file"),
        (("tests", "--min-coverage", "101"), "not a percentage"),
    ],
)
def test_what_cannot_be_tested_exits_2(cases: Path, run: Run, words: tuple[str, ...], said: str) -> None:
    result = run("policy", "test", *words)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_a_policy_that_is_not_there_is_named_with_its_line(cases: Path, run: Run) -> None:
    cases.write_text(CASES.replace("../policy.yaml", "plicy.yaml"))
    result = run("policy", "test", "tests")
    assert result.code == 2
    assert "tests/acme.policy-test.yaml:2: policy: there is no policy file" in result.err


def test_the_example_of_the_page_passes(repo: Path, run: Run) -> None:
    page = (DOCS / "policy-tools.md").read_text().partition("## Testing a policy")[2]
    policy, cases = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[:2]
    (repo / "acme.yaml").write_text(policy)
    (repo / "acme.policy-test.yaml").write_text(cases)
    result = run("policy", "test", "acme.policy-test.yaml", "--min-coverage", "100")
    assert result.code == 0, result.out + result.err
