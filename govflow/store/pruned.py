"""What is left of the records that were pruned: enough to go on checking the log behind them.

Of each record its hash is kept, in the tiles of the tree; of all of them together the peaks of their tree, the hash of
the last one, and the next number of each of their writers. None of that is believed by itself: the newest
``log.pruned`` record, which stands in the log, says the same, and what comes after must lead to the root of the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from govflow.audit.body import parse_body
from govflow.audit.levels import full_subtrees
from govflow.audit.merkle import CompactRange, ProofError, verify_consistency
from govflow.audit.proofs import prove_consistency
from govflow.audit.spans import Held, Joined
from govflow.errors import StoreError
from govflow.ir.canonical import canonical
from govflow.store.seals import newest_hashes
from govflow.store.statements import run
from govflow.store.tables import AUDIT_PRUNED_WRITER as WRITER

EVENT: Final = "log.pruned"

_T = TypeVar("_T")
# As the driver gives them: a number where bytes are expected would be made into as many zeros.
_NEWEST: Final = "SELECT until, last, before, peaks FROM audit_pruned WHERE tenant=? ORDER BY until DESC LIMIT 1"
_SAID: Final = "SELECT seq, body FROM audit_record WHERE tenant=? AND event=? ORDER BY seq DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Pruned:
    """The first ``until`` records of a log are gone; ``good`` is where a walk over the rest begins.

    ``seq`` is the place of the record that says so, ``by`` and ``at`` who did it and when.
    """

    until: int
    good: Joined
    seq: int
    by: str
    at: datetime

    def words(self) -> str:
        """For people."""
        on = f"{self.at:%Y-%m-%d}"
        return (
            f" Records 0 to {self.until - 1} are not there: {self.by} pruned them on {on}, as record {self.seq} says."
        )


def pruned(connection: Connection, tenant: str) -> Pruned | None:
    """What was pruned of a log; None where nothing was, or where the log does not say the same as the tables."""
    try:
        row = run(connection, _NEWEST, (tenant,)).first()
        record = run(connection, _SAID, (tenant, EVENT)).first()
        if row is None or record is None:
            return None
        until, (last, before, peaks) = _of(int, row[0]), (_of(bytes, value) for value in row[1:])
        tree = CompactRange.from_bytes(until, peaks)
        good = Joined(tenant, until, last, before, tree, next_numbers(connection, tenant))
        body = parse_body(_of(bytes, record[1]))
        if any(body["payload"].get(name) != value for name, value in state(good).items()):
            return None
        return Pruned(good.size, good, record[0], body["subject"], datetime.fromisoformat(body["at"]))
    except (ValueError, TypeError, KeyError, SQLAlchemyError):  # in SQLite a column holds what somebody put there
        return None


def state(good: Joined) -> dict[str, Any]:
    """What the record of pruning says of all that is gone: the same at each place, whoever makes it."""
    return {
        "until": good.size,
        "root": "sha256:" + good.tree.root().hex(),
        "hash": "sha256:" + good.prev.hex(),
        "writers": "sha256:" + sha256(canonical(good.writers)).hexdigest(),
    }


def next_numbers(connection: Connection, tenant: str) -> dict[str, int]:
    """The next number of each writer some of whose records were pruned."""
    rows = connection.execute(select(WRITER.c.writer, WRITER.c.next).where(WRITER.c.tenant == tenant))
    return {_of(str, row.writer): _of(int, row.next) for row in rows}


def _of(kind: type[_T], value: object) -> _T:
    """``TypeError`` where SQLite holds something of another kind in a column."""
    if type(value) is not kind:
        raise TypeError(f"a {kind.__name__} is expected")
    return value


def leads_to(connection: Connection, tenant: str, held: Held, good: Joined) -> bool:
    """Whether the tree of what was pruned begins with that of a checkpoint.

    Raises:
        StoreError: the hashes that would show it are not there.
    """
    hashes = newest_hashes(connection, tenant, good.size)
    if hashes is None:
        raise StoreError("No checkpoint covers what was pruned.")
    try:
        proof = prove_consistency(hashes, held.size, good.size)
    except (KeyError, IndexError, ValueError) as error:
        raise StoreError("The tiles of what was pruned are not whole.") from error
    try:
        verify_consistency(held.size, good.size, proof, held.root, good.tree.root())
    except ProofError:
        return False
    return True


def tiled_root(connection: Connection, tenant: str, size: int) -> bytes | None:
    """The root over so many records by the tiles; None where no checkpoint covers them or the tiles are not whole."""
    hashes = newest_hashes(connection, tenant, size)
    try:
        return None if hashes is None else CompactRange(size, hashes.read(full_subtrees(0, size))).root()
    except (KeyError, IndexError, ValueError, StoreError):
        return None
