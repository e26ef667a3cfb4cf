"""Elements of XML. Nothing that is given as text or as an attribute can become markup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def text(said: object) -> str:
    """Characters of XML 1.0 (2.2), the five that mean something escaped; others are dropped."""
    return "".join(letter for letter in str(said) if _allowed(ord(letter))).translate(_ESCAPES)


def element(name: str, attributes: Mapping[str, object], content: str = "") -> str:
    """One element.

    Args:
        name: of ours.
        attributes: names of ours, any values.
        content: what stands inside, escaped by whoever made it.
    """
    written = "".join(f' {key}="{text(_plain(value))}"' for key, value in attributes.items())
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def _plain(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) else value


def _allowed(code: int) -> bool:
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
