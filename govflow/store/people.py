"""Principals at rest: who may sign in, with which roles and groups. Each change and its record are one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Connection, RowMapping, insert, select, update

from govflow.approval.people import person_key
from govflow.audit.record import Draft
from govflow.errors import PrincipalError, PrincipalInactive
from govflow.identity.principal import PrincipalKind
from govflow.store.commits import Transaction
from govflow.store.engine import Database
from govflow.store.tables import API_KEY, CONSOLE_SESSION, SIGN_IN_LINK
from govflow.store.tables import PRINCIPAL as ROW
from govflow.store.times import micros, moment
from govflow.store.withdrawals import withdraw_votes
from govflow.store.writer import Writer


@dataclass(frozen=True, slots=True)
class KnownPrincipal:
    """A principal as the store has it. ``issuer`` and ``oidc_subject`` say who signs in as this one elsewhere."""

    tenant: str
    name: str
    kind: PrincipalKind
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    email: str | None
    issuer: str | None
    oidc_subject: str | None
    active: bool
    created_at: datetime
    created_by: str


Known = list[KnownPrincipal]


class People:
    """The principals of one database. A principal is never deleted: what it did keeps its name."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def get(self, tenant: str, name: str) -> KnownPrincipal | None:
        """The principal of exactly that name."""
        with self._db.reading() as connection:
            return _read(connection, tenant, name)

    def spellings(self, tenant: str, name: str) -> Known:
        """Every principal that counts as the same person as ``name``; one at most is to be expected."""
        with self._db.reading() as connection:
            return _spellings(connection, tenant, name)

    def of_subject(self, tenant: str, issuer: str, subject: str) -> KnownPrincipal | None:
        """The principal as whom a subject of a sign-in provider signs in."""
        with self._db.reading() as connection:
            return _of_subject(connection, tenant, issuer, subject)

    def list(self, tenant: str, *, inactive: bool = False) -> Known:
        """The principals of a tenant by name; with those that were deactivated if asked for."""
        statement = select(ROW).where(ROW.c.tenant == tenant).order_by(ROW.c.person, ROW.c.name)
        if not inactive:
            statement = statement.where(ROW.c.active.is_(True))
        with self._db.reading() as connection:
            return [_of(row) for row in connection.execute(statement).mappings()]

    def add(self, principal: KnownPrincipal) -> None:
        """Make a principal known, with its ``principal.created`` record.

        Raises:
            PrincipalError: the name, or another spelling of it, or the subject of its provider is taken.
        """
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            for same in _spellings(connection, principal.tenant, principal.name):
                raise PrincipalError(
                    f"{principal.name!r} is taken by {same.name!r}"
                    + ("." if same.active else ", who was deactivated."),
                    mend="Names that differ in the case of letters only are one person. `govflow people change "
                    f"{same.name}` changes the one that there is.",
                    details={"principal": principal.name, "taken_by": same.name},
                )
            _free_subject(connection, principal)
            connection.execute(
                insert(ROW).values(
                    tenant=principal.tenant,
                    name=principal.name,
                    person=person_key(principal.name),
                    active=True,
                    created_at=micros(principal.created_at),
                    created_by=principal.created_by,
                    **_changeable(principal),
                )
            )
            _record(transaction, "principal.created", principal, principal.created_by, principal.created_at, {})

    def change(self, changed: KnownPrincipal, by: str, now: datetime) -> bool:
        """Put ``changed`` in the place of the principal of its name; False if that changes nothing.

        Name, activity and origin stay as they are.

        Raises:
            PrincipalError: there is none of that name, or the subject of its provider is another's.
        """
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            before = _read(connection, changed.tenant, changed.name)
            if before is None:
                raise unknown(changed.name)
            new, old = _changeable(changed), _changeable(before)
            if new == old:
                return False
            _free_subject(connection, changed)
            connection.execute(update(ROW).where(*_named(changed.tenant, changed.name)).values(**new))
            if (before.issuer, before.oidc_subject) != (changed.issuer, changed.oidc_subject):
                _end_sessions(connection, changed.tenant, changed.name, now)  # somebody else signs in from now on
            was: dict[str, JsonValue] = {"roles_before": list(before.roles), "groups_before": list(before.groups)}
            _record(transaction, "principal.changed", changed, by, now, was)
        return True

    def deactivate(self, tenant: str, name: str, by: str, now: datetime) -> Mapping[str, int]:
        """End a principal with all sessions, links and API keys at once, and take its open votes out.

        Returns:
            How many of each were good until now: ``sessions``, ``links``, ``keys``, and ``votes`` that had decided
            nothing yet.

        Raises:
            PrincipalError: there is none of that name, or it was deactivated before.
        """
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            before = _read(connection, tenant, name)
            if before is None:
                raise unknown(name)
            active = update(ROW).where(*_named(tenant, name), ROW.c.active.is_(True)).values(active=False)
            if connection.execute(active).rowcount != 1:
                raise PrincipalError(f"{name!r} was deactivated before.", details={"principal": name})
            ended = {
                "sessions": _end_sessions(connection, tenant, name, now),
                "links": _end_links(connection, tenant, name, now),
                "keys": _end_keys(connection, tenant, name, now),
                "votes": withdraw_votes(transaction, tenant, name, by, micros(now)),
            }
            _record(transaction, "principal.deactivated", before, by, now, dict(ended))
        return ended

    def reactivate(self, tenant: str, name: str, by: str, now: datetime) -> bool:
        """Let a deactivated principal sign in again, with new links and keys; False if it was active.

        Raises:
            PrincipalError: there is none of that name.
        """
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            before = _read(connection, tenant, name)
            if before is None:
                raise unknown(name)
            inactive = update(ROW).where(*_named(tenant, name), ROW.c.active.is_(False)).values(active=True)
            if connection.execute(inactive).rowcount != 1:
                return False
            _record(transaction, "principal.reactivated", before, by, now, {})
        return True


