"""Invitations and sessions at rest: digests only. Using a link and opening its session is one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from govflow.audit.record import Draft
from govflow.errors import SignInRefused
from govflow.store import attempts
from govflow.store.attempts import Limit
from govflow.store.commits import Transaction
from govflow.store.engine import Database
from govflow.store.people import need_active
from govflow.store.tables import CONSOLE_SESSION as SESSION
from govflow.store.tables import PRINCIPAL
from govflow.store.tables import SIGN_IN_LINK as LINK
from govflow.store.times import micros, moment
from govflow.store.writer import Writer

_KEPT: Final = timedelta(days=30)  # links and sessions that are over; the log has them for ever


@dataclass(frozen=True, slots=True)
class Session:
    """A session. ``roles`` and ``groups`` are those that its sign-in vouched for."""

    digest: str
    tenant: str
    principal: str
    assurance: str
    method: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None

    @property
    def session_id(self) -> str:
        """What a session is called in lists and records: a part of the digest, from which nobody gets the secret."""
        return self.digest.removeprefix("sha256:")[:12]


Sessions = list[Session]


class SignIns:
    """Links and sessions of one database."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def invite(self, tenant: str, principal: str, digest: str, expires_at: datetime, by: str, now: datetime) -> None:
        """Keep the digest of a new link, with its ``sign_in.invited`` record. Older unused ones stop working.

        Raises:
            PrincipalError: there is no such principal.
            PrincipalInactive: it was deactivated.
        """
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            need_active(connection, tenant, principal)
            _forget(connection, tenant, now)
            unused = (LINK.c.tenant == tenant, LINK.c.principal == principal, LINK.c.used_at.is_(None))
            connection.execute(
                update(LINK).where(*unused, LINK.c.expires_at > micros(now)).values(expires_at=micros(now))
            )
            connection.execute(
                insert(LINK).values(
                    digest=digest,
                    tenant=tenant,
                    principal=principal,
                    created_at=micros(now),
                    created_by=by,
                    expires_at=micros(expires_at),
                    used_at=None,
                )
            )
            said: dict[str, JsonValue] = {"principal": principal, "expires_at": expires_at.isoformat()}
            transaction.record(Draft("sign_in.invited", tenant, now, subject=by, payload=said))

    def link_is_good(self, tenant: str, digest: str, now: datetime) -> bool:
        """Whether a link would open a session now. It changes nothing."""
        with self._db.reading() as connection:
            return connection.execute(select(LINK.c.digest).where(*_good(tenant, digest, now))).first() is not None

    def use_link(
        self,
        tenant: str,
        digest: str,
        session_digest: str,
        expires_at: datetime,
        now: datetime,
        limit: Limit | None = None,
    ) -> Session:
        """Use a link, once: it opens the session of ``session_digest`` for its principal.

        Raises:
            SignInRefused: the link opens nothing. One answer for all; the log has the cause.
            TooManyAttempts: neither did too many before it; this one is not put on record.
        """
        try:
            with self._writer.transaction() as transaction:
                connection = transaction.connection
                row = connection.execute(select(LINK).where(LINK.c.digest == digest)).mappings().first()
                spent = update(LINK).where(*_good(tenant, digest, now)).values(used_at=micros(now))
                if connection.execute(spent).rowcount != 1:
                    attempts.check(connection, tenant, limit, now)
                    raise SignInRefused(details={"cause": _cause(row, tenant, now)})
                assert row is not None  # what is not there was not spent
                opened = Session(
                    digest=session_digest,
                    tenant=tenant,
                    principal=row["principal"],
                    assurance="authenticated",
                    method="link",
                    roles=(),
                    groups=(),
                    created_at=now,
                    seen_at=now,
                    expires_at=expires_at,
                )
                _open(transaction, opened)
        except SignInRefused as refusal:
            whose = "" if row is None or row["tenant"] != tenant else str(row["principal"])
            self.refused(tenant, "link", str(refusal.details["cause"]), now, principal=whose, limit=limit)
            # A new one, without the cause: whoever presents a link learns nothing about it.
            raise SignInRefused(mend="Ask for a new link.") from None
        return opened

    def open(self, session: Session) -> None:
        """Open a session for somebody whom a provider vouched for.

        Raises:
            PrincipalError: there is no such principal.
            PrincipalInactive: it was deactivated.
        """
        with self._writer.transaction() as transaction:
            need_active(transaction.connection, session.tenant, session.principal)
            _forget(transaction.connection, session.tenant, session.created_at)
            _open(transaction, session)

    def refused(
        self,
        tenant: str,
        method: str,
        cause: str,
        now: datetime,
        *,
        principal: str = "",
        values: Mapping[str, JsonValue] | None = None,
        limit: Limit | None = None,
    ) -> None:
        """Put on record that somebody was not let in, and count it.

        Who was refused too often is told so instead, and the log does not grow. What counts is never refused for that:
        256 random bits are not found by trying, and nobody can lock others out who share an address.

        Args:
            tenant: whose log it is.
            method: link, oidc, api_key or jwt.
            cause: in one word.
            now: when.
            principal: whose secret it was, where that is known.
            values: what may be personal.
            limit: whose attempts are counted.

        Raises:
            TooManyAttempts: says until when.
        """
        said: dict[str, JsonValue] = {"method": method, "cause": cause}
        draft = Draft(
            "sign_in.refused", tenant, now, subject=principal or "anonymous", payload=said, values=values or {}
        )
        with self._writer.transaction() as transaction:
            attempts.check(transaction.connection, tenant, limit, now)
            attempts.count(transaction, tenant, limit, draft.subject, now)
            transaction.record(draft)

    def session(self, digest: str) -> Session | None:
        """The session of a secret, whatever became of it."""
        with self._db.reading() as connection:
            row = connection.execute(select(SESSION).where(SESSION.c.digest == digest)).mappings().first()
        return None if row is None else _of(row)

    def seen(self, digest: str, now: datetime) -> None:
        """Mark a session as used. One that was ended stays ended."""
        alive = (SESSION.c.digest == digest, SESSION.c.ended_at.is_(None), SESSION.c.seen_at < micros(now))
        with self._writer.transaction(durable=False) as transaction:
            transaction.connection.execute(update(SESSION).where(*alive).values(seen_at=micros(now)))

    def end(self, tenant: str, digest: str, by: str, now: datetime) -> bool:
        """End a session, with its ``session.ended`` record; False if there was none to end."""
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            mine = (SESSION.c.tenant == tenant, SESSION.c.digest == digest, SESSION.c.ended_at.is_(None))
            row = connection.execute(select(SESSION).where(*mine)).mappings().first()
            if row is None:
                return False
            connection.execute(update(SESSION).where(*mine).values(ended_at=micros(now)))
            found = _of(row)
            said: dict[str, JsonValue] = {"principal": found.principal, "session": found.session_id}
            transaction.record(Draft("session.ended", tenant, now, subject=by or found.principal, payload=said))
        return True

    def of_principal(self, tenant: str, principal: str | None, now: datetime) -> Sessions:
        """The sessions that were not ended and whose time is not over, newest first; of one principal or of all."""
        where = [SESSION.c.tenant == tenant, SESSION.c.ended_at.is_(None), SESSION.c.expires_at > micros(now)]
        if principal is not None:
            where.append(SESSION.c.principal == principal)
        with self._db.reading() as connection:
            rows = connection.execute(select(SESSION).where(*where).order_by(SESSION.c.created_at.desc())).mappings()
            return [_of(row) for row in rows]


