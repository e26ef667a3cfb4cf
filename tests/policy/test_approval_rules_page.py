"""docs/approval-rules.md: its examples load and make rules, and its table has every field."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from govflow.approval.rules import rule_from
from govflow.approval.wording import who_may
from govflow.policy.approval_shape import BELOW, ApprovalShape
from govflow.policy.document import load_policy

TEXT = (Path(__file__).parents[2] / "docs" / "approval-rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \| .* \|$", TEXT, re.MULTILINE))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_makes_a_rule(example: str) -> None:
    document = load_policy(example, "docs/approval-rules.md")
    assert all(who_may(rule_from(name, raw)) for name, raw in document.approvals.items())


def test_every_field_is_used_in_an_example() -> None:
    used = {field for text in EXAMPLES for raw in load_policy(text, "x").approvals.values() for field in raw}
    assert used == set(ApprovalShape.model_fields)


def test_the_table_has_every_field_with_its_default() -> None:
    assert list(ROWS) == list(ApprovalShape.model_fields)
    for name, field in ApprovalShape.model_fields.items():
        default = '["*"]' if name == "approvers" else "none" if field.default in ((), None) else str(field.default)
        assert ROWS[name].strip("` ") == default
    for shape in BELOW.values():
        assert all(f"`{name}`" in TEXT for name in shape.model_fields)
