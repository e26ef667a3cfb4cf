"""Checkpoints of a tenant's log, and proofs against them, made from the tiles of its tree (:mod:`.tiles`).

Tiles grow when a checkpoint is made, not when a record is written: they are made from the hashes of the records, and
must lead to the root that the log's head has. So writing a record costs nothing for them, and a tile that somebody
changed makes a proof that fails, never one that convinces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, func, insert, select

from govflow.audit.levels import full_subtrees
from govflow.audit.merkle import EMPTY_ROOT, CompactRange
from govflow.audit.proofs import prove_consistency, prove_inclusion, root_at
from govflow.audit.record import Entry, Head
from govflow.audit.tiles import TiledHashes
from govflow.errors import RequestError, StoreError
from govflow.store import log
from govflow.store.engine import Database
from govflow.store.tables import AUDIT_CHECKPOINT as CHECKPOINT
from govflow.store.tables import AUDIT_COSIGNATURE as COSIGNATURE
from govflow.store.tables import AUDIT_ORIGIN as ORIGIN
from govflow.store.tables import AUDIT_RECORD as RECORD
from govflow.store.tiles import grow_tiles, tiled_hashes, whole
from govflow.store.times import micros, moment
from govflow.store.writer import Writer

_LOOKED_AT: Final = 8  # checkpoints with lines of witnesses; one has enough of them, or it is said what is missing

Sign = Callable[[Head, str], str]
"""The signed note for a head, of the logs that are known by this name."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A checkpoint as it is kept. ``note`` is the signed note, word for word, with the lines of witnesses under it."""

    tenant: str
    size: int
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What of a log no checkpoint covers yet: how many records, since when, and whether one of them ends a run."""

    records: int
    since: datetime | None  # None: all is sealed
    run_ended: bool


@dataclass(frozen=True, slots=True)
class Included:
    """A record, and the proof that the tree of a checkpoint holds it (RFC 6962, 2.1.1)."""

    entry: Entry
    hashes: tuple[bytes, ...]
    sealed: Sealed


class Seals:
    """The checkpoints of one database."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def name(self) -> str | None:
        """What the logs of this database are known by; None before the first checkpoint."""
        with self._db.reading() as connection:
            return _name(connection)

    def seal(self, tenant: str, fresh_name: str, sign: Sign, now: datetime) -> Sealed | None:
        """Make a checkpoint of the log as it is; the newest one if nothing was written since, None of an empty log.

        Args:
            tenant: whose log.
            fresh_name: what the logs of the database are known by from now on, if they have no name yet.
            sign: called once, within the transaction that keeps what it gives.
            now: aware.

        Raises:
            StoreError: the database cannot be used; or its records do not lead to the root of its head, and nothing
                is signed.
        """
        self._writer.flush()
        while True:
            with self._writer.transaction() as transaction:
                connection = transaction.connection
                head = log.head(connection, tenant)
                newest = _newest(connection, tenant)
                if head.size == 0 or (newest is not None and newest.size == head.size):
                    return newest
                if newest is not None and newest.size > head.size:
                    raise _cut(newest, head)
                if grow_tiles(connection, tenant, head.size):
                    _check_root(connection, head)
                    name = _name(connection) or _named(connection, fresh_name)
                    sealed = Sealed(tenant, head.size, sign(head, name), now)
                    row = {"tenant": tenant, "size": sealed.size, "note": sealed.note, "at": micros(now)}
                    connection.execute(insert(CHECKPOINT).values(**row))
                    return sealed

    def unsealed(self, tenant: str) -> Unsealed:
        """What was written to a tenant's log since its newest checkpoint. What waits in a spool is not counted."""
        with self._db.reading() as connection:
            newest = _newest(connection, tenant)
            behind = (RECORD.c.tenant == tenant, RECORD.c.seq >= (newest.size if newest else 0))
            first = connection.execute(select(RECORD.c.seq, RECORD.c.at).where(*behind).order_by(RECORD.c.seq).limit(1))
            oldest = first.first()
            if oldest is None:
                return Unsealed(0, None, False)
            ended = select(RECORD.c.seq).where(*behind, RECORD.c.event == "run.closed").limit(1)
            run_ended = connection.execute(ended).first() is not None
            return Unsealed(log.head(connection, tenant).size - oldest.seq, moment(oldest.at), run_ended)

    def newest(self, tenant: str) -> Sealed | None:
        """The last checkpoint of a tenant's log."""
        with self._db.reading() as connection:
            return _newest(connection, tenant)

    def at(self, tenant: str, size: int) -> Sealed | None:
        """The checkpoint of so many records."""
        found = select(CHECKPOINT).where(CHECKPOINT.c.tenant == tenant, CHECKPOINT.c.size == size)
        with self._db.reading() as connection:
            row = connection.execute(found).mappings().first()
            return None if row is None else _sealed(connection, row)

    def last(self, tenant: str, limit: int = 50) -> list[Sealed]:
        """The last checkpoints, newest first."""
        found = select(CHECKPOINT).where(CHECKPOINT.c.tenant == tenant).order_by(CHECKPOINT.c.size.desc()).limit(limit)
        with self._db.reading() as connection:
            return [_sealed(connection, row) for row in connection.execute(found).mappings().all()]

    def witnessed(self, tenant: str, witness: str) -> int:
        """The size of the largest checkpoint that a witness has cosigned; 0 if none. ``witness``: its verifier key."""
        largest = select(func.max(COSIGNATURE.c.size))
        with self._db.reading() as connection:
            found = connection.execute(
                largest.where(COSIGNATURE.c.tenant == tenant, COSIGNATURE.c.witness == witness)
            ).scalar()
        return int(found or 0)

    def cosigned(self, tenant: str, witnesses: Sequence[str], quorum: int) -> list[Sealed]:
        """The largest checkpoints with lines of so many of these witnesses, and the largest with any at all.

        Args:
            tenant: whose log.
            witnesses: their verifier keys.
            quorum: how many of them.
        """
        of_them = (COSIGNATURE.c.tenant == tenant, COSIGNATURE.c.witness.in_(witnesses))
        sizes = select(COSIGNATURE.c.size).where(*of_them).group_by(COSIGNATURE.c.size)
        sizes = sizes.order_by(COSIGNATURE.c.size.desc()).limit(_LOOKED_AT)
        with self._db.snapshot() as connection:
            wanted: set[int] = set()
            for statement in (sizes.having(func.count() >= quorum), sizes):
                wanted.update(connection.execute(statement).scalars())
            found = select(CHECKPOINT).where(CHECKPOINT.c.tenant == tenant, CHECKPOINT.c.size.in_(wanted))
            return [_sealed(connection, row) for row in connection.execute(found).mappings().all()]

    def last_cosigned(self, tenant: str, witness: str) -> tuple[int, datetime] | None:
        """Size of the largest checkpoint that a witness has cosigned, and when its line was kept here; None: never."""
        found = select(COSIGNATURE.c.size, COSIGNATURE.c.at).where(
            COSIGNATURE.c.tenant == tenant, COSIGNATURE.c.witness == witness
        )
        with self._db.reading() as connection:
            row = connection.execute(found.order_by(COSIGNATURE.c.size.desc()).limit(1)).first()
            return None if row is None else (int(row.size), moment(row.at))

    def cosign(self, sealed: Sealed, witness: str, line: str, now: datetime) -> None:
        """Keep a witness' line under a checkpoint; the first one stays.

        Args:
            sealed: as it was shown to the witness.
            witness: its verifier key.
            line: whose signature was checked.
            now: aware.
        """
        row = {"tenant": sealed.tenant, "size": sealed.size, "witness": witness}
        with self._writer.transaction() as transaction:
            there = select(COSIGNATURE.c.at).where(*(COSIGNATURE.c[name] == value for name, value in row.items()))
            if transaction.connection.execute(there).first() is None:
                values = {**row, "line": line, "at": micros(now)}
                transaction.connection.execute(insert(COSIGNATURE).values(**values))

    def prove(self, tenant: str, seq: int) -> Included:
        """A record with its proof against the newest checkpoint. Raises as :meth:`prove_all` does."""
        return self.prove_all(tenant, [seq])[0]

    def prove_all(self, tenant: str, places: Sequence[int]) -> list[Included]:
        """Records with their proofs, all against one checkpoint: the newest.

        Raises:
            RequestError: the log has no such record, or no checkpoint that covers it.
            StoreError: the tiles are not whole.
        """
        with self._db.snapshot() as connection:
            newest = _newest(connection, tenant)
            tiled = tiled_hashes(connection, tenant, newest.size if newest else 0)
            return [_included(connection, tenant, seq, newest, tiled) for seq in places]

    def consistency(self, tenant: str, size: int) -> tuple[Sealed, list[bytes]]:
        """The newest checkpoint, and the proof that its tree begins with that of ``size`` records.

        Raises:
            RequestError: no checkpoint is that large.
            StoreError: the tiles are not whole.
        """
        with self._db.snapshot() as connection:
            newest = _newest(connection, tenant)
            if newest is None or not 0 < size <= newest.size:
                raise _too_few(tenant, size)
            hashes = whole(lambda: prove_consistency(tiled_hashes(connection, tenant, newest.size), size, newest.size))
            return newest, hashes

    def tree(self, tenant: str, size: int) -> CompactRange:
        """The tree of the first ``size`` records, from the tiles; no record is read, and nothing is checked.

        Raises:
            RequestError: no checkpoint is that large.
            StoreError: the tiles are not whole.
        """
        with self._db.snapshot() as connection:
            hashes = newest_hashes(connection, tenant, size)
            if hashes is None:
                raise _too_few(tenant, size)
            return whole(lambda: CompactRange(size, hashes.read(full_subtrees(0, size))))


