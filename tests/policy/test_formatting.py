"""The one layout of policy files: it changes neither what they say nor what is remarked."""

from __future__ import annotations

import re
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govflow.errors import PolicyError
from govflow.policy import load_policy, starter_text
from govflow.policy.formatting import WIDTH, format_policy
from tests.policy.drawn import policy
from tests.policy.untidy import Untidy

UNTIDY = """\
# whose file this is

# what it is for
policy:
   rules:
   # the first
   - effect: deny   # never
     # how it is called
     name: 'a'
     actions: [ 'data:read',"data:write" ]   # what
     conditions: {step.records: {gt: 100}}


   - {name: b, effect: allow, resources: ["dataset://acme/aaaaaaaaaaaaaaaaaaaaaaa/*", "dataset://acme/bbbbbbbbbbbbbbbbbb/*"]}
   -  # about c
      name: c
      effect: deny
      description: |
          two
            lines
   # - {name: off}
   name: acme   # who
version: 1
approvals:
  one: {approvers: ["*"], # anybody
     required: 1}  # once
  # the last of them
# the end
"""
TIDY = """\
# whose file this is

version: 1
# what it is for
policy:
  name: acme  # who
  rules:
    # the first
    # how it is called
    - name: "a"
      effect: deny  # never
      actions: ["data:read", "data:write"]  # what
      conditions: {step.records: {gt: 100}}

    - name: b
      effect: allow
      resources: ["dataset://acme/aaaaaaaaaaaaaaaaaaaaaaa/*", "dataset://acme/bbbbbbbbbbbbbbbbbb/*"]
    # about c
    - name: c
      description: |
        two
          lines
      effect: deny
    # - {name: off}
approvals:
  # anybody
  one: {required: 1, approvers: ["*"]}  # once
  # the last of them
# the end
"""


def test_sections_fields_and_comments_come_in_order() -> None:
    assert format_policy(UNTIDY, "policy.yaml").replace("\n\n# what it", "\n# what it") == TIDY


def _file(random: Random) -> dict[str, Any]:
    """All sections, as values."""
    return {
        "version": 1,
        "policy": policy(random, most=5).model_dump(mode="json", by_alias=True, exclude_defaults=random.random() < 0.5)
        | {"name": "drawn"},
        "attributes": {"context.x": "string"},
        "approvals": {"one": {"required": 1, "approvers": ["role:a", "user:b"]}, "two": {}},
        "principals": {"bob": {"roles": ["owner"]}},
        "actions": ["crm:merge"],
        "tiers": [
            {"name": "t", "tier": 3, "reason": "it cannot: be 'undone'", "when": {"action": {"in": ["crm:merge"]}}}
        ],
    }


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32))
def test_formatting_keeps_meaning_and_comments_and_is_done_after_once(seed: int) -> None:
    random = Random(seed)
    untidy = Untidy(random)
    text = untidy.text(_file(random))
    once = format_policy(text, "policy.yaml")
    assert load_policy(once, "once").digest == load_policy(text, "text").digest
    found = re.findall(r"#[^\n]*remark \d+[^\n]*", once)
    assert Counter(found) == Counter(remark.rstrip() for remark in untidy.remarks)
    assert format_policy(once, "policy.yaml") == once


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_without_comments_every_layout_of_a_policy_becomes_the_same_but_for_brackets(seed: int) -> None:
    """Order, indentation, blank lines and quotes are gone; what an author put in brackets stays there."""
    values = _file(Random(seed))
    random = Random(seed + 1)
    text = Untidy(random, remarks=0).text(values)
    once = format_policy(text, "policy.yaml")
    assert [line for line in once.splitlines() if len(line) > WIDTH and "{" in line] == []
    keys = re.findall(r"^(\w+):", once, re.MULTILINE)
    assert keys == ["version", "policy", "attributes", "approvals", "principals", "actions", "tiers"]


def test_the_starter_policy_is_in_the_layout() -> None:
    assert format_policy(starter_text(), "starter.yaml") == starter_text()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("description: 'a\n  b'", 'description: "a b"'),
        ("description: a\n    b", "description: a b"),
        ("description: 'say \"no\"'", "description: 'say \"no\"'"),
        ('description: "tab\\there"', 'description: "tab\\u0009here"'),
        ("description: 'it''s'", 'description: "it\'s"'),
        ("description: >-\n     folded\n     twice", "description: >-\n    folded\n    twice"),
        ("description: |  # why\n     x", "description: |  # why\n    x"),
        ("description: |2\n      x", 'description: "  x\\n"'),
        ("rules: []", "rules: []"),
        ("? description\n  : x", "description: x"),
    ],
)
def test_values_keep_what_they_say(before: str, after: str) -> None:
    text = f"version: 1\npolicy:\n  name: p\n  {before}\n"
    assert format_policy(text, "p.yaml") == f"version: 1\npolicy:\n  name: p\n  {after}\n"


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [\n", "a: &x 1\nb: *x\n", "a: 1\na: 2\n", "'x'\n"])
def test_what_is_no_policy_file_is_left_alone(text: str) -> None:
    with pytest.raises(PolicyError):
        format_policy(text, "policy.yaml")


def test_toml_is_left_alone_and_says_why() -> None:
    with pytest.raises(PolicyError, match="only YAML") as caught:
        format_policy("version = 1", "policy.toml")
    assert "taplo" in caught.value.mend


def test_a_whole_file_in_brackets_gets_lines() -> None:
    assert format_policy("{policy: {name: p, rules: [{effect: deny, name: a}]}, version: 1}", "p.yaml") == (
        "version: 1\npolicy:\n  name: p\n  rules: [{name: a, effect: deny}]\n"
    )