def _good(tenant: str, digest: str, now: datetime) -> Sequence[Any]:
    """That a link is unused, in time, of this tenant, and of a principal that is active."""
    active = (
        select(PRINCIPAL.c.name)
        .where(PRINCIPAL.c.tenant == LINK.c.tenant, PRINCIPAL.c.name == LINK.c.principal, PRINCIPAL.c.active.is_(True))
        .exists()
    )
    return (
        LINK.c.digest == digest,
        LINK.c.tenant == tenant,
        LINK.c.used_at.is_(None),
        LINK.c.expires_at > micros(now),
        active,
    )


def _cause(row: RowMapping | None, tenant: str, now: datetime) -> str:
    if row is None:
        return "unknown"
    if row["tenant"] != tenant:
        return "tenant"
    if row["used_at"] is not None:
        return "used"
    return "expired" if row["expires_at"] <= micros(now) else "principal"


def _open(transaction: Transaction, session: Session) -> None:
    transaction.connection.execute(
        insert(SESSION).values(
            digest=session.digest,
            tenant=session.tenant,
            principal=session.principal,
            assurance=session.assurance,
            method=session.method,
            roles=json.dumps(session.roles),
            groups=json.dumps(session.groups),
            created_at=micros(session.created_at),
            seen_at=micros(session.seen_at),
            expires_at=micros(session.expires_at),
            ended_at=None,
        )
    )
    said: dict[str, JsonValue] = {
        "method": session.method,
        "session": session.session_id,
        "roles": list(session.roles),
        "groups": list(session.groups),
        "expires_at": session.expires_at.isoformat(),
    }
    draft = Draft("sign_in.succeeded", session.tenant, session.created_at, subject=session.principal, payload=said)
    transaction.record(draft)


def _forget(connection: Connection, tenant: str, now: datetime) -> None:
    """Take away what has been over for long."""
    for table in (LINK, SESSION):
        old = (table.c.tenant == tenant, table.c.expires_at < micros(now - _KEPT))
        connection.execute(delete(table).where(*old))


def _of(row: RowMapping) -> Session:
    return Session(
        digest=row["digest"],
        tenant=row["tenant"],
        principal=row["principal"],
        assurance=row["assurance"],
        method=row["method"],
        roles=tuple(json.loads(row["roles"])),
        groups=tuple(json.loads(row["groups"])),
        created_at=moment(row["created_at"]),
        seen_at=moment(row["seen_at"]),
        expires_at=moment(row["expires_at"]),
        ended_at=None if row["ended_at"] is None else moment(row["ended_at"]),
    )
