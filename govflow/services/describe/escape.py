"""Making somebody's text harmless where it is shown."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from govflow.telemetry import redact

_MARKUP: Final = re.compile(r"([\\`*_\[\]#|~$])")
_LEADING: Final = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))")
_LINKS: Final = re.compile(r"(?i)(@|:(?=//)|\bwww(?=\.))")  # what becomes a mention or a link by itself
_TICKS: Final = re.compile(r"`+")
_SHOWN: Final = 200  # characters of one value


def plain(text: object, limit: int | None = None) -> str:
    """One line without control, format or bidirectional characters; what was there is shown as its escape.

    Args:
        text: anything; ``str`` is taken of it.
        limit: longest result; what is cut is marked.
    """
    line = str(text)
    if not line.isprintable():
        line = "".join(map(_visible, line))
    return line if limit is None or len(line) <= limit else line[: limit - 1] + "…"


def _visible(letter: str) -> str:
    if letter == " " or letter.isprintable():
        return letter
    if letter in "\t\n\r":
        return " "
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def prose(text: object, limit: int | None = None) -> str:
    """A sentence for Markdown: no markup, no HTML, no link, no mention."""
    line = plain(text, limit)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # The character itself and not its entity: one of Prefect's two pages shows the entity as text.
    line = _LINKS.sub("\\1\u200b", _MARKUP.sub(r"\\\1", line))
    return _LEADING.sub("\\1\u200b\\2", line)


def code(text: object, *, cell: bool = False, limit: int | None = None) -> str:
    """A name for Markdown, as a code span that nothing in it can close.

    Args:
        text: the name.
        cell: whether it stands in a table, where ``|`` ends a cell even in code.
        limit: longest content.
    """
    line = plain(text, limit) or " "
    fence = "`" * (max((len(ticks) for ticks in _TICKS.findall(line)), default=0) + 1)
    if cell:
        line = line.replace("|", "\\|")
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def label(text: object) -> str:
    """Text for a quoted Mermaid label: everything that is not plainly harmless becomes a character code."""
    return "".join(
        letter if letter.isalnum() or letter in " _-./:," else f"#{ord(letter)};" for letter in plain(text, _SHOWN)
    )


def value(item: Any, limit: int = _SHOWN) -> str:
    """A parameter's value on one line, without secrets."""
    shown = redact(item)
    return plain(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False, default=str), limit)


def values(items: Mapping[str, Any]) -> dict[str, str]:
    """Parameters by name, each on one line; a name that tells a secret hides its value."""
    return {name: value(item) for name, item in redact(items).items()}


def width(text: str) -> int:
    """How many columns a terminal needs for ``text``."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def table(rows: list[list[str]], *, indent: int = 2) -> list[str]:
    """Rows, the first of them the heading, in aligned columns; the last column is not padded."""
    if not rows:
        return []
    widths = [max(width(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell + " " * (widths[column] - width(cell)) for column, cell in enumerate(row)]
        lines.append(" " * indent + "  ".join(cells).rstrip())
    return lines
