"""The tiles of a log's tree as they are stored: grown from the hashes of its records, and read for proofs.

Whatever is made of them is checked by somebody: a root against the head, a proof by whoever is given it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, tuple_

from govflow.audit.tiles import GrowingTiles, Tile, TiledHashes, TilePlace, edge_tiles
from govflow.errors import StoreError
from govflow.store.tables import AUDIT_RECORD as RECORD
from govflow.store.tables import AUDIT_TILE as TILE

_LEAVES: Final = 65_536  # records whose hashes become tiles in one transaction: others write in between

_T = TypeVar("_T")


def grow_tiles(connection: Connection, tenant: str, size: int) -> bool:
    """Make tiles of the next records; whether all of the first ``size`` are in tiles now.

    Raises:
        StoreError: a record is missing, or the tiles that are there are not those of a log.
    """
    width = select(func.max(TILE.c.place * 256 + TILE.c.width)).where(TILE.c.tenant == tenant, TILE.c.level == 0)
    before = int(connection.execute(width).scalar() or 0)
    if before > size:
        raise _damaged()
    if before == size:
        return True
    edge = {place.level: tile for place, tile in _read(connection, tenant, edge_tiles(before))}
    growing = whole(lambda: GrowingTiles(before, edge))
    until = min(size, before + _LEAVES)
    hashes = (
        select(RECORD.c.hash)
        .where(RECORD.c.tenant == tenant, RECORD.c.seq >= before, RECORD.c.seq < until)
        .order_by(RECORD.c.seq)
    )
    leaves = [bytes(row[0]) for row in connection.execute(hashes)]
    if len(leaves) != until - before:
        raise StoreError(
            f"Records are missing from the log of {tenant!r}, so no checkpoint of it is signed.",
            mend="govflow audit verify says which.",
        )
    for place, tile in whole(lambda: growing.append(leaves)):
        same = (TILE.c.tenant == tenant, TILE.c.level == place.level, TILE.c.place == place.index)
        connection.execute(delete(TILE).where(*same))
        row = {"tenant": tenant, "level": place.level, "place": place.index, "width": place.width}
        connection.execute(insert(TILE).values(**row, hashes=tile.to_bytes()))
    return until == size


def tiled_hashes(connection: Connection, tenant: str, size: int) -> TiledHashes:
    """The hashes of the tree of the first ``size`` records, read when they are asked for, and not checked."""
    found: dict[tuple[int, int], Tile] = {}  # proofs about neighbours are made of the same tiles

    def fetch(places: Sequence[TilePlace]) -> list[Tile]:
        missing = [place for place in places if (place.level, place.index) not in found]
        found.update({(place.level, place.index): tile for place, tile in _read(connection, tenant, missing)})
        return [found[place.level, place.index] for place in places]

    return TiledHashes(size, fetch)


def _read(connection: Connection, tenant: str, places: Sequence[TilePlace]) -> list[tuple[TilePlace, Tile]]:
    if not places:
        return []
    wanted = [(place.level, place.index) for place in places]
    found = select(TILE).where(TILE.c.tenant == tenant, tuple_(TILE.c.level, TILE.c.place).in_(wanted))
    rows = connection.execute(found).mappings().all()
    return whole(lambda: [_tile(row) for row in rows])


def _tile(row: RowMapping) -> tuple[TilePlace, Tile]:
    width = row["width"]
    return TilePlace(row["level"], row["place"], width), Tile(bytes(row["hashes"]), width)


def whole(made: Callable[[], _T]) -> _T:
    """What is made of tiles; ``StoreError`` if they cannot be those of a log."""
    try:
        return made()
    except (ValueError, IndexError, KeyError) as error:
        raise _damaged() from error


def _damaged() -> StoreError:
    return StoreError(
        "The table audit_tile is not what govflow wrote.",
        mend="Where nothing was pruned its rows can be removed: the next checkpoint makes them from the records.",
    )
