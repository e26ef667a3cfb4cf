"""docs/policy.md is the specification: its tables are run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from govflow.policy.attributes import BUILT_IN
from govflow.policy.conditions import EXISTS
from govflow.policy.document import load_policy
from govflow.policy.exemptions import PolicyException
from govflow.policy.globs import compile_glob, normal_resource
from govflow.policy.model import Stride
from govflow.policy.operators import OPERATORS
from govflow.policy.rollout import Rollout
from govflow.policy.rules import Band, PolicyRule, PolicySet
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
    assert (len(RESOURCES), len(MATCHES)) == (12, 5)


def test_every_field_path_and_operator_has_its_row() -> None:
    assert PolicyFile.model_fields.keys() | PolicyRule.model_fields.keys() <= NAMED
    assert all(f"`{stride}`" in TEXT for stride in Stride)
    for field in [*PolicyException.model_fields, *Rollout.model_fields, *Band.model_fields, *PolicySet.model_fields]:
        assert field.removesuffix("_effect") in TEXT
    assert BUILT_IN.keys() <= NAMED
    assert {*OPERATORS, EXISTS} <= NAMED


EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_first_example_is_a_whole_file() -> None:
    assert load_policy(EXAMPLES[0], "docs/policy.md").policy.rules[0].approval == "two-approvers"


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_loads(example: str) -> None:
    text = example if example.startswith("version") else f"version: 1\n{example}"
    if text.startswith("version: 1\nconditions"):
        rule = text.removeprefix("version: 1\n").replace("\n", "\n      ")
        text = f"version: 1\npolicy:\n  name: p\n  rules:\n    - name: r\n      effect: deny\n      {rule}\n"
        text += "attributes: {context.owner: string, context.change: string}\n"
    loaded = load_policy(text, "docs/policy.md", importer=lambda name, where: (name, EMPTY.get(name[-4:], "")))
    assert loaded.policy.name


EMPTY = {"yaml": "version: 1\npolicy: {name: p}", "toml": 'version = 1\npolicy = {name = "p"}'}
