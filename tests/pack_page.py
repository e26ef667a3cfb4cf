"""docs/packs.md: its tables say what the packs say.

python -m tests.pack_page     # write them
"""

from __future__ import annotations

import re
from pathlib import Path

from govflow.policy.conditions import paths_of
from govflow.policy.model import Effect
from govflow.policy.packs import LIMITS, pack_names, pack_text
from govflow.policy.rules import PolicyRule
from govflow.services.describe.packs import pack_document

PAGE = Path(__file__).resolve().parent.parent / "docs" / "packs.md"
_TABLES = re.compile(
    r"(<!-- tables: written by `python -m tests.pack_page` -->\n).*(<!-- end of tables -->)", re.DOTALL
)
_WORDS = {Effect.ALLOW: "allow", Effect.DENY: "deny", Effect.REQUIRE_APPROVAL: "ask"}


def page(text: str) -> str:
    """The page with the tables of now."""
    tables = "\n".join(_section(name) for name in pack_names())
    return _TABLES.sub(lambda found: f"{found[1]}\n{tables}\n{found[2]}", text)


def _section(name: str) -> str:
    document = pack_document(name)
    own = [rule for rule in document.policy.rules if rule.name.startswith(f"{name}.")]
    lines = [f"### {name}", "", document.policy.description, ""]
    if imported := [line.removeprefix("pack:") for line in _imports(name)]:
        links = ", ".join(f"[{one}](#{one})" for one in imported)
        lines += [f"With the rules of {links}.", ""]
    for limit, told in LIMITS.get(name, {}).items():
        default = told.default(document.policy)
        shown = ",".join(default) if isinstance(default, list) else default
        lines += [f"Limit: `pack:{name}?{limit}={shown}`, of `{told.rule.removeprefix(name + '.')}`.", ""]
    lines += ["| rule | means | effect | band | needs |", "|---|---|---|---|---|"]
    for rule in sorted(own, key=lambda rule: rule.priority):
        (band,) = (band for band, range_ in document.policy.bands.items() if range_.holds(rule))
        words = [rule.description, *(f"({clause})" for clause in rule.compliance)]
        cells = [f"`{rule.name}`", " ".join(words), _WORDS[rule.effect], f"{band}, {rule.priority}", _needs(rule)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _imports(name: str) -> list[str]:
    return re.findall(r'"(pack:[a-z0-9-]+)"', pack_text(name))


def _needs(rule: PolicyRule) -> str:
    paths = sorted(path for path in paths_of(rule.conditions) if path != "action")
    return ", ".join(f"`{path}`" for path in [*paths, *(who for who in rule.subjects if who != "*")]) or "-"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
