"""Names taken apart into words, so that ``drop_table`` has the word *drop* and ``backdrop`` has not."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

# Runs of digits; of capitals up to the one that starts the next word (HTTPDelete); of letters with at most one
# capital at the start. [^\W\d_] is any letter.
_WORDS: Final = re.compile(r"\d+|[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|[A-Z]")
_PARTS: Final = re.compile(r"[^\w.\-{}]+")


def fold(text: str) -> str:
    """The text for comparing: compatibility forms unified as Python does for identifiers, without case."""
    return text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


@lru_cache(maxsize=4096)
def words(text: str) -> frozenset[str]:
    """The words of a snake_case, camelCase, kebab-case or plain name, in lower case."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return frozenset(word.casefold() for word in _WORDS.findall(plain))


@lru_cache(maxsize=4096)
def parts(text: str) -> frozenset[str]:
    """The parts of a resource: ``odoo://acme/account.move/5`` has ``odoo``, ``acme``, ``account.move`` and ``5``."""
    return frozenset(part for part in _PARTS.split(fold(text)) if part)


def function_name(name: str) -> str:
    """``drop_tools.py:load`` is about ``load``: the name of its file says nothing of what it does."""
    return name.rpartition(":")[2]
