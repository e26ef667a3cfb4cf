"""docs/policy.md is the specification: its tables are run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from govflow.policy.attributes import BUILT_IN
from govflow.policy.conditions import EXISTS, OPERATORS
from govflow.policy.document import load_policy
from govflow.policy.globs import compile_glob, normal_resource
from govflow.policy.rules import PolicyRule
from govflow.policy.shape import PolicyFile

TEXT = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
FIRST_CELLS = [line.split("|")[1] for line in TEXT.splitlines() if line.startswith("| `")]
NAMED = {name for cell in FIRST_CELLS for name in re.findall(r"`([^`]+)`", cell)}

RESOURCES = re.findall(r"^\| [^|]+ \| `([^`]+)` \| `([^`]+)` \|$", TEXT, re.MULTILINE)
MATCHES = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| (yes|no)", TEXT, re.MULTILINE)


@pytest.mark.covers("S2-011")
@pytest.mark.parametrize(("before", "after"), RESOURCES)
def test_the_table_of_resources_is_true(before: str, after: str) -> None:
    assert normal_resource(before) == after


@pytest.mark.covers("S2-010")
@pytest.mark.parametrize(("pattern", "text", "answer"), MATCHES)
def test_the_table_of_globs_is_true(pattern: str, text: str, answer: str) -> None:
    assert compile_glob(pattern)(text) is (answer == "yes")


def test_the_tables_were_found() -> None:
    assert (len(RESOURCES), len(MATCHES)) == (9, 5)


def test_every_field_path_and_operator_has_its_row() -> None:
    assert PolicyFile.model_fields.keys() | PolicyRule.model_fields.keys() <= NAMED
    assert BUILT_IN.keys() <= NAMED
    assert {*OPERATORS, EXISTS} <= NAMED


def test_the_example_loads() -> None:
    example = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    assert load_policy(example[1], "docs/policy.md").policy.rules[0].approval == "two-approvers"
