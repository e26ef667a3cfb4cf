"""Choosing one group in each stage where any will do, so that distinct people fill all places.

With one group for each stage this is a matching, found in polynomial time. With a choice among groups that need several
people it is as hard as packing sets, so there is no rule by which all cases are fast. What makes those fast that people
write: groups that another one makes needless are dropped, stages that share nobody are looked at by themselves, a
choice is dropped as soon as its places cannot be filled beside those before it. What is left is searched, so many steps
and no more; whoever asks decides what it means that nobody knows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

MOST_STEPS: Final = 10_000
"""Groups that are tried. The order is always the same, and so is the answer."""
_MOST_CHOICES: Final = 300  # stages that hang together and leave a choice


class TooManyWays(Exception):
    """The search was given up."""


@dataclass(frozen=True, slots=True)
class Option:
    """A group that may be chosen: so many of these people."""

    people: frozenset[str]
    required: int


Choice = tuple[Option, ...]
"""The groups of a stage of which one has to be filled."""


def can_be_filled(choices: Iterable[Sequence[Option]]) -> bool:
    """Whether one group of each choice can be filled, and nobody is in two of the chosen ones.

    Raises:
        TooManyWays: it was not found out in :data:`MOST_STEPS`.
    """
    simple = [_needed(choice) for choice in choices]
    if not all(simple):
        return False
    left = [MOST_STEPS]
    return all(_search(part, left) for part in _apart(simple))


def _needed(choice: Sequence[Option]) -> Choice:
    """The groups without those that cannot be filled, or only where another one can be."""
    ones = [one for one in choice if one.required == 1]
    several = [one for one in choice if one.required > 1]
    if ones:  # whoever sits in one of them might as well sit in all of them together
        several.append(Option(frozenset[str]().union(*(one.people for one in ones)), 1))
    able = dict.fromkeys(one for one in several if len(one.people) >= one.required)
    kept = [
        one
        for one in able
        if not any(other != one and other.required <= one.required and other.people >= one.people for other in able)
    ]
    return tuple(sorted(kept, key=lambda one: (one.required, sorted(one.people))))


def _apart(choices: Sequence[Choice]) -> list[list[Choice]]:
    """The choices in parts that share nobody."""
    part_of: dict[str, list[Choice]] = {}
    for choice in choices:
        people = frozenset[str]().union(*(one.people for one in choice))
        met = {id(part_of[one]): part_of[one] for one in sorted(people) if one in part_of}
        whole = [choice, *(one for part in met.values() for one in part)]
        for one in frozenset[str]().union(*(option.people for other in whole for option in other)):
            part_of[one] = whole
    return list({id(part): part for _, part in sorted(part_of.items())}.values())


def _search(part: Sequence[Choice], left: list[int]) -> bool:
    """Depth first, stages with fewer groups before those with more."""
    order = sorted(part, key=lambda choice: (len(choice), -choice[0].required))
    if sum(len(choice) > 1 for choice in order) > _MOST_CHOICES:
        raise TooManyWays
    everybody = frozenset[str]().union(*(one.people for choice in order for one in choice))
    least = [0]
    for choice in reversed(order):  # the fewest people whom this choice and those after it need
        least.append(least[-1] + min(one.required for one in choice))
    least.reverse()
    return _from(order, 0, _Table(), least, len(everybody), left)


def _from(order: Sequence[Choice], at: int, table: _Table, least: Sequence[int], people: int, left: list[int]) -> bool:
    while at < len(order) and len(order[at]) == 1:  # nothing to choose
        if not table.add(order[at][0]):
            return False
        at += 1
    if at == len(order):
        return True
    if len(table.seats) + least[at] > people:
        return False
    for option in order[at]:
        left[0] -= 1
        if left[0] < 0:
            raise TooManyWays
        tried = table.copy()
        if tried.add(option) and _from(order, at + 1, tried, least, people, left):
            return True
    return False


@dataclass(slots=True)
class _Table:
    """Seats, each with the people who may sit there, and who does: a matching, made larger by augmenting paths."""

    seats: list[Collection[str]] = field(default_factory=list)
    sitting: dict[int, str] = field(default_factory=dict)
    seat_of: dict[str, int] = field(default_factory=dict)

    def copy(self) -> _Table:
        return _Table(list(self.seats), dict(self.sitting), dict(self.seat_of))

    def add(self, option: Option) -> bool:
        """Whether all places of one more group can be filled, too."""
        people = sorted(option.people)
        for _ in range(option.required):
            self.seats.append(people)
            if not self._fill(len(self.seats) - 1):
                return False
        return True

    def _fill(self, seat: int) -> bool:
        found_from: dict[str, int] = {}
        waiting = deque([seat])
        while waiting:
            here = waiting.popleft()
            for person in self.seats[here]:
                if person in found_from:
                    continue
                found_from[person] = here
                if person not in self.seat_of:
                    self._move(person, found_from)
                    return True
                waiting.append(self.seat_of[person])
        return False

    def _move(self, person: str, found_from: dict[str, int]) -> None:
        """Everybody on the path moves to the seat from which they were found."""
        moving: str | None = person
        while moving is not None:
            seat = found_from[moving]
            before = self.sitting.get(seat)
            self.sitting[seat], self.seat_of[moving] = moving, seat
            moving = before
