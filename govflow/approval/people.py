"""Who counts as whom.

Names are compared exactly where a rule grants something. Where it takes something away they are compared by a key that
is the same for all that look alike to a machine: ``Alice`` is not ``user:alice`` for a rule that names her, and is the
requester ``alice`` when she votes. Both errors that this can make are refusals. Names are kept as they were given.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

_UNSEEN: Final = (
    (0x034F, 0x034F),  # grapheme joiner
    (0x115F, 0x1160),  # fillers of Hangul
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2800, 0x2800),  # the blank of Braille
    (0xFE00, 0xFE0F),  # variation selectors
    (0xE0000, 0xE0FFF),
)
"""What shows nothing and is a letter or mark for Unicode; the categories Cc and Cf are unseen as a whole."""


@lru_cache(maxsize=4096)
def person_key(name: str) -> str:
    """The same for every spelling that counts as one person.

    Compatibility forms (NFKC, Unicode annex 15) and letter case (full case folding) make no difference, nor do
    characters that nobody sees and blanks at the ends; blanks between words are one blank. Letters of another alphabet
    that only look alike are other letters: no principal has one in its name.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    seen = "".join(" " if letter.isspace() else letter for letter in folded if letter.isspace() or not _unseen(letter))
    # What stood on either side of something unseen may go together now.
    return " ".join(unicodedata.normalize("NFKC", seen).casefold().split())


def same_person(one: str, other: str) -> bool:
    """Whether two names count as one person."""
    return person_key(one) == person_key(other)


def _unseen(letter: str) -> bool:
    number = ord(letter)
    return unicodedata.category(letter) in ("Cc", "Cf") or any(first <= number <= last for first, last in _UNSEEN)
