"""``govflow explain``."""

from __future__ import annotations

from typing import Literal


def explain(rule: str | None = None, *, format: Literal["text", "md", "json"] = "text") -> int:
    """Explain a rule of `govflow check`: why it matters, how to mend it, a bad and a good example, how to accept it.

    Without a rule it lists them all.

    Examples, one a line:

    - `govflow explain`
    - `govflow explain GF102`
    - `govflow explain plan-drift`

    Args:
        rule: an id or a name.
        format: text for people, md for a page, json for programs.
    """
    from govflow.cli.output import write, write_json
    from govflow.services.describe.rules import page_text, rule_json, rules_markdown, rules_text
    from govflow.services.findings import RULES
    from govflow.services.rule_pages import rule_page

    if rule is None:
        if format == "json":
            write_json({"version": 1, "rules": [rule_json(known) for known in RULES.values()]})
        else:
            write(rules_markdown() if format == "md" else rules_text())
        return 0
    page = rule_page(rule)
    if format == "json":
        write_json(rule_json(RULES[page.code], page))
    else:
        write(page.markdown if format == "md" else page_text(page), coloured=format == "text")
    return 0
