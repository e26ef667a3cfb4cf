"""`govflow policy explain`."""

from __future__ import annotations

import io
import json
import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Run

POLICY = """version: 1
policy:
  name: acme
  rules:
    - name: bulk
      description: Deleting more than 100 records needs two people.
      effect: require_approval
      actions: ["data:delete"]
      conditions: {step.records: {gt: 100}}
      approval: two
      priority: 10
    - {name: nights, effect: deny, level: soft-mandatory, conditions: {context.night: {equals: true}}, priority: 1}
    - {name: delete, effect: allow, resources: ["dataset://acme/*"], subjects: ["role:developer"]}
  exceptions:
    - {name: e1, rule: nights, owner: carol, ticket: T-1, expires: 2027-01-01, subjects: ["role:sre"]}
attributes: {context.night: bool}
approvals: {two: {required: 2, approvers: ["role:owner"]}}
"""
REQUEST = {
    "action": "data:delete",
    "resource": "dataset://acme/x",
    "subject": {"name": "rita", "roles": ["developer"]},
    "step": {"records": 500},
    "context": {"night": False},
}


@pytest.fixture
def policy(repo: Path) -> Path:
    (repo / "acme.yaml").write_text(POLICY)
    (repo / "request.json").write_text(json.dumps(REQUEST))
    return repo / "acme.yaml"


def test_a_decision_is_explained_to_people(policy: Path, run: Run) -> None:
    said = run("policy", "explain", "acme.yaml", "--request", "request.json")
    assert said.code == 0
    assert said.out.startswith("require_approval by rule bulk (priority 10): Deleting more than 100 records needs two")
    assert "approval two: 2 of role:owner" in said.out
    assert "context.night: {equals: true} is not met: it is true or false" in said.out
    assert "default, if no rule matches: deny" in said.out
    assert "allow by delete: step.records = 100, which does not meet step.records: {gt: 100}" in said.out


def test_options_say_a_request_or_change_one(policy: Path, run: Run) -> None:
    words = ["--action", "data:delete", "--resource", "dataset://acme/x", "--role", "developer"]
    alone = run("policy", "explain", "acme.yaml", *words, "--set", "step.records=5", "--set", "context.night=false")
    assert alone.out.startswith("allow by rule delete")
    changed = run("policy", "explain", "acme.yaml", "--request", "request.json", "--set", "step.records=5")
    assert changed.out.startswith("allow by rule delete")
    other = run("policy", "explain", "acme.yaml", "--request", "request.json", "--role", "sre", "--format", "json").json
    assert other["rule"] == "bulk"


def test_exceptions_are_told_with_what_became_of_them(policy: Path, run: Run) -> None:
    words = ["--request", "request.json", "--set", "context.night=true", "--format", "json"]
    plain = run("policy", "explain", "acme.yaml", *words).json
    assert plain["exceptions"] == [{"name": "e1", "rule": "nights", "outcome": "not for this request"}]
    expired = run("policy", "explain", "acme.yaml", *words, "--role", "sre", "--set", "run.time=2027-01-01").json
    assert expired["exceptions"][0]["outcome"] == "refused: it has expired"
    kept = run("policy", "explain", "acme.yaml", *words, "--role", "sre", "--set", "run.time=2026-12-31").json
    assert kept["exceptions"][0]["outcome"] == "honoured"
    assert [one["outcome"] for one in kept["tried"]] == ["exempt", "decides", "not asked"]


def test_what_lint_shows_can_be_piped_in(policy: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    policy.write_text(POLICY.replace("priority: 10", "priority: 100"))
    conflict = run("policy", "lint", "acme.yaml", "--format", "json").json["findings"][0]
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(conflict["shown_by"][0]["request"])))
    told = run("policy", "explain", "acme.yaml", "--request", "-", "--format", "json").json
    assert {one["rule"] for one in told["tried"] if one["outcome"] == "not asked"} == {"bulk", "delete"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--resource", "x"], "action: missing"),
        (["--request", "nothing.json"], "nothing.json cannot be read"),
        (["--request", "acme.yaml"], "version: unknown field"),
        (["--set", "step.records"], "not PATH=VALUE"),
        (["--set", "action.x=1", "--action", "data:read"], "action.x cannot be set"),
    ],
)
def test_what_is_no_request_is_refused(policy: Path, run: Run, words: list[str], said: str) -> None:
    answer = run("policy", "explain", "acme.yaml", *words)
    assert answer.code == 2 and said in answer.err


def test_the_example_of_the_page_goes_as_it_says(repo: Path, run: Run) -> None:
    page = (Path(__file__).parents[2] / "docs" / "policy-tools.md").read_text()
    (repo / "acme.yaml").write_text(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])
    block = re.findall(r"```console\n\$ govflow (policy explain [^\n]*)\n(.*?)```", page, re.DOTALL)[0]
    assert run(*shlex.split(block[0])).out == block[1]


def test_what_there_is_not_is_named_and_not_explained_away(policy: Path, run: Run) -> None:
    words = ["--action", "data:delte", "--resource", "dataset://acme/x", "--set", "step.record=5"]
    said = run("policy", "explain", "acme.yaml", *words)
    assert "note: action 'data:delte' is not registered. Did you mean 'data:delete'?" in said.out
    assert "note: no rule can read 'step.record'. Did you mean 'step.records'?" in said.out
    assert "note:" not in run("policy", "explain", "acme.yaml", "--request", "request.json").out


def test_a_password_in_a_resource_is_not_repeated(policy: Path, run: Run) -> None:
    words = ["--action", "data:delete", "--resource", "postgresql://u:canary-pw@db/x"]
    for format in ("text", "json"):
        assert "canary" not in run("policy", "explain", "acme.yaml", *words, "--format", format).out


def test_stages_and_groups_are_explained_in_words(policy: Path, run: Run) -> None:
    stages = "{stages: [{name: a, groups: [{name: o, approvers: ['role:owner']}]}, {name: b, groups: [{name: s}]}]}"
    policy.write_text(
        POLICY.replace('{required: 2, approvers: ["role:owner"]}', stages).replace("role:sre", "group:night")
    )
    said = run("policy", "explain", "acme.yaml", "--request", "request.json", "--group", "night")
    assert "approval two: first a (one person: whoever has the role owner), then b (one person: anyone)" in said.out
    assert json.loads(run("policy", "explain", "acme.yaml", "--request", "request.json", "--format", "json").out)[
        "approval"
    ]["stages"]


def test_an_exception_for_a_group_is_told_by_its_group(policy: Path, run: Run) -> None:
    policy.write_text(POLICY.replace("role:sre", "group:night"))
    words = ["--request", "request.json", "--set", "context.night=true", "--set", "run.time=2026-06-01"]
    assert run("policy", "explain", "acme.yaml", *words).out.startswith("deny by rule nights")
    assert not run("policy", "explain", "acme.yaml", *words, "--group", "night").out.startswith("deny by rule nights")
