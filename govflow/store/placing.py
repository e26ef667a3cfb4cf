"""Giving records their place in a log: the rows that follow its end, each a link of the hash chain and a leaf."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from govflow.audit.leaf import leaf_bytes, leaf_digest
from govflow.audit.merkle import CompactRange
from govflow.audit.record import GENESIS

COLUMNS: Final = {
    "tenant": "text",
    "seq": "bigint",
    "prev": "bytea",
    "hash": "bytea",
    "body": "bytea",
    "writer": "text",
    "writer_seq": "bigint",
    "event": "text",
    "subject": "text",
    "run_id": "text",
    "at": "bigint",
    "rule": "text",
}
VALUE_COLUMNS: Final = {"writer": "text", "writer_seq": "bigint", "name": "text", "salt": "bytea", "value": "text"}


class Pending(NamedTuple):
    """A record that is acknowledged and has no place yet. ``values`` are name, salt and canonical JSON text."""

    tenant: str
    writer: str
    writer_seq: int
    event: str
    subject: str
    run_id: str | None
    at: int  # microseconds since 1970
    rule: str | None
    body: bytes
    values: tuple[tuple[str, bytes, str], ...] = ()


class End(NamedTuple):
    """Where a tenant's log ends: its size, the last leaf hash, and the peaks of its tree one after the other."""

    size: int
    hash: bytes
    peaks: bytes


EMPTY: Final = End(0, bytes.fromhex(GENESIS.removeprefix("sha256:")), b"")


class Placed(NamedTuple):
    """Rows of records that follow an end, and the end that they make."""

    rows: list[tuple[object, ...]]
    end: End


def place(end: End, records: Iterable[Pending]) -> Placed:
    """Give records of one tenant their places behind an end.

    Raises:
        ValueError: it cannot be the end of a log.
    """
    tree = CompactRange.from_bytes(end.size, end.peaks)
    size, last = end.size, end.hash
    rows: list[tuple[object, ...]] = []
    leaves: list[bytes] = []
    for record in records:
        leaf = leaf_digest(leaf_bytes(size, "sha256:" + last.hex(), record.body))
        rows.append((record.tenant, size, last, leaf, record.body, *record[1:8]))
        leaves.append(leaf)
        last = leaf
        size += 1
    tree.extend(leaves)
    return Placed(rows, End(size, last, tree.to_bytes()))


def value_rows(records: Iterable[Pending]) -> list[tuple[object, ...]]:
    """What the side table is to hold of records."""
    return [(record.writer, record.writer_seq, *value) for record in records for value in record.values]
