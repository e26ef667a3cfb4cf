"""Tiles: the hashes of a tree in pieces of 256, so that a store holds few rows and a proof reads few (C2SP tlog-tiles).

Tile ``(level, index)`` holds the hashes of 256 full subtrees of ``256^level`` leaves each; on level 0 these are the
leaves. Ours also hold what is between them: all full subtrees over the hashes of the tile. That doubles their size and
makes a proof a matter of looking up: computing the inner hashes of three tiles would take several times as long.

Retention removes the records under whole tiles, 256 at a time, and keeps the tiles: roots and proofs of what is left
need no record that is gone (tlog-tiles, "Pruning").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Final

from govflow.audit.levels import Place
from govflow.audit.merkle import HASH_SIZE, CompactRange, hash_node

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT


@dataclass(frozen=True, slots=True)
class TilePlace:
    """A tile. ``width``: how many of its 256 hashes there are; a tile that is not full grows."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its address (tlog-tiles, "Merkle Tree"): ``tile/0/x001/067``, behind it ``.p/70`` if it is not full."""
        elements = [f"{self.index % 1000:03}"]
        rest = self.index // 1000
        while rest:
            elements.insert(0, f"x{rest % 1000:03}")
            rest //= 1000
        return f"tile/{self.level}/{'/'.join(elements)}" + (f".p/{self.width}" if self.width < WIDTH else "")


class Tile:
    """The hashes of a tile, and of all full subtrees over them: row ``k`` are those that span ``2^k`` of them."""

    __slots__ = ("_data", "_offsets", "width")

    def __init__(self, data: bytes = b"", width: int = 0) -> None:
        """Read what :meth:`to_bytes` gave of a tile of ``width`` hashes. ``ValueError`` if it cannot be one."""
        if not 0 <= width <= WIDTH or len(data) != _offsets(width)[-1] * HASH_SIZE:
            raise ValueError(f"{len(data)} bytes are no tile of {width} hashes")
        self.width = width  # how many hashes it holds, 0 to 256
        self._data = data
        self._offsets = _offsets(width)

    def node(self, height: int, at: int) -> bytes:
        """The hash over ``2^height`` hashes of the tile, from ``at * 2^height`` on. ``IndexError`` if not yet there."""
        if not 0 <= at < self.width >> height:
            raise IndexError(f"the tile has no hash {at} at height {height}")
        start = (self._offsets[height] + at) * HASH_SIZE
        return self._data[start : start + HASH_SIZE]

    def root(self) -> bytes:
        """Of a full tile: the hash that stands for it in the tile above. ``IndexError`` if it is not full."""
        return self.node(HEIGHT, 0)

    def grown(self, hashes: Iterable[bytes]) -> Tile:
        """The tile with further hashes, 32 bytes each; ``ValueError`` past 256."""
        row = self._row(0) + b"".join(hashes)
        if len(row) % HASH_SIZE or len(row) > WIDTH * HASH_SIZE:
            raise ValueError(f"a tile has at most {WIDTH} hashes of {HASH_SIZE} bytes")
        rows, width = [row], len(row) // HASH_SIZE
        while len(row) >= 2 * HASH_SIZE:
            above = self._row(len(rows))
            # What stands above already never changes: only the rest is made.
            more = [
                hash_node(row[at : at + HASH_SIZE], row[at + HASH_SIZE : at + 2 * HASH_SIZE])
                for at in range(2 * len(above), len(row) - HASH_SIZE, 2 * HASH_SIZE)
            ]
            row = above + b"".join(more)
            rows.append(row)
        return Tile(b"".join(rows), width)

    def to_bytes(self) -> bytes:
        """Row behind row, 16,352 bytes if it is full. What comes first, 32 bytes for each hash, is the tile of C2SP."""
        return self._data

    def _row(self, height: int) -> bytes:
        start = self._offsets[height] * HASH_SIZE
        return self._data[start : start + (self.width >> height) * HASH_SIZE]


@cache
def _offsets(width: int) -> tuple[int, ...]:
    """Where each row of a tile begins, counted in hashes, and where the last one ends."""
    return tuple(accumulate((width >> height for height in range(HEIGHT + 1)), initial=0))


