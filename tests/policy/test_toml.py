"""Policies in TOML: the document that YAML gives, and errors with their lines."""

from __future__ import annotations

import pytest

from govflow.errors import PolicyError
from govflow.policy.document import load_policy
from govflow.policy.toml_reader import read_toml
from tests.policy.test_document import WHOLE

TOML = """
version = 1
actions = ["ledger:post"]
providers = ["netsuite"]

[policy]
name = "acme"
description = "Everything that a file may hold."

[[policy.rules]]
name = "bulk-delete"
description = "Deleting more than 100 records needs two people."
effect = "require_approval"
actions = [
    "data:delete", # in lines of their own
    "ledger:*",
]
resources = ["dataset://acme/*"]
subjects = ["role:developer", "user:alice"]
priority = 10
approval = "two"
obligations = ["log"]
conditions."step.records" = {gt = 100}
conditions."context.ticket" = {exists = false}

[attributes]
"context.ticket" = "string"

[approvals.two]
required = 2
approvers = ["role:owner", "user:carol"]
ttl_seconds = 600

[principals]
alice = {roles = ["developer"]}
bob = {roles = ["owner"]}

[[tiers]]
name = "ledger"
tier = 3
actions = ["ledger:*"]
"""


@pytest.mark.covers("S5-75")
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_toml_gives_the_document_that_yaml_gives(end: str) -> None:
    document = load_policy(TOML.replace("\n", end), "policy.TOML")
    assert document.digest == load_policy(WHOLE, "policy.yaml").digest


def test_times_are_written_as_toml_has_them() -> None:
    rule = '\n[[policy.rules]]\nname = "r"\neffect = "deny"\nexpires = {}\n'
    texts = [
        rule.format(time) for time in ("2027-01-31T18:00:00+01:00", '"2027-01-31T17:00:00Z"', "2027-01-31 17:00:00Z")
    ]
    digests = {load_policy(TOML + text, "p.toml").digest for text in texts}
    assert len(digests) == 1
    assert load_policy(TOML + rule.format("2027-01-31"), "p.toml").policy.rules[1].expires == "2027-01-31T00:00:00Z"
    with pytest.raises(PolicyError, match=r"policy\.rules\[1\]\.expires: not a time"):
        load_policy(TOML + rule.format("2027-01-31T18:00:00"), "p.toml")


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ('effect = "req', 'effct = "req', 13, "policy.rules[0].effct", "unknown field"),
        ('"ledger:*",\n]', '"leger:*",\n]', 14, "policy.rules[0].actions[1]", "unknown action"),
        ('."step.records"', '."step.record"', 23, "policy.rules[0].conditions[step.record]", "unknown attribute"),
        ('."step.records"', ".step.records", 23, "policy.rules[0].conditions.step", "unknown attribute"),
        ("ttl_seconds = 600", "ttl_seconds = 0", 32, "approvals.two.ttl_seconds", "too small"),
        ('bob = {roles = ["owner"]}', "bob = {roles = 1}", 36, "principals.bob.roles", "not a list"),
        ("[[tiers]]", "[[tears]]", 38, "tears", "unknown field"),
        ("priority = 10", "priority = ", 20, "", "not TOML"),
        ("version = 1\n", "version = 1\nversion = 1\n", 3, "", "not TOML"),
    ],
)
def test_errors_name_the_line(old: str, new: str, line: int, field: str, says: str) -> None:
    assert old in TOML
    with pytest.raises(PolicyError) as caught:
        load_policy(TOML.replace(old, new, 1), "policy.toml")
    assert caught.value.details == {"file": "policy.toml", "line": line, "field": field}
    assert says in caught.value.message


def test_every_line_is_that_of_its_value() -> None:
    _, places = read_toml(TOML, "p.toml")
    lines = TOML.split("\n")
    for path, number in places.lines.items():
        words = [part for part in path if isinstance(part, str)]
        assert any(word in "\n".join(lines[number - 1 :]) for word in words)
    assert lines[places.lines[("approvals", "two", "required")] - 1] == "required = 2"
    assert lines[places.lines[("tiers", 0, "tier")] - 1] == "tier = 3"


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match="the file is empty"):
        load_policy(text, "p.toml")


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(PolicyError):
        load_policy("a = " + "[" * 100_000 + "]" * 100_000, "p.toml")
