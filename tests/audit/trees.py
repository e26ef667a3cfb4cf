"""Trees for the tests: leaves, the definition of RFC 6962 word for word, and stores of hashes in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from govflow.audit.levels import Place, grow
from govflow.audit.merkle import EMPTY_ROOT, CompactRange, hash_leaf, hash_node
from govflow.audit.tiles import GrowingTiles, Tile, TilePlace

MOST = 600
LEAVES = tuple(hash_leaf(number.to_bytes(4, "big")) for number in range(70_000))


def split(count: int) -> int:
    """The largest power of two smaller than ``count``."""
    return 1 << (count - 1).bit_length() - 1


@cache
def root(start: int, end: int) -> bytes:
    """MTH(D[start:end])."""
    if end == start:
        return EMPTY_ROOT
    if end - start == 1:
        return LEAVES[start]
    middle = start + split(end - start)
    return hash_node(root(start, middle), root(middle, end))


def path(index: int, start: int, end: int) -> list[bytes]:
    """PATH(m, D[n]), with m counted from 0."""
    if end - start == 1:
        return []
    middle = start + split(end - start)
    if index < middle:
        return [*path(index, start, middle), root(middle, end)]
    return [*path(index, middle, end), root(start, middle)]


def subproof(size: int, start: int, end: int, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b), with m counted from 0."""
    if size == end:
        return [] if whole else [root(start, end)]
    middle = start + split(end - start)
    if size <= middle:
        return [*subproof(size, start, middle, whole), root(middle, end)]
    return [*subproof(size, middle, end, False), root(start, middle)]


class Levels:
    """Every full subtree's hash by its place."""

    def __init__(self, size: int) -> None:
        self.hashes = dict(grow(CompactRange(), LEAVES[:size]))
        self.asked = 0

    def read(self, places: Sequence[Place]) -> list[bytes]:
        self.asked += 1
        return [self.hashes[place] for place in places]


class Tiles:
    """Tiles as a store holds them: bytes by address."""

    def __init__(self) -> None:
        self.growing = GrowingTiles()
        self.rows: dict[tuple[int, int], bytes] = {}

    def append(self, leaves: Sequence[bytes]) -> None:
        for place, tile in self.growing.append(leaves):
            self.rows[place.level, place.index] = tile.to_bytes()

    def fetch(self, places: Sequence[TilePlace]) -> list[Tile]:
        return [Tile(self.rows[place.level, place.index], place.width) for place in places]