def newest_size(connection: Connection, tenant: str) -> int:
    """How many records the newest checkpoint of a log covers; 0 without one."""
    newest = _newest(connection, tenant)
    return 0 if newest is None else newest.size


def newest_hashes(connection: Connection, tenant: str, size: int) -> TiledHashes | None:
    """The hashes that lead to the newest checkpoint of a log; None if that does not cover ``size`` records.

    Nothing of them is checked, and reading them raises ``KeyError``, ``IndexError``, ``ValueError`` or ``StoreError``
    where they are not whole.
    """
    newest = _newest(connection, tenant)
    return None if newest is None or not 0 < size <= newest.size else tiled_hashes(connection, tenant, newest.size)


def _included(connection: Connection, tenant: str, seq: int, newest: Sealed | None, tiled: TiledHashes) -> Included:
    if newest is None or not 0 <= seq < newest.size:
        raise _not_covered(connection, tenant, seq)
    entry = log.entry(connection, tenant, seq)
    if entry is None:
        if seq < log.begins_at(connection, tenant):
            raise RequestError(
                f"Record {seq} of {tenant!r} was pruned.",
                mend="Look for it in an export, or in a proof or receipt that was made before.",
                details={"tenant": tenant, "record": seq},
            )
        raise RequestError(
            f"Record {seq} of {tenant!r} is gone.",
            mend="govflow audit verify says what was changed.",
            details={"tenant": tenant, "record": seq},
        )
    hashes = whole(lambda: prove_inclusion(tiled, seq, newest.size))
    return Included(entry, tuple(hashes), newest)


