"""The page of each rule: why it matters, how to mend it, a bad and a good example, how to accept it.

The pages ship in the wheel, as Markdown, in ``rules/``. ``govflow explain`` shows them, SARIF carries them, and
``docs/rules`` holds copies for readers of the repository.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from govflow.errors import RequestError
from govflow.services.findings import RULES

SECTIONS: Final = ("Why", "Mend", "Bad", "Good", "Accept")
"""Headings of every page, in this order."""

_HEADING: Final = re.compile(r"^## (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RulePage:
    """One page, in Markdown."""

    code: str
    markdown: str

    def section(self, name: str) -> str:
        """What stands below a heading."""
        parts = _HEADING.split(self.markdown)
        return dict(zip(parts[1::2], parts[2::2], strict=True))[name].strip()

    def first_paragraph(self, name: str) -> str:
        """The first paragraph of a section, on one line."""
        return " ".join(self.section(name).partition("\n\n")[0].split())


@cache
def rule_page(code: str) -> RulePage:
    """The page of a rule.

    Raises:
        RequestError: there is no such rule; names those that are near.
    """
    known = code.strip().upper()
    if known not in RULES:
        known = next((rule.code for rule in RULES.values() if rule.name == code.strip().lower()), known)
    if known not in RULES:
        raise _unknown(code)
    return RulePage(known, files(__package__).joinpath("rules", f"{known}.md").read_text("utf-8"))


def _unknown(code: str) -> RequestError:
    names = {rule.name: rule.code for rule in RULES.values()}
    near = [known for known in RULES if sorted(known) == sorted(code.upper())]  # two digits changed places
    near += difflib.get_close_matches(code.upper(), [*RULES], n=3 - len(near[:2]), cutoff=0.7)
    near += [names[name] for name in difflib.get_close_matches(code.lower(), [*names], n=2, cutoff=0.6)]
    meant = " or ".join(dict.fromkeys(near))
    return RequestError(
        f"There is no rule {code!r}.",
        mend=f"Did you mean {meant}?" if meant else "govflow explain, without a rule, lists them.",
        details={"rule": code},
    )
