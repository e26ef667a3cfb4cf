"""`govflow policy export-cedar` and `import-cedar`."""

from __future__ import annotations

from pathlib import Path

from govflow.policy import load_policy
from govflow.services.policy_text import policy_yaml
from tests.cli.conftest import Run

POLICY = """
version: 1
policy:
  name: acme
  default: deny
  rules:
    - {name: safe, effect: allow, priority: 10, conditions: {step.tier: {lte: 1}}}
    - name: risky
      effect: require_approval
      priority: 20
      approval: owner
      conditions: {context.ticket: {glob: "A-*"}}
attributes: {context.ticket: string}
approvals:
  owner: {required: 1, approvers: ["role:owner"]}
principals:
  bob: {roles: [owner]}
"""


def test_a_policy_goes_to_cedar_and_comes_back(repo: Path, run: Run) -> None:
    Path("p.yaml").write_text(POLICY)
    assert run("policy", "export-cedar", "p.yaml", "--output", "p.cedar").code == 0
    words = ("import-cedar", "p.cedar", "--name", "acme", "--combining", "first_match", "--sections", "p.yaml")
    back = run("policy", *words)
    assert back.code == 0
    assert load_policy(back.out, "back.yaml").digest == load_policy(POLICY, "p.yaml").digest
    assert run("policy", *words, "--format", "json").json["policy"]["name"] == "acme"
    shown = run("policy", "export-cedar", "p.yaml", "--format", "json").json
    assert shown["cedar"] == Path("p.cedar").read_text()
    assert shown["policy_digest"] == load_policy(POLICY, "p.yaml").digest


def test_what_cannot_be_said_is_told_and_nothing_is_written(repo: Path, run: Run) -> None:
    Path("p.yaml").write_text(POLICY.replace("glob", "matches").replace('"A-*"', '"^A-[0-9]+$"'))
    refused = run("policy", "export-cedar", "p.yaml", "--output", "p.cedar")
    assert refused.code == 2
    assert "policy.rules[1].conditions[context.ticket].matches" in refused.err
    assert not Path("p.cedar").exists()


def test_cedar_that_no_rule_can_hold_is_refused_with_its_line(repo: Path, run: Run) -> None:
    Path("p.cedar").write_text("\npermit (principal, action, resource) when { context.a.b + 1 == 2 };\n")
    refused = run("policy", "import-cedar", "p.cedar")
    assert refused.code == 2
    assert "p.cedar:2: policy 'policy0'" in refused.err
    assert run("policy", "import-cedar", "nothing.cedar").code == 2


def test_an_empty_file_is_no_policy(repo: Path, run: Run) -> None:
    (repo / "empty.cedar").write_text(" \n")
    result = run("policy", "import-cedar", "empty.cedar")
    assert (result.code, result.out) == (2, "")
    assert "empty.cedar: there is no Cedar policy in it" in result.err


def test_a_document_is_written_as_the_file_that_it_is() -> None:
    document = load_policy(POLICY, "p.yaml")
    assert load_policy(policy_yaml(document), "x.yaml").digest == document.digest
