"""The page's list of errors that end in deny: each names the test that shows it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from govflow.bundles import make_bundle, open_bundle
from govflow.errors import GovflowError, PolicyError
from govflow.policy import Effect, Engine, PolicyRequest, load_policy
from govflow.services.workspace import open_workspace
from govflow.settings import Settings
from tests.bundles.signed import CAROL, KEYS, NOON, WHERE

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8").partition("## What ends in deny")[2]
ROWS = re.findall(r"^\| ([^|`]*[^|]*) \| ([^|]+) \| (`test_[^|]+) \|$", SECTION.partition("\n## ")[0], re.MULTILINE)

ANY = PolicyRequest(action="data:read", provider="duckdb", resource="dataset://acme/x", selectors=frozenset())


def test_every_error_of_the_page_names_a_test_that_exists() -> None:
    written = {
        name for file in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    assert len(ROWS) >= 40
    for error, _, shown in ROWS:
        named = re.findall(r"`(test_\w+)`", shown)
        assert named, error
        assert set(named) <= written, (error, sorted(set(named) - written))


def test_no_error_of_the_page_stands_there_twice() -> None:
    errors = [error.strip() for error, _, _ in ROWS]
    assert len(set(errors)) == len(errors)


RULE = "version: 1\npolicy:\n  name: p\n  default: allow\n  rules:\n    - {{name: r, effect: deny, {}}}\n"
BROKEN = {
    "nothing in it": "",
    "cut off": "version: 1\npolicy: {name: p, rules: [{na",
    "no mapping": "- 1\n",
    "another version": "version: 2\npolicy: {name: p}\n",
    "no version": "policy: {name: p}\n",
    "no policy": "version: 1\n",
    "a key twice": "version: 1\nversion: 1\npolicy: {name: p}\n",
    "two documents": "version: 1\npolicy: {name: p}\n---\nversion: 1\n",
    "an anchor": "version: 1\npolicy: {name: &n p, description: *n}\n",
    "a tag": "version: 1\npolicy: {name: !!str p}\n",
    "an unknown section": "version: 1\npolicy: {name: p}\nrules: []\n",
    "an unknown field": RULE.format("when: {}"),
    "an unknown effect": RULE.format("effect: forbid").replace("effect: deny, ", ""),
    "an unknown operator": RULE.format("conditions: {step.tier: {over: 1}}"),
    "a mistyped path": RULE.format("conditions: {step.teir: {gt: 1}}"),
    "an operand of the wrong type": RULE.format("conditions: {step.tier: {gt: high}}"),
    "an operator that does not fit": RULE.format("conditions: {step.tier: {contains: x}}"),
    "a regular expression that is none": RULE.format("conditions: {run.flow: {matches: '^(a$'}}"),
    "a regular expression that is too large": RULE.format("conditions: {run.flow: {matches: '^(a{1000}){1000}$'}}"),
    "a network that is none": RULE.format("conditions: {run.flow: {cidr: 10.0.0.0/99}}"),
    "a time without an offset": RULE.format("expires: '2027-01-01T10:00'"),
    "an action that nobody knows": RULE.format("actions: ['data:raed']"),
    "an approval rule that is not there": RULE.format("approval: nobody").replace("deny", "require_approval"),
    "a group in a group without end": RULE.format("conditions: " + "{not: " * 20 + "{step.tier: {gt: 1}}" + "}" * 20),
    "an import that is missing": "version: 1\nimports: [gone.yaml]\npolicy: {name: p}\n",
    "an import of itself": "version: 1\nimports: [policy.yaml]\npolicy: {name: p}\n",
    "a pack that does not ship": "version: 1\nimports: ['pack:nothing']\npolicy: {name: p}\n",
    "a tier rule that is none": "version: 1\npolicy: {name: p}\ntiers: [{name: a}]\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_policy_file_that_cannot_be_used_enforces_and_lets_nothing_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """No workspace, so no run: and naming the file was enough for enforce mode."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")
    settings = Settings(policy=tmp_path / "policy.yaml")
    assert settings.effective_mode == "enforce"
    with pytest.raises(GovflowError) as caught:
        open_workspace(settings)
    assert caught.value.mend


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_policy_that_cannot_be_used_is_not_signed(text: str) -> None:
    try:
        make_bundle({"policy.yaml": text}, CAROL, made_by="carol", made_at=NOON)
    except PolicyError:
        return
    assert "tiers" in text, "rules of tiers are read by the room that owns them, when the policy is loaded"


def test_a_bundle_with_a_pack_is_of_the_packs_of_this_machine() -> None:
    """A pack ships with govflow. Where another version has another pack, the digest says so, and it is refused."""
    text = "version: 1\nimports: ['pack:security-hardening']\npolicy: {name: p}\n"
    signed = open_bundle(make_bundle({"policy.yaml": text}, CAROL, made_by="c", made_at=NOON), WHERE, KEYS, NOON)
    assert signed.document.digest == load_policy(text, "policy.yaml").digest
    assert signed.files == ("policy.yaml",)


def test_a_default_of_allow_opens_nothing_where_an_error_happens() -> None:
    engine = Engine(load_policy("version: 1\npolicy: {name: p, default: allow}\n", "p.yaml"))
    decision = engine.decide(replace(ANY, resource="dataset://a/../../b"))
    assert (decision.effect, decision.rule) == (Effect.DENY, "error")
