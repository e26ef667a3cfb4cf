"""``govflow explain``."""

from __future__ import annotations

import re
from typing import Final, Literal

from govflow.cli import session

_RUN: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def explain(rule: str | None = None, *, format: Literal["text", "md", "json"] = "text") -> int:
    """Explain a run, or a rule of `govflow check`.

    Of a run, by its id: how it stands, and each stop with its rule, tier, reason and difference, who may approve, until
    when, and what would make it pass; in the words of the run's state. Of a rule: why it matters, how to mend it, a bad
    and a good example, how to accept it. Without either it lists the rules.

    Examples, one a line:

    - `govflow explain`
    - `govflow explain GF102`
    - `govflow explain plan-drift`
    - `govflow explain 3f1c2a9e-5d0b-4a57-9a34-0f6f0f7c1b11 --format md`

    Args:
        rule: the id of a flow run; or the id or name of a rule.
        format: text for people, md for a page, json for programs.
    """
    from govflow.cli.output import write, write_json
    from govflow.services.describe.rules import page_text, rule_json, rules_markdown, rules_text
    from govflow.services.findings import RULES
    from govflow.services.rule_pages import rule_page

    if rule is not None and _RUN.fullmatch(rule.strip()):
        return _explain_run(rule.strip().lower(), format)
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


def _explain_run(run_id: str, format: str) -> int:
    from govflow.cli.output import write, write_json
    from govflow.services.describe.run_explanations import run_json, run_markdown, run_text
    from govflow.services.explain_run import explain_run

    with session.workspace() as workspace:
        found = explain_run(workspace, run_id)
    if format == "json":
        write_json(run_json(found))
    else:
        write(run_markdown(found) if format == "md" else run_text(found), coloured=format == "text")
    return 0
