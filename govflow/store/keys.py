"""The public halves of the keys that sign permits. What signs is in a file, never here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from govflow.audit.record import Draft
from govflow.store.engine import Database
from govflow.store.tables import PERMIT
from govflow.store.tables import SIGNING_KEY as KEY
from govflow.store.times import micros, moment
from govflow.store.writer import Writer


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A public key. ``retired_at`` and ``ends_at`` are None while it signs."""

    kid: str
    x: str  # base64url
    created_at: datetime
    retired_at: datetime | None = None
    ends_at: datetime | None = None  # its last permit is over then


class Keys:
    """Keys of one database, for all tenants."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def all(self) -> list[KnownKey]:
        """Every key there ever was, oldest first."""
        with self._db.reading() as connection:
            rows = connection.execute(select(KEY).order_by(KEY.c.created_at, KEY.c.kid)).mappings().all()
        return [_key_of(row) for row in rows]

    def get(self, kid: str) -> KnownKey | None:
        """The key of that name."""
        with self._db.reading() as connection:
            row = connection.execute(select(KEY).where(KEY.c.kid == kid)).mappings().first()
        return None if row is None else _key_of(row)

    def add(self, kid: str, x: str, at: datetime, draft: Draft) -> bool:
        """Make a key known, in the transaction of its ``key.created`` record; False if it was."""
        _expect(draft, "key.created")
        with self._writer.transaction() as transaction:
            if not _insert(transaction.connection, kid, x, at):
                return False
            transaction.record(draft)
        return True

    def replace(self, old: str | None, kid: str, x: str, at: datetime, created: Draft, retired: Draft | None) -> None:
        """Make a key known and retire the one before it, in one transaction with both records.

        Args:
            old: name of the key that signs no more; None if there was none.
            kid: name of the new one.
            x: its public half.
            at: when.
            created: the ``key.created`` record.
            retired: the ``key.retired`` record of the old one.
        """
        _expect(created, "key.created")
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            _insert(connection, kid, x, at)
            transaction.record(created)
            if old is not None and _retire(connection, old, at) and retired is not None:
                _expect(retired, "key.retired")
                transaction.record(retired)


def signs(connection: Connection, kid: str) -> bool:
    """Whether the key is known and was not retired, inside the caller's transaction."""
    row = connection.execute(select(KEY.c.retired_at).where(KEY.c.kid == kid)).first()
    return row is not None and row[0] is None


def _retire(connection: Connection, kid: str, at: datetime) -> bool:
    """It signs no more; it is trusted until the last permit that it signed is over."""
    last = connection.execute(select(func.max(PERMIT.c.expires_at)).where(PERMIT.c.kid == kid)).scalar()
    ends = max(micros(at), last or 0)
    fresh = (KEY.c.kid == kid, KEY.c.retired_at.is_(None))
    return connection.execute(update(KEY).where(*fresh).values(retired_at=micros(at), ends_at=ends)).rowcount == 1


def _insert(connection: Connection, kid: str, x: str, at: datetime) -> bool:
    if connection.execute(select(KEY.c.kid).where(KEY.c.kid == kid)).first() is not None:
        return False
    connection.execute(insert(KEY).values(kid=kid, x=x, created_at=micros(at), retired_at=None, ends_at=None))
    return True


def _expect(draft: Draft, event: str) -> None:
    if draft.event != event:
        raise ValueError(f"this is recorded as {event}")


def _key_of(row: RowMapping) -> KnownKey:
    return KnownKey(
        row["kid"],
        row["x"],
        moment(row["created_at"]),
        None if row["retired_at"] is None else moment(row["retired_at"]),
        None if row["ends_at"] is None else moment(row["ends_at"]),
    )