def _not_covered(connection: Connection, tenant: str, seq: int) -> RequestError:
    size = log.head(connection, tenant).size
    if 0 <= seq < size:
        return RequestError(
            f"No checkpoint covers record {seq} of {tenant!r}.",
            mend="Make one: govflow audit checkpoint",
            details={"tenant": tenant, "record": seq},
        )
    there = f"it has those from 0 to {size - 1}" if size else "it has none"
    return RequestError(
        f"The log of {tenant!r} has no record {seq}: {there}.",
        mend="govflow audit tail and govflow audit query show records with their places.",
        details={"tenant": tenant, "record": seq},
    )


def _too_few(tenant: str, size: int) -> RequestError:
    return RequestError(
        f"No checkpoint of {tenant!r} covers {size} records.", mend="Make one: govflow audit checkpoint"
    )


def _cut(newest: Sealed, head: Head) -> StoreError:
    return StoreError(
        f"The log of {head.tenant!r} has {head.size} records, and a checkpoint of {newest.size} is signed: it was cut.",
        mend="Restore the database; govflow audit verify says what is there.",
    )


def _name(connection: Connection) -> str | None:
    found = connection.execute(select(ORIGIN.c.name)).scalar()
    return None if found is None else str(found)


def _named(connection: Connection, name: str) -> str:
    connection.execute(insert(ORIGIN).values(number=1, name=name))
    return name


def _newest(connection: Connection, tenant: str) -> Sealed | None:
    of_tenant = select(CHECKPOINT).where(CHECKPOINT.c.tenant == tenant)
    row = connection.execute(of_tenant.order_by(CHECKPOINT.c.size.desc()).limit(1)).mappings().first()
    return None if row is None else _sealed(connection, row)


def _sealed(connection: Connection, row: RowMapping) -> Sealed:
    of_it = (COSIGNATURE.c.tenant == row["tenant"], COSIGNATURE.c.size == row["size"])
    lines = connection.execute(select(COSIGNATURE.c.line).where(*of_it).order_by(COSIGNATURE.c.witness)).scalars()
    return Sealed(row["tenant"], row["size"], row["note"] + "".join(lines), moment(row["at"]))


def _check_root(connection: Connection, head: Head) -> None:
    """The tiles lead to the root of the head, else one of them was changed."""
    root = (
        whole(lambda: root_at(tiled_hashes(connection, head.tenant, head.size), head.size)) if head.size else EMPTY_ROOT
    )
    if "sha256:" + root.hex() != head.root:
        raise StoreError(
            f"The records of {head.tenant!r} do not lead to the root of the log's head, so no checkpoint is signed.",
            mend="govflow audit verify says what was changed.",
        )
