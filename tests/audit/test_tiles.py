"""Tiles: every hash of a tree in few pieces, whatever the batches in which it grew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit.levels import completed
from govflow.audit.proofs import prove_consistency, prove_inclusion, root_at
from govflow.audit.tiles import (
    WIDTH,
    GrowingTiles,
    Tile,
    TiledHashes,
    TilePlace,
    edge_tiles,
    home,
    prunable_tiles,
)
from tests.audit.trees import LEAVES, MOST, Levels, Tiles, path, root, subproof

LARGE = 66_000  # a full tile on level 1
BATCHES = st.lists(st.integers(0, 300), max_size=6)


@pytest.fixture(scope="module")
def large() -> Tiles:
    tiles = Tiles()
    tiles.append(LEAVES[:LARGE])
    return tiles


@given(BATCHES)
def test_tiles_hold_every_hash_however_the_log_grew(batches: list[int]) -> None:
    tiles, size = Tiles(), 0
    for count in batches:
        tiles.append(LEAVES[size : size + count])
        size += count
    levels = Levels(size)
    places = list(completed(0, size))
    assert TiledHashes(size, tiles.fetch).read(places) == levels.read(places)
    compact = tiles.growing.compact()
    assert (compact.size, compact.root()) == (size, root(0, size))
    edge = edge_tiles(size)
    again = GrowingTiles(size, {place.level: tiles.fetch([place])[0] for place in edge})
    assert again.compact().to_bytes() == compact.to_bytes()


@given(BATCHES)
def test_what_is_stored_does_not_hang_on_the_batches(batches: list[int]) -> None:
    piecewise, at_once = Tiles(), Tiles()
    size = 0
    for count in batches:
        piecewise.append(LEAVES[size : size + count])
        size += count
    at_once.append(LEAVES[:size])
    assert piecewise.rows == at_once.rows


@given(st.integers(1, LARGE), st.data())
def test_proofs_for_any_size_come_from_the_tiles_of_a_larger_log(large: Tiles, size: int, data: st.DataObject) -> None:
    hashes = TiledHashes(LARGE, large.fetch)
    index = data.draw(st.integers(0, size - 1))
    assert root_at(hashes, size) == root(0, size)
    assert prove_inclusion(hashes, index, size) == path(index, 0, size)
    assert prove_consistency(hashes, index + 1, size) == subproof(index + 1, 0, size, True)


def test_the_tiles_of_the_example_of_the_specification() -> None:
    """tlog-tiles, "Partial Tiles": a tree of 70,000 leaves, and one of 256."""
    tiles = Tiles()
    changed = tiles.growing.append(LEAVES[:70_000])
    full = [place.level for place, _ in changed if place.width == WIDTH]
    assert (full.count(0), full.count(1)) == (273, 1)
    assert edge_tiles(70_000) == [TilePlace(0, 273, 112), TilePlace(1, 1, 17), TilePlace(2, 0, 1)]
    assert edge_tiles(256) == [TilePlace(1, 0, 1)]


def test_what_changed_is_told_once_and_full_tiles_never_again(large: Tiles) -> None:
    growing = GrowingTiles()
    growing.append(LEAVES[:300])
    changed = growing.append(LEAVES[300:800])
    assert [place for place, _ in changed] == [
        TilePlace(0, 1),
        TilePlace(0, 2),
        TilePlace(0, 3, 32),
        TilePlace(1, 0, 3),
    ]
    assert growing.append([]) == []


def test_the_first_bytes_are_the_tile_of_the_specification(large: Tiles) -> None:
    data = large.rows[0, 2]
    assert len(data) == 16_352
    assert data[: WIDTH * 32] == b"".join(LEAVES[512:768])
    assert large.rows[1, 0][:32] == root(0, 256)


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (TilePlace(0, 0), "tile/0/000"),
        (TilePlace(1, 1234067), "tile/1/x001/x234/067"),
        (TilePlace(0, 273, 112), "tile/0/273.p/112"),
        (TilePlace(2, 1000, 1), "tile/2/x001/000.p/1"),
    ],
)
def test_addresses(place: TilePlace, path: str) -> None:
    assert place.path == path


def test_a_subtree_has_one_home() -> None:
    assert home((0, 300)) == ((0, 1), 0, 44)
    assert home((7, 3)) == ((0, 1), 7, 1)
    assert home((8, 3)) == ((1, 0), 0, 3)  # the root of a full tile is a hash of the one above


@given(st.integers(0, WIDTH), st.integers(0, WIDTH))
def test_a_tile_is_read_as_it_is_written(one: int, other: int) -> None:
    tile = Tile().grown(LEAVES[:one])
    assert [Tile(tile.to_bytes(), one).node(0, at) for at in range(one)] == list(LEAVES[:one])
    if one != other:
        with pytest.raises(ValueError, match="no tile"):
            Tile(tile.to_bytes(), other)


def test_what_a_tile_does_not_hold_is_not_made_up(large: Tiles) -> None:
    tile = Tile().grown(LEAVES[:3])
    for height, at in ((0, 3), (1, 1), (2, 0), (8, 0)):
        with pytest.raises(IndexError):
            tile.node(height, at)
    with pytest.raises(IndexError):
        tile.root()
    hashes = TiledHashes(LARGE, large.fetch)
    with pytest.raises(IndexError):
        prove_inclusion(hashes, 0, LARGE + WIDTH)
    with pytest.raises(IndexError):
        hashes.read([(16, 1)])


@pytest.mark.parametrize("leaves", [LEAVES[:257], [b"short"]])
def test_a_tile_takes_256_hashes_and_nothing_else(leaves: list[bytes]) -> None:
    with pytest.raises(ValueError, match="at most 256"):
        Tile().grown(leaves)


def test_an_edge_that_is_not_that_of_the_size_is_refused() -> None:
    with pytest.raises(ValueError, match="not the tiles at the edge"):
        GrowingTiles(3, {0: Tile().grown(LEAVES[:2])})
    with pytest.raises(ValueError, match="not the tiles at the edge"):
        GrowingTiles(256, {})


@given(st.integers(0, MOST))
def test_whole_tiles_go_and_no_record_that_is_to_be_kept(oldest_kept: int) -> None:
    gone = prunable_tiles(oldest_kept) * WIDTH
    assert gone <= oldest_kept < gone + WIDTH


@given(st.integers(1, LARGE // WIDTH), st.data())
def test_what_is_left_after_pruning_is_proven_without_the_rest(large: Tiles, whole: int, data: st.DataObject) -> None:
    """tlog-tiles, "Pruning": tiles that end at or before the minimum index are needed for nothing behind it."""
    minimum = whole * WIDTH
    kept = Tiles()
    kept.rows = {
        (level, index): tile
        for (level, index), tile in large.rows.items()
        if (index + 1) * WIDTH ** (level + 1) > minimum
    }
    assert (0, whole - 1) not in kept.rows
    hashes = TiledHashes(LARGE, kept.fetch)
    size1 = data.draw(st.integers(minimum, LARGE - 1))
    size2 = data.draw(st.integers(size1 + 1, LARGE))
    index = data.draw(st.integers(minimum, size2 - 1))
    assert root_at(hashes, size1) == root(0, size1)
    assert prove_inclusion(hashes, index, size2) == path(index, 0, size2)
    assert prove_consistency(hashes, size1, size2) == subproof(size1, 0, size2, True)
