"""The page about effects does what it says."""

from __future__ import annotations

import re
from pathlib import Path

from tests.planning.effects.doing import plan_of

PAGE = Path("docs/effects.md").read_text("utf-8")


def test_table_is_what_the_example_does() -> None:
    source = PAGE.partition('title="flows/clean.py"\n')[2].partition("```")[0]
    rows = re.findall(r"^\| `(\w+:\w+)` \| `(\w+)` \| `([^`]+)` \|$", PAGE, re.MULTILINE)
    plan = plan_of(source, flow="nightly")
    step = plan.step("nightly/clean#1")
    assert [(effect.action, effect.provider, effect.resource) for effect in step.effects] == rows
    assert (step.action, step.provider, step.resource) == rows[0]
    assert step.unseen == ("acme.acme_audit",)
    assert plan.findings == ()


def test_linked_pages_are_there() -> None:
    for target in re.findall(r"\]\(([\w/.-]+\.md)\)", PAGE):
        assert (Path("docs") / target).is_file(), target
