"""The pages say what the commands and settings are."""

from __future__ import annotations

import re
from pathlib import Path

from govflow.services.findings import RULES
from govflow.settings import Settings
from tests.cli.conftest import Run

DOCS = Path(__file__).parents[2] / "docs"


def test_every_setting_is_on_its_page_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `?([^|`]*)`? \|", (DOCS / "settings.md").read_text(), re.MULTILINE)
    assert [name for name, _ in rows] == list(Settings.model_fields)
    defaults = dict(rows)
    for name in ("tenant", "environment", "approval_ttl_seconds", "lock", "spool", "log_format"):
        assert defaults[name].strip() == str(Settings.model_fields[name].default)


def test_every_rule_is_on_its_page_with_its_level() -> None:
    rows = re.findall(r"^\| (GF\d+) \| (\S+) \| (\w+) \| (.*) \|$", (DOCS / "cli.md").read_text(), re.MULTILINE)
    assert rows == [(rule.code, rule.name, str(rule.level), rule.means) for rule in RULES.values()]


def test_every_command_is_on_its_page(run: Run) -> None:
    page = (DOCS / "cli.md").read_text()
    for group in ((), ("approvals",), ("audit",)):
        for name in re.findall(r"^│ ([a-z]\w*)  ", run(*group, "--help").out, re.MULTILINE):
            if name not in ("approvals", "audit"):
                assert f"`govflow {' '.join((*group, name))}" in page, name
