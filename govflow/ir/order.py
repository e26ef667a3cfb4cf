"""Which items of a sequence changed places."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


def out_of_order(positions: Sequence[int]) -> frozenset[int]:
    """The indices of the fewest items that have to move for the rest to stand in ascending order.

    Args:
        positions: distinct numbers: for each item, in the old order, its place in the new one.

    Returns:
        The indices that are not in one longest increasing subsequence (patience sorting, O(n log n)).
    """
    if list(positions) == sorted(positions):
        return frozenset()
    tails: list[int] = []  # smallest last number of an increasing run of each length
    ends: list[int] = []  # index of that number
    previous = [-1] * len(positions)
    for index, position in enumerate(positions):
        length = bisect_left(tails, position)
        if length == len(tails):
            tails.append(position)
            ends.append(index)
        else:
            tails[length] = position
            ends[length] = index
        previous[index] = ends[length - 1] if length else -1
    stay: set[int] = set()
    current = ends[-1] if ends else -1
    while current >= 0:
        stay.add(current)
        current = previous[current]
    return frozenset(range(len(positions))) - stay
