"""The rules of a check as a list, and the page of one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from govflow.services.describe.escape import table
from govflow.services.findings import RULES, Rule
from govflow.services.rule_pages import SECTIONS, RulePage

_TITLE: Final = re.compile(r'title="([^"]*)"')
_MARKUP: Final = re.compile(r"`([^`]*)`|(?<!\w)\*([^*\n]+)\*(?!\w)")


def rules_text() -> str:
    """Every rule for a terminal."""
    rows = [[rule.code, str(rule.level), rule.name, rule.means] for rule in RULES.values()]
    return "\n".join([*table(rows, indent=0), "", "One of them: govflow explain GF102"]) + "\n"


def rules_markdown() -> str:
    """Every rule as a table, with links to the pages beside it."""
    rows = [f"| [{rule.code}]({rule.code}.md) | {rule.name} | {rule.level} | {rule.means} |" for rule in RULES.values()]
    return "\n".join(["| rule | name | level | meaning |", "| --- | --- | --- | --- |", *rows]) + "\n"


def page_text(page: RulePage) -> str:
    """A page for a terminal: headings, text, and examples set in."""
    return "\n".join(_lines(page.markdown)) + "\n"


def rule_json(rule: Rule, page: RulePage | None = None) -> dict[str, Any]:
    """One rule as JSON data, with its page if it is given."""
    made: dict[str, Any] = {"code": rule.code, "name": rule.name, "level": str(rule.level), "means": rule.means}
    if page is not None:
        made |= {name.lower(): page.section(name) for name in SECTIONS}
    return made


def _lines(markdown: str) -> Iterator[str]:
    fenced = False
    for line in markdown.splitlines():
        if line.startswith("```"):
            fenced = not fenced
            title = _TITLE.search(line)
            if title is not None:
                yield f"  {title.group(1)}:"
        elif fenced:
            yield f"    {line}".rstrip()
        elif line.startswith("#"):
            heading = line.lstrip("# ")
            yield heading if line.startswith("# ") else f"{heading}:"
        elif line.startswith("    "):
            yield line
        else:
            yield _MARKUP.sub(lambda found: found.group(1) or found.group(2) or "", line)
