"""docs/rules: the pages that ship in the wheel, where readers of the repository look for them.

python -m tests.rule_pages     # write them
"""

from __future__ import annotations

from pathlib import Path

from govflow.services.describe.rules import rules_markdown
from govflow.services.findings import RULES
from govflow.services.rule_pages import rule_page

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "rules"

INDEX = """# Rules of `govflow check`, `govflow deployments audit`, `govflow reconcile` and `govflow policy lint`

Ids are stable. Errors make the check fail; warnings and notes do not. `govflow explain GF102` shows a page in the
terminal. GF5xx are about deployments and come from the audit, GF6xx about runs and come from reconciling, GF7xx about
policies and come from `govflow policy lint`, where warnings fail too.

"""


def pages() -> dict[str, str]:
    """File name to text, of every page and the list of them."""
    return {f"{code}.md": rule_page(code).markdown for code in RULES} | {"README.md": INDEX + rules_markdown()}


def write() -> None:
    """Make the folder what it should be."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