def edge_tiles(size: int) -> list[TilePlace]:
    """The tiles of a log that are not full: at its right edge, at most one on a level, from level 0 up."""
    places, level, count = [], 0, size
    while count:
        if count % WIDTH:
            places.append(TilePlace(level, count // WIDTH, count % WIDTH))
        level, count = level + 1, count // WIDTH
    return places


class GrowingTiles:
    """The right edge of a log in tiles: what has to be at hand for the next leaves to become tiles.

    A proof is made for the size of a checkpoint, so tiles can be written when a checkpoint is, not at each record.
    """

    __slots__ = ("_edge", "size")

    def __init__(self, size: int = 0, edge: Mapping[int, Tile] | None = None) -> None:
        """``edge``: level to tile, for each of :func:`edge_tiles`. ``ValueError`` if they are not those of the size."""
        self.size = size
        self._edge = dict(edge or {})
        widths = {level: tile.width for level, tile in self._edge.items()}
        if widths != {place.level: place.width for place in edge_tiles(size)}:
            raise ValueError(f"these are not the tiles at the edge of a log of {size} leaves")

    def append(self, leaves: Sequence[bytes]) -> list[tuple[TilePlace, Tile]]:
        """Add leaves by their hashes.

        Returns:
            Every tile that came into being or grew, as it is now, those of a level in order, the lowest level first.
            A tile that became full is there once, full.
        """
        changed: list[tuple[TilePlace, Tile]] = []
        hashes, level, count = list(leaves), 0, self.size
        self.size += len(leaves)
        while hashes:
            tile, full = self._edge.pop(level, None) or Tile(), []
            for start, end in _cuts(len(hashes), WIDTH - tile.width):
                tile = tile.grown(hashes[start:end])
                changed.append((TilePlace(level, (count + start) // WIDTH, tile.width), tile))
                if tile.width == WIDTH:
                    full.append(tile.root())
                    tile = Tile()
            if tile.width:
                self._edge[level] = tile
            hashes, level, count = full, level + 1, count // WIDTH
        return changed

    def compact(self) -> CompactRange:
        """The same tree as a compact range: its root is the log's."""
        peaks = []
        for level in sorted(self._edge, reverse=True):
            tile = self._edge[level]
            heights = [height for height in range(HEIGHT - 1, -1, -1) if tile.width >> height & 1]
            peaks += [tile.node(height, (tile.width >> height) - 1) for height in heights]
        return CompactRange(self.size, peaks)


def _cuts(count: int, first: int) -> list[tuple[int, int]]:
    """``count`` hashes in pieces: the first fills a tile in which there is room for ``first``, the others are tiles."""
    ends = [*range(first, count, WIDTH), count]
    return list(zip([0, *ends], ends, strict=False))


class TiledHashes:
    """A :class:`~govflow.audit.levels.HashReader` over the tiles of a log."""

    __slots__ = ("_fetch", "size")

    def __init__(self, size: int, fetch: Callable[[Sequence[TilePlace]], Sequence[Tile]]) -> None:
        """Read hashes from tiles.

        Args:
            size: of the log; tells how wide its tiles are.
            fetch: gives tiles, in the order asked for; those wider than asked for will do. Called once for a proof.
        """
        self.size = size
        self._fetch = fetch

    def read(self, places: Sequence[Place]) -> list[bytes]:
        """As :meth:`HashReader.read`. ``IndexError`` if the log does not have so many leaves."""
        homes = [home(place) for place in places]
        wanted = list(dict.fromkeys([one[0] for one in homes]))
        tiles = self._fetch([TilePlace(*one, self._width(*one)) for one in wanted])
        nodes = {one: tile.node for one, tile in zip(wanted, tiles, strict=True)}
        return [nodes[one](height, at) for one, height, at in homes]

    def _width(self, level: int, index: int) -> int:
        width = min((self.size >> HEIGHT * level) - index * WIDTH, WIDTH)
        if width <= 0:
            raise IndexError(f"a log of {self.size} leaves has no tile {index} on level {level}")
        return width


def home(place: Place) -> tuple[tuple[int, int], int, int]:
    """Where the hash of a full subtree stands: level and index of its tile, and height and place in that."""
    level, index = place
    shift = HEIGHT - level % HEIGHT
    return (level // HEIGHT, index >> shift), HEIGHT - shift, index & (1 << shift) - 1


def prunable_tiles(oldest_kept: int) -> int:
    """How many tiles of level 0 lie wholly before the oldest record that is to be kept: the records under them may go.

    The *minimum index* of the log (tlog-tiles, "Pruning") is then 256 times as much.
    """
    return oldest_kept // WIDTH
