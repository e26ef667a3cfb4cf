"""Seating people at groups: one seat for each person, and as many seats taken as there can be.

A person who is in two groups fills the one that needs them. This is the matching of a bipartite graph, found by
augmenting paths (Kuhn): each newcomer takes a free seat, or the seat of someone who can move to another one. Who has a
seat keeps one, so what was counted once stays counted. The order of people and groups decides ties.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


class Seating:
    """The seats of some groups and who sits where; people are numbers in the order in which they came."""

    def __init__(self, seats: Sequence[int]) -> None:
        """Args: ``seats`` of each group."""
        self.seats = tuple(seats)
        self.sitting: list[list[int]] = [[] for _ in seats]
        self._fits: list[Collection[int]] = []

    @property
    def free(self) -> int:
        """Seats that nobody has."""
        return sum(self.seats) - sum(map(len, self.sitting))

    def add(self, fits: Collection[int]) -> bool:
        """Seat one more person, who may sit at these groups; whether there was a seat."""
        self._fits.append(sorted(fits))
        return self._seat(len(self._fits) - 1, set())

    def would_help(self, fits: Collection[int]) -> bool:
        """Whether one more person who may sit at these groups would find a seat; nobody moves."""
        seen: set[int] = set()
        reach = list(fits)
        while reach:
            group = reach.pop()
            if group in seen:
                continue
            seen.add(group)
            if len(self.sitting[group]) < self.seats[group]:
                return True
            reach += [other for person in self.sitting[group] for other in self._fits[person]]
        return False

    def _seat(self, person: int, seen: set[int]) -> bool:
        for group in self._fits[person]:
            if group in seen:
                continue
            seen.add(group)
            if len(self.sitting[group]) < self.seats[group]:
                self.sitting[group].append(person)
                return True
            for place, other in enumerate(self.sitting[group]):
                if self._seat(other, seen):
                    self.sitting[group][place] = person
                    return True
        return False
