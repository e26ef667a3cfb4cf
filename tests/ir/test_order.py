"""The fewest items that changed places."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from govflow.ir.order import out_of_order


@given(st.permutations(range(7)))
def test_the_rest_ascends_and_nothing_less_would_do(positions: list[int]) -> None:
    jumped = out_of_order(positions)
    rest = [position for index, position in enumerate(positions) if index not in jumped]
    assert rest == sorted(rest)
    longest = max(size for size in range(8) for kept in combinations(positions, size) if list(kept) == sorted(kept))
    assert len(rest) == longest


def test_nothing_moves_in_an_ascending_sequence() -> None:
    assert out_of_order([]) == frozenset()
    assert out_of_order([2, 5, 9]) == frozenset()
