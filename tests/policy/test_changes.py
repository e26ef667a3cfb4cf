"""What a change of policy is told by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from govflow.policy.changes import changes, outline
from govflow.policy.document import load_policy

BEFORE = """
version: 1
policy:
  name: acme
  rules:
    - {name: kept, effect: deny, actions: ["data:drop"]}
    - {name: gone, effect: allow}
    - {name: edited, effect: deny, actions: ["data:delete"]}
    - {name: widened, effect: deny, rollout: {percent: 10}}
    - {name: done, effect: deny, rollout: {percent: 90}}
"""
AFTER = """
version: 1
policy:
  name: acme
  rules:
    - {name: widened, effect: deny, rollout: {percent: 50}}
    - {name: edited, effect: require_approval, actions: ["data:delete"]}
    - {name: new, effect: allow, rollout: {percent: 5}}
    - {name: kept, effect: deny, actions: ["data:drop"]}
    - {name: done, effect: deny}
"""


def outlined(text: str) -> dict[str, Any]:
    return outline(load_policy(text, "policy.yaml"))


def test_rules_and_shares_are_told_by_name() -> None:
    before: dict[str, Any] = json.loads(json.dumps(outlined(BEFORE)))  # as the log gives it back
    assert changes(before, outlined(AFTER)) == {
        "added": ["new"],
        "removed": ["gone"],
        "changed": ["done", "edited", "widened"],
        "rollout": {"done": [90, None], "new": [None, 5], "widened": [10, 50]},
        "sections": [],
    }


def test_the_first_policy_adds_all_its_rules() -> None:
    found = changes(None, outlined(BEFORE))
    assert found["added"] == ["done", "edited", "gone", "kept", "widened"]
    assert (found["removed"], found["changed"], found["sections"]) == ([], [], [])


def test_the_same_rules_are_no_change() -> None:
    assert changes(outlined(BEFORE), outlined(BEFORE.replace("version", "# a remark\nversion"))) == {
        "added": [],
        "removed": [],
        "changed": [],
        "rollout": {},
        "sections": [],
    }


@pytest.mark.parametrize(
    ("more", "section"),
    [
        ("  default: allow\n", "policy"),
        ("  combining: deny_overrides\n", "policy"),
        ("  bands: {low: {priorities: [1, 2]}}\n", "bands"),
        ("approvals: {one: {required: 1}}\n", "approvals"),
        ("principals: {bob: {roles: [owner]}}\n", "principals"),
        ('actions: ["crm:merge"]\n', "vocabulary"),
        ('tiers: [{name: a, tier: 1, reason: r, when: {action: {in: ["data:read"]}}}]\n', "tiers"),
    ],
)
def test_what_changes_besides_rules_is_named(more: str, section: str) -> None:
    assert changes(outlined(BEFORE), outlined(BEFORE + more))["sections"] == [section]