def unknown(name: str) -> PrincipalError:
    """That there is no principal of that name."""
    return PrincipalError(
        f"There is no principal {name!r}.",
        mend="`govflow people list --all` shows those there are; `govflow people add NAME` makes one.",
        details={"principal": name},
    )


def need_active(connection: Connection, tenant: str, name: str) -> None:
    """Raise ``PrincipalError`` if there is no such principal, ``PrincipalInactive`` if it was deactivated."""
    found = _read(connection, tenant, name)
    if found is None:
        raise unknown(name)
    if not found.active:
        raise inactive(name)


def inactive_people(connection: Connection, tenant: str) -> frozenset[str]:
    """Keys (:func:`govflow.approval.people.person_key`) of those who were deactivated: nothing of theirs counts."""
    gone = select(ROW.c.person).where(ROW.c.tenant == tenant, ROW.c.active.is_(False))
    return frozenset(connection.execute(gone).scalars())


def inactive(name: str) -> PrincipalInactive:
    """That the principal of that name was deactivated."""
    return PrincipalInactive(
        f"{name} was deactivated.",
        mend=f"`govflow people change {name} --activate` lets {name} in again.",
        details={"principal": name},
    )


def _named(tenant: str, name: str) -> tuple[Any, ...]:
    return ROW.c.tenant == tenant, ROW.c.name == name


def _read(connection: Connection, tenant: str, name: str) -> KnownPrincipal | None:
    row = connection.execute(select(ROW).where(*_named(tenant, name))).mappings().first()
    return None if row is None else _of(row)


def _spellings(connection: Connection, tenant: str, name: str) -> Known:
    same = select(ROW).where(ROW.c.tenant == tenant, ROW.c.person == person_key(name)).order_by(ROW.c.name)
    return [_of(row) for row in connection.execute(same).mappings()]


def _of_subject(connection: Connection, tenant: str, issuer: str, subject: str) -> KnownPrincipal | None:
    whose = (ROW.c.tenant == tenant, ROW.c.issuer == issuer, ROW.c.oidc_subject == subject)
    row = connection.execute(select(ROW).where(*whose)).mappings().first()
    return None if row is None else _of(row)


def _free_subject(connection: Connection, principal: KnownPrincipal) -> None:
    """One subject of a provider is one principal: another cannot be given the same."""
    if principal.issuer is None or principal.oidc_subject is None:
        return
    other = _of_subject(connection, principal.tenant, principal.issuer, principal.oidc_subject)
    if other is not None and other.name != principal.name:
        raise PrincipalError(
            f"This subject of {principal.issuer} signs in as {other.name!r} already.",
            mend=f"Take it away from {other.name} first.",
            details={"principal": principal.name, "taken_by": other.name},
        )


def _end_sessions(connection: Connection, tenant: str, name: str, now: datetime) -> int:
    table = CONSOLE_SESSION
    good = (table.c.tenant == tenant, table.c.principal == name, table.c.ended_at.is_(None))
    alive = table.c.expires_at > micros(now)
    return connection.execute(update(table).where(*good, alive).values(ended_at=micros(now))).rowcount


def _end_links(connection: Connection, tenant: str, name: str, now: datetime) -> int:
    table = SIGN_IN_LINK
    good = (table.c.tenant == tenant, table.c.principal == name, table.c.used_at.is_(None))
    alive = table.c.expires_at > micros(now)
    return connection.execute(update(table).where(*good, alive).values(expires_at=micros(now))).rowcount


def _end_keys(connection: Connection, tenant: str, name: str, now: datetime) -> int:
    table = API_KEY
    good = (table.c.tenant == tenant, table.c.principal == name, table.c.revoked_at.is_(None))
    return connection.execute(update(table).where(*good).values(revoked_at=micros(now))).rowcount


def _changeable(principal: KnownPrincipal) -> dict[str, Any]:
    return {
        "kind": principal.kind.value,
        "roles": json.dumps(principal.roles),
        "groups": json.dumps(principal.groups),
        "email": principal.email,
        "issuer": principal.issuer,
        "oidc_subject": principal.oidc_subject,
    }


def _record(
    transaction: Transaction,
    event: str,
    principal: KnownPrincipal,
    by: str,
    now: datetime,
    more: Mapping[str, JsonValue],
) -> None:
    """Who did it is the subject. An address and the number at a provider are personal: they can be erased."""
    personal = {"email": principal.email, "oidc_subject": principal.oidc_subject}
    said: dict[str, JsonValue] = {
        "principal": principal.name,
        "kind": principal.kind.value,
        "roles": list(principal.roles),
        "groups": list(principal.groups),
        "issuer": principal.issuer,
    }
    values = {name: value for name, value in personal.items() if value is not None}
    transaction.record(Draft(event, principal.tenant, now, subject=by, payload={**said, **more}, values=values))


def _of(row: RowMapping) -> KnownPrincipal:
    return KnownPrincipal(
        tenant=row["tenant"],
        name=row["name"],
        kind=PrincipalKind(row["kind"]),
        roles=tuple(json.loads(row["roles"])),
        groups=tuple(json.loads(row["groups"])),
        email=row["email"],
        issuer=row["issuer"],
        oidc_subject=row["oidc_subject"],
        active=bool(row["active"]),
        created_at=moment(row["created_at"]),
        created_by=row["created_by"],
    )
