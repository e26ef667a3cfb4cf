"""API keys of machines at rest: digests only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import RowMapping, insert, select, update

from govflow.audit.record import Draft
from govflow.errors import PrincipalError
from govflow.store.engine import Database
from govflow.store.people import need_active
from govflow.store.tables import API_KEY as KEY
from govflow.store.times import micros, moment
from govflow.store.writer import Writer


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key. ``name`` says what it is for; the secret is nowhere."""

    key_id: str
    digest: str
    tenant: str
    principal: str
    name: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None = None
    used_at: datetime | None = None


Found = list[ApiKey]


class ApiKeys:
    """The API keys of one database."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def add(self, key: ApiKey) -> None:
        """Keep a new key, with its ``api_key.created`` record.

        Raises:
            PrincipalError: there is no such principal.
            PrincipalInactive: it was deactivated.
        """
        with self._writer.transaction() as transaction:
            need_active(transaction.connection, key.tenant, key.principal)
            transaction.connection.execute(
                insert(KEY).values(
                    key_id=key.key_id,
                    digest=key.digest,
                    tenant=key.tenant,
                    principal=key.principal,
                    name=key.name,
                    created_at=micros(key.created_at),
                    created_by=key.created_by,
                    expires_at=None if key.expires_at is None else micros(key.expires_at),
                    revoked_at=None,
                    used_at=None,
                )
            )
            said: dict[str, JsonValue] = {
                "principal": key.principal,
                "key_id": key.key_id,
                "name": key.name,
                "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
            }
            draft = Draft("api_key.created", key.tenant, key.created_at, subject=key.created_by, payload=said)
            transaction.record(draft)

    def of_digest(self, digest: str) -> ApiKey | None:
        """The key of a secret, whatever became of it."""
        with self._db.reading() as connection:
            row = connection.execute(select(KEY).where(KEY.c.digest == digest)).mappings().first()
        return None if row is None else _of(row)

    def of_principal(self, tenant: str, principal: str | None) -> Found:
        """Every key there ever was, newest first; of one principal or of all."""
        where = [KEY.c.tenant == tenant]
        if principal is not None:
            where.append(KEY.c.principal == principal)
        with self._db.reading() as connection:
            rows = connection.execute(select(KEY).where(*where).order_by(KEY.c.created_at.desc())).mappings()
            return [_of(row) for row in rows]

    def used(self, key_id: str, now: datetime) -> None:
        """Mark a key as used."""
        with self._writer.transaction(durable=False) as transaction:
            transaction.connection.execute(update(KEY).where(KEY.c.key_id == key_id).values(used_at=micros(now)))

    def revoke(self, tenant: str, key_id: str, by: str, now: datetime) -> bool:
        """End a key, with its ``api_key.revoked`` record; False if it was ended before.

        Raises:
            PrincipalError: there is no key of that id.
        """
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            mine = (KEY.c.tenant == tenant, KEY.c.key_id == key_id)
            row = connection.execute(select(KEY).where(*mine)).mappings().first()
            if row is None:
                raise PrincipalError(
                    f"There is no API key {key_id!r}.", mend="`govflow people show NAME` lists the keys of a principal."
                )
            ended = update(KEY).where(*mine, KEY.c.revoked_at.is_(None)).values(revoked_at=micros(now))
            if connection.execute(ended).rowcount != 1:
                return False
            said: dict[str, JsonValue] = {"principal": row["principal"], "key_id": key_id, "name": row["name"]}
            transaction.record(Draft("api_key.revoked", tenant, now, subject=by, payload=said))
        return True


def _of(row: RowMapping) -> ApiKey:
    return ApiKey(
        key_id=row["key_id"],
        digest=row["digest"],
        tenant=row["tenant"],
        principal=row["principal"],
        name=row["name"],
        created_at=moment(row["created_at"]),
        created_by=row["created_by"],
        expires_at=None if row["expires_at"] is None else moment(row["expires_at"]),
        revoked_at=None if row["revoked_at"] is None else moment(row["revoked_at"]),
        used_at=None if row["used_at"] is None else moment(row["used_at"]),
    )
