"""Who counts as whom.

Names are compared exactly where a rule grants something, and without regard to case and surrounding blanks where it
takes something away: ``Alice`` is not ``user:alice`` for a rule that names her, and is the requester ``alice`` when she
votes. Both errors that this can make are refusals.
"""

from __future__ import annotations


def person_key(name: str) -> str:
    """The same for every spelling that counts as one person."""
    return name.strip().casefold()


def same_person(one: str, other: str) -> bool:
    """Whether two names count as one person."""
    return person_key(one) == person_key(other)
