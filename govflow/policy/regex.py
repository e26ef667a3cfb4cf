r"""Regular expressions that take time in proportion to the text, whatever pattern and text are.

Policies judge values that strangers choose, so a pattern must not be able to stall a run. The expressions are those of
RE2, less what policies do without, and are run by an automaton whose states are made when they are first needed:

========================  =============================================================================
``.``                     any character, the end of a line included
``[a-z_]``, ``[^/]``      one of these, none of these
``\d \w \s \D \W \S``     digits, letters of words, blanks: of ASCII, as in RE2; and what is not
``\t \n \r \f``           these characters; ``\`` before punctuation: the character itself
``(a|b)``, ``(?:a|b)``    one or the other
``* + ? {2} {2,} {2,5}``  how often; counts up to :data:`MAX_COUNT`
========================  =============================================================================

A pattern says both of its ends: it begins with ``^`` or ``.*`` and ends with ``$`` or ``.*``. Whether an expression
without them means the whole text or a part of it differs from tool to tool, and either guess opens or closes a rule
that its author did not mean to. Look-around, back references, word boundaries, lazy repeats and flags are refused.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

MAX_COUNT: Final = 1000
MAX_SIZE: Final = 2000  # places in the automaton: what one character of text can cost
MAX_DEPTH: Final = 40
_MAX_STATES: Final = 1000  # kept at a time; beyond that they are made anew

Ranges = tuple[tuple[int, int], ...]
"""Code points, from first to last, sorted and apart."""

_LAST: Final = 0x10FFFF
_ANY: Final[Ranges] = ((0, _LAST),)
_CLASSES: Final[dict[str, Ranges]] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 13), (32, 32)),
}
_READABLE: Final = (*range(97, 123), *range(48, 58), *range(33, 127), 32)
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_COUNT: Final = re.compile(r"\{([0-9]{1,9})(?:(,)([0-9]{1,9})?)?\}")


class RegexProblem(ValueError):
    """The pattern cannot be used; the text says why, and where."""


@dataclass(frozen=True, slots=True)
class _One:
    """One character of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class _Row:
    """One after the other."""

    items: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of them."""

    items: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    """From ``least`` to ``most`` times; ``None``: without end."""

    item: _Node
    least: int
    most: int | None


_Node = _One | _Row | _Choice | _Repeat
_ANYTHING: Final = _Repeat(_One(_ANY), 0, None)


def compile_regex(pattern: str) -> Callable[[str], bool]:
    """A function that says whether a text matches.

    Raises:
        RegexProblem: the pattern is not one of those above, or too large.
    """
    tree = _Reader(pattern).read()
    size = _size(tree)
    if size > MAX_SIZE:
        raise RegexProblem(
            f"the pattern comes to {size} places when its counts are written out; {MAX_SIZE} are allowed"
        )
    return _Automaton(tree).matches


def example(pattern: str) -> str:
    """A text that matches, short and of letters that can be read where there are any.

    Raises:
        RegexProblem: as :func:`compile_regex`.
    """
    return _example(_Reader(pattern).read())


def _example(node: _Node) -> str:
    if isinstance(node, _One):
        readable = (chr(point) for point in _READABLE if any(low <= point <= high for low, high in node.ranges))
        return next(readable, chr(node.ranges[0][0]) if node.ranges else "")
    if isinstance(node, _Row):
        return "".join(map(_example, node.items))
    if isinstance(node, _Choice):
        return _example(node.items[0])
    return _example(node.item) * node.least


def _size(node: _Node) -> int:
    if isinstance(node, _One):
        return 1
    if isinstance(node, _Repeat):
        return (_size(node.item) + 1) * (node.least + 1 if node.most is None else max(node.most, 1))
    return 1 + sum(map(_size, node.items))


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def read(self) -> _Node:
        begins = self._text.startswith("^")
        self._at = int(begins)
        items, ends = self._row(0)
        if self._peek() == "|":
            raise self._problem("put alternatives in a group: '^(a|b)$'")
        if self._at < len(self._text):
            raise self._problem("a ')' that closes nothing")
        if not begins and items[:1] != [_ANYTHING]:
            raise RegexProblem("the pattern does not say where it begins: start it with '^' or '.*'")
        if not ends and items[-1:] != [_ANYTHING]:
            raise RegexProblem("the pattern does not say where it ends: end it with '$' or '.*'")
        return _Row(tuple(items))

    def _row(self, depth: int) -> tuple[list[_Node], bool]:
        """Items up to ``|``, ``)`` or the end; and whether the row ended in the ``$`` of the pattern."""
        items: list[_Node] = []
        while (character := self._peek()) not in {"", "|", ")"}:
            if character == "$":
                if depth or self._at != len(self._text) - 1:
                    raise self._problem("'$' stands at the end of a pattern only; '\\$' is the character")
                self._at += 1
                return items, True
            items.append(self._repeated(self._item(depth)))
        return items, False

    def _item(self, depth: int) -> _Node:
        character = self._next()
        if character == "(":
            return self._group(depth + 1)
        if character == "[":
            return _One(self._class())
        if character == ".":
            return _One(_ANY)
        if character == "\\":
            return _One(self._escape())
        if character in "*+?{":
            raise self._problem(f"a {character!r} that repeats nothing; '\\{character}' is the character", back=1)
        if character == "^":
            raise self._problem("'^' stands at the start of a pattern only; '\\^' is the character", back=1)
        return _One(_point(character))

    def _group(self, depth: int) -> _Node:
        if depth > MAX_DEPTH:
            raise self._problem(f"groups are nested deeper than {MAX_DEPTH}")
        if self._peek() == "?":
            if not self._text.startswith("?:", self._at):
                raise self._problem("look-around, flags and names of groups are not used; '(?:' and '(' open a group")
            self._at += 2
        choices = [_Row(tuple(self._row(depth)[0]))]
        while self._peek() == "|":
            self._at += 1
            choices.append(_Row(tuple(self._row(depth)[0])))
        if self._next() != ")":
            raise self._problem("a group that is not closed")
        return choices[0] if len(choices) == 1 else _Choice(tuple(choices))

    def _repeated(self, item: _Node) -> _Node:
        least, most = 0, None
        character = self._peek()
        if character == "{":
            count = _COUNT.match(self._text, self._at)
            if count is None:
                raise self._problem("not a count: write '{2}', '{2,}' or '{2,5}'; '\\{' is the character")
            least = int(count[1])
            most = least if not count[2] else int(count[3]) if count[3] else None
            if max(least, most or 0) > MAX_COUNT or (most is not None and most < least):
                raise self._problem(f"a count goes up, and to {MAX_COUNT} at most")
            self._at = count.end()
        elif character and character in "*+?":
            least, most = int(character == "+"), 1 if character == "?" else None
            self._at += 1
        else:
            return item
        if (after := self._peek()) and after in "*+?{":
            raise self._problem("a repeat of a repeat; lazy and possessive ones are not used")
        return _Repeat(item, least, most)

    def _class(self) -> Ranges:
        negated = self._peek() == "^"
        self._at += negated
        found: list[tuple[int, int]] = []
        if self._peek() == "]":
            raise self._problem("an empty '[]'; '\\]' is the character")
        while (character := self._next()) != "]":
            if character == "":
                raise self._problem("a '[' that is not closed")
            if character == "[":
                raise self._problem("'[' in a '[...]' is written '\\['", back=1)
            low = self._escape() if character == "\\" else _point(character)
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in {"]", ""}:
                self._at += 1
                last = self._next()
                high = self._escape() if last == "\\" else _point(last)
                if not _single(low) or not _single(high) or low[0][0] > high[0][0]:
                    raise self._problem("a range goes up, from one character to another")
                low = ((low[0][0], high[0][0]),)
            found.extend(low)
        ranges = _merged(found)
        return _outside(ranges) if negated else ranges

    def _escape(self) -> Ranges:
        character = self._next()
        if character.lower() in _CLASSES and character:
            ranges = _CLASSES[character.lower()]
            return _outside(ranges) if character.isupper() else ranges
        if character in _CONTROLS:
            return _point(_CONTROLS[character])
        if not character or not character.isascii() or character.isalnum():
            raise self._problem(f"'\\{character}' is not used", back=1)
        return _point(character)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += 1
        return character

    def _problem(self, text: str, back: int = 0) -> RegexProblem:
        return RegexProblem(f"character {min(self._at - back, len(self._text)) + 1}: {text}")


def _point(character: str) -> Ranges:
    return ((ord(character), ord(character)),)


def _single(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _outside(ranges: Ranges) -> Ranges:
    outside, start = [], 0
    for low, high in ranges:
        if low > start:
            outside.append((start, low - 1))
        start = high + 1
    if start <= _LAST:
        outside.append((start, _LAST))
    return tuple(outside)


@dataclass(slots=True)
class _State:
    """Where the automaton can be after some text. ``moves``: by class of character, ``None`` until it is asked for."""

    places: tuple[int, ...]
    accepts: bool
    moves: list[_State | None] = field(default_factory=list)


class _Automaton:
    """Places that take one character each; a state is a set of them. Safe to share: states are only ever added."""

    def __init__(self, tree: _Node) -> None:
        self._takes: list[Ranges | None] = [None]  # of each place; None: it takes nothing. Place 0 is the end
        self._leads: list[Sequence[int]] = [()]  # where a place leads
        start = self._place(tree, 0)
        cuts = {edge for taken in self._takes for low, high in taken or () for edge in (low, high + 1)}
        self._cuts = sorted(cuts)  # characters between two cuts are alike
        self._alike = {chr(point): bisect_right(self._cuts, point) for point in range(128)}
        self._known: dict[tuple[int, ...], _State] = {}
        self._start = self._closure([start])

    def matches(self, text: str) -> bool:
        alike, cuts = self._alike, self._cuts
        state = self._state(self._start)
        for character in text:
            kind = alike.get(character)
            if kind is None:
                kind = bisect_right(cuts, ord(character))
            after = state.moves[kind]
            if after is None:
                after = state.moves[kind] = self._after(state, kind)
            if not after.places:
                return False
            state = after
        return state.accepts

    def _after(self, state: _State, kind: int) -> _State:
        point = self._cuts[kind - 1] if kind else -1  # any character of the kind stands for all
        taken = [
            place
            for place in state.places
            if (ranges := self._takes[place]) and any(low <= point <= high for low, high in ranges)
        ]
        return self._state(self._closure(lead for place in taken for lead in self._leads[place]))

    def _state(self, places: tuple[int, ...]) -> _State:
        known = self._known.get(places)
        if known is None:
            known = _State(places, 0 in places, [None] * (len(self._cuts) + 1))
            if len(self._known) >= _MAX_STATES:
                self._known = {}
            self._known[places] = known
        return known

    def _closure(self, places: Iterable[int]) -> tuple[int, ...]:
        """The places that take a character, or the end, that are reached without taking one."""
        seen: set[int] = set()
        stack = list(places)
        while stack:
            place = stack.pop()
            if place not in seen:
                seen.add(place)
                if place and self._takes[place] is None:
                    stack.extend(self._leads[place])
        return tuple(sorted(place for place in seen if place == 0 or self._takes[place] is not None))

    def _new(self, takes: Ranges | None, leads: Sequence[int]) -> int:
        self._takes.append(takes)
        self._leads.append(leads)
        return len(self._takes) - 1

    def _place(self, node: _Node, after: int) -> int:
        """The place at which ``node`` begins, when ``after`` follows it."""
        if isinstance(node, _One):
            return self._new(node.ranges, (after,))
        if isinstance(node, _Choice):
            return self._new(None, [self._place(item, after) for item in node.items])
        if isinstance(node, _Row):
            for item in reversed(node.items):
                after = self._place(item, after)
            return after
        entry = after
        if node.most is None:
            entry = self._new(None, ())
            self._leads[entry] = (self._place(node.item, entry), after)
        else:
            for _ in range(node.most - node.least):
                entry = self._new(None, (self._place(node.item, entry), after))
        for _ in range(node.least):
            entry = self._place(node.item, entry)
        return entry
