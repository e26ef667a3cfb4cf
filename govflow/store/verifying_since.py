"""Where a walk over a log may begin that trusts a checkpoint: behind the records that it covers, which are not read.

What it needs of those are the peaks of their tree, the hash of the last of them, and the next number of each writer
that has written since. All come from the same database and are believed only where they lead to the root of the
checkpoint: peaks by folding them, a hash and a writer's last record by an inclusion proof.
"""

from __future__ import annotations

from sqlalchemy import Connection

from govflow.audit.body import parse_body
from govflow.audit.leaf import leaf_bytes, leaf_digest
from govflow.audit.levels import HashReader, full_subtrees
from govflow.audit.merkle import CompactRange, verify_inclusion
from govflow.audit.proofs import prove_inclusion
from govflow.audit.record import Entry
from govflow.audit.spans import GENESIS_BYTES, Held, Joined
from govflow.errors import StoreError
from govflow.store import log
from govflow.store.pruned import next_numbers
from govflow.store.seals import newest_hashes


def joined_at(connection: Connection, tenant: str, held: Held) -> Joined | None:
    """What stands before a walk that begins behind a checkpoint; None where the database does not lead there.

    Args:
        connection: sees one moment.
        tenant: whose log.
        held: a checkpoint of it that is trusted.
    """
    hashes = newest_hashes(connection, tenant, held.size)
    if hashes is None:
        return None
    try:
        tree = CompactRange(held.size, hashes.read(full_subtrees(0, held.size)))
        if tree.root() != held.root:
            return None
        last = bytes(hashes.read([(0, held.size - 1)])[0])
        _check(hashes, held, held.size - 1, last)
        before = bytes(hashes.read([(0, held.size - 2)])[0]) if held.size > 1 else GENESIS_BYTES
        writers = next_numbers(connection, tenant)
        for writer in log.writers_since(connection, tenant, held.size):
            entry = log.last_of_writer(connection, tenant, writer, held.size)
            if entry is not None:
                writers[writer] = _next_number(hashes, held, tenant, writer, entry)
    except (
        ValueError,
        IndexError,
        KeyError,
        TypeError,
        AttributeError,
        StoreError,
    ):  # tiles or rows that are not what govflow wrote
        return None
    return Joined(tenant, held.size, last, before, tree, writers)


def _next_number(hashes: HashReader, held: Held, tenant: str, writer: str, entry: Entry) -> int:
    _check(hashes, held, entry.seq, leaf_digest(leaf_bytes(entry.seq, entry.prev, entry.body)))
    body = parse_body(entry.body)
    if (body["tenant"], body["writer"]) != (tenant, writer):
        raise ValueError("it is a record of another writer")
    return int(body["writer_seq"]) + 1


def _check(hashes: HashReader, held: Held, seq: int, leaf: bytes) -> None:
    verify_inclusion(leaf, seq, held.size, prove_inclusion(hashes, seq, held.size), held.root)
