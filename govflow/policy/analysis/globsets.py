"""Globs as sets of texts: whether one holds another, what two have in common. Exact, for every glob.

A glob reads a text from left to right and is in several places at once; the places are the bits of a number. Globs
that are read side by side make one automaton, and a walk through it, shortest texts first, finds a text that some match
and others do not, or shows that there is none. Nearly every pair is settled by its beginnings before that.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Final

from govflow.policy.globs import compile_glob
from govflow.policy.holes import TOKEN

MOST_STATES: Final = 4_000  # of one walk; beyond that nothing is said
_NICE: Final = "xabcdefghijklmnopqrstuvwyz0123456789-_/"  # what a text is filled with where it does not matter
_LAST: Final = 0x10FFFF
_STRANGER: Final = "\0"  # no glob names it; neither does a resource


class TooLarge(Exception):
    """The walk was given up: neither a text nor the lack of one is known."""


@dataclass(frozen=True, slots=True)
class _Glob:
    """A glob in its parts. Bit ``n`` stands for the place before part ``n``; the last bit for the end."""

    parts: tuple[str, ...]
    stars: int  # the places before a star
    end: int
    sets: int  # how many sets of characters it has
    plain: bool  # it has no wildcard but stars
    start: str  # what every text that matches begins with

    def closed(self, places: int) -> int:
        """With the places that are reached by taking nothing for a star; stars never stand side by side."""
        return places | (places & self.stars) << 1

    def after(self, places: int, fits: int) -> int:
        """The places after one character, which fits the parts in ``fits``."""
        return self.closed((places & self.stars) | (places & fits) << 1)


@lru_cache(maxsize=16_384)
def _glob(pattern: str) -> _Glob:
    parts = tuple("*" if part[0] == "*" else part for part in TOKEN.findall(pattern))
    stars = sum(1 << number for number, part in enumerate(parts) if part == "*")
    sets = sum(len(part) > 1 for part in parts)
    start = "".join(takewhile(lambda part: len(part) == 1 and part not in "*?", parts))
    return _Glob(parts, stars, 1 << len(parts), sets, not sets and "?" not in parts, start)


@lru_cache(maxsize=65_536)
def contains(outer: str, inner: str) -> bool:
    """Whether every text that matches ``inner`` matches ``outer``; ``False`` too where the walk grew too large."""
    if outer == inner or outer.strip("*") == "":
        return True
    wide, narrow = _glob(outer), _glob(inner)
    if _apart(wide, narrow):
        return False
    if wide.plain and narrow.sets == 0:
        # What a wildcard takes in, a letter that stands nowhere stands for: it fits nothing but a star.
        return compile_glob(outer)("".join(_STRANGER if part in "*?" else part for part in narrow.parts))
    return _held((inner,), (outer,))


def held_by(inner: str, outers: Sequence[str]) -> bool:
    """Whether every text that matches ``inner`` matches one of ``outers``; ``False`` too where that is not known."""
    narrow = _glob(inner)
    if narrow.plain and not narrow.stars:
        return any(compile_glob(outer)(inner) for outer in outers)
    near = [outer for outer in outers if not _apart(_glob(outer), narrow)]
    if any(contains(outer, inner) for outer in near):
        return True
    if not narrow.sets and all(_glob(outer).plain for outer in outers):
        return False  # one text, of letters that stand nowhere, is in the inner one and in none of them
    around = [outer for outer in outers if not disjoint(outer, inner)]
    return len(around) > 1 and _held((inner,), tuple(around))


@lru_cache(maxsize=65_536)
def disjoint(one: str, other: str) -> bool:
    """Whether no text matches both; ``False`` too where that is not known."""
    try:
        return common([one, other], ()) is None
    except TooLarge:
        return False


def common(inside: Sequence[str], outside: Sequence[str]) -> str | None:
    """A text, short, that matches every glob of ``inside`` and none of ``outside``; ``None`` if there is none.

    Raises:
        TooLarge: neither was found within :data:`MOST_STATES`.
    """
    globs = [_glob(pattern) for pattern in (*inside, *outside)]
    if not outside and all(glob.plain for glob in globs):
        return _plain_common(inside, globs)
    return _walked(globs, len(inside))


def _walked(globs: Sequence[_Glob], count: int) -> str | None:
    """The same of globs of any kind, of which the first ``count`` shall match."""
    letters = _letters(globs)
    start = tuple(glob.closed(1) for glob in globs)
    came: dict[tuple[int, ...], tuple[tuple[int, ...], str] | None] = {start: None}
    level = [start]
    while level:
        following: list[tuple[int, ...]] = []
        for state in level:
            if _accepts(globs, state, count):
                return _spelled(came, state)
            for letter, fits in letters:
                after = tuple(glob.after(places, fit) for glob, places, fit in zip(globs, state, fits, strict=True))
                if after in came or not all(after[:count]):
                    continue
                if len(came) >= MOST_STATES:
                    raise TooLarge
                came[after] = (state, letter)
                following.append(after)
        level = following
    return None


def _plain_common(patterns: Sequence[str], globs: Sequence[_Glob]) -> str | None:
    """A text of globs that hold stars and letters alone: the longest beginning, what stands between, the longest end.

    A star takes in all that the other globs ask for besides.
    """
    whole = next((pattern for pattern, glob in zip(patterns, globs, strict=True) if not glob.stars), None)
    matches = [compile_glob(pattern) for pattern in patterns]
    if whole is not None:
        return whole if all(match(whole) for match in matches) else None
    pieces = ["".join(glob.parts).split("*") for glob in globs]
    start = max((held[0] for held in pieces), key=len)
    end = max((held[-1] for held in pieces), key=len)
    if not all(start.startswith(held[0]) and end.endswith(held[-1]) for held in pieces):
        return None
    between = list(dict.fromkeys(piece for held in pieces for piece in held[1:-1] if piece))
    for some in ([], between, [piece for held in pieces for piece in held[1:-1]]):
        if all(match(text := start + "".join(some) + end) for match in matches):
            return text
    return None  # pragma: no cover - the last of them matches


def _apart(outer: _Glob, inner: _Glob) -> bool:
    """Whether the beginnings settle that some text of ``inner`` does not match ``outer``."""
    first, second = outer.start, inner.start
    if not first.startswith(second) and not second.startswith(first):
        return True
    # The inner one goes on in any way where the outer one still asks for a letter.
    return len(second) < min(len(first), len(inner.parts)) and inner.parts[len(second)] == "*"


@lru_cache(maxsize=16_384)
def _held(inside: tuple[str, ...], outside: tuple[str, ...]) -> bool:
    try:
        return common(inside, outside) is None
    except TooLarge:
        return False


def _accepts(globs: Sequence[_Glob], state: tuple[int, ...], count: int) -> bool:
    ended = [bool(places & glob.end) for glob, places in zip(globs, state, strict=True)]
    return all(ended[:count]) and not any(ended[count:])


def _letters(globs: Sequence[_Glob]) -> list[tuple[str, tuple[int, ...]]]:
    """One character for each way in which characters fit the parts of the globs, and that way.

    Whether a character fits a part changes only at a character that stands in a part, so those, their neighbours and
    the last character there is are enough.
    """
    parts = {part for glob in globs for part in glob.parts if part not in "*?"}
    points = {0, _LAST}
    for character in {character for part in parts for character in part}:
        points |= {max(ord(character) - 1, 0), ord(character), min(ord(character) + 1, _LAST)}
    found: dict[tuple[int, ...], str] = {}
    ordered = [*_NICE, *sorted(chr(point) for point in points)]
    for character in _preferred(ordered):
        found.setdefault(tuple(_fits(glob, character) for glob in globs), character)
    return [(character, fits) for fits, character in found.items()]


def _preferred(characters: Iterable[str]) -> Iterable[str]:
    """Those that can be read come first."""
    held = list(dict.fromkeys(characters))
    return sorted(held, key=lambda character: not (character.isascii() and character.isprintable()))


def _fits(glob: _Glob, character: str) -> int:
    fits = 0
    for number, part in enumerate(glob.parts):
        if part == "?" or part == character or (len(part) > 1 and _in_set(part, character)):
            fits |= 1 << number
    return fits


@lru_cache(maxsize=16_384)
def _in_set(part: str, character: str) -> bool:
    return fnmatch.fnmatchcase(character, part)


def _spelled(came: dict[tuple[int, ...], tuple[tuple[int, ...], str] | None], state: tuple[int, ...]) -> str:
    letters = []
    step = came[state]
    while step is not None:
        state, letter = step
        letters.append(letter)
        step = came[state]
    return "".join(reversed(letters))
