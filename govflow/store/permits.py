"""Permits that were issued, and runs whose permits were revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, RowMapping, delete, insert, select

from govflow.audit.record import Draft
from govflow.errors import PermitRefused, PermitRevoked
from govflow.permits.models import Permit
from govflow.store import permit_requests
from govflow.store.engine import Database
from govflow.store.keys import signs
from govflow.store.tables import PERMIT, PERMIT_REVOCATION, PERMIT_TOKEN
from govflow.store.times import micros, moment
from govflow.store.writer import Writer

_COPIED = (
    *("jti", "tenant", "run_id", "flow", "plan_key", "ir_hash", "plan_hash", "policy_digest"),
    *("mode", "environment", "requester", "attempt"),
)


@dataclass(frozen=True, slots=True)
class IssuedPermit:
    """A permit as it stands in the table: everything but its steps."""

    jti: str
    tenant: str
    run_id: str
    number: int  # 0 for the first of its run
    flow: str
    plan_key: str
    ir_hash: str
    plan_hash: str
    policy_digest: str
    mode: str
    environment: str
    requester: str
    attempt: int
    kid: str
    digest: str  # SHA-256 of its token
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Revocation:
    """Who took the permits of a run away, and why."""

    tenant: str
    run_id: str
    principal: str
    assurance: str
    reason: str
    at: datetime


class Permits:
    """Issuing, finding and revoking. Every change is one transaction with its record."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def issue(self, permit: Permit, token: str, kid: str, draft: Draft, request_id: str | None = None) -> bool:
        """Keep a signed permit, in the transaction of its ``permit.issued`` or ``permit.renewed`` record.

        Texts of this run that are over are dropped with it.

        Args:
            permit: what was signed.
            token: its signed text.
            kid: name of the key.
            draft: the record.
            request_id: the request that it answers; it must wait for an answer still.

        Returns:
            False if another signer has answered the request: then nothing was written.

        Raises:
            PermitRevoked: the run gets no permit any more.
            PermitRefused: the key does not sign any more, or is not known.
        """
        if draft.event not in {"permit.issued", "permit.renewed"} or draft.tenant != permit.tenant:
            raise ValueError(f"a permit is recorded as permit.issued in the log of {permit.tenant!r}")
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            if request_id is not None and not permit_requests.answer(connection, request_id, "signed", permit.jti):
                return False
            _not_revoked(connection, permit.tenant, permit.run_id)
            if not signs(connection, kid):
                raise PermitRefused(
                    f"The key {kid} does not sign any more.",
                    mend="Start the process again that signed with it; govflow keys list shows the key that signs.",
                    details={"cause": "key-retired"},
                )
            _insert(connection, permit, token, kid)
            transaction.record(draft)
        return True

    def newest(self, tenant: str, run_id: str) -> IssuedPermit | None:
        """The permit of a run that was issued last."""
        found = self.of_run(tenant, run_id, limit=1)
        return found[0] if found else None

    def of_run(self, tenant: str, run_id: str, limit: int = 1000) -> list[IssuedPermit]:
        """The permits of a run, newest first."""
        statement = select(PERMIT).where(PERMIT.c.tenant == tenant, PERMIT.c.run_id == run_id)
        with self._db.reading() as connection:
            rows = connection.execute(statement.order_by(PERMIT.c.number.desc()).limit(limit)).mappings().all()
        return [_permit_of(row) for row in rows]

    def list(self, tenant: str, since: datetime | None = None, limit: int = 50) -> list[IssuedPermit]:
        """Permits of a tenant, those that last longest first; with ``since`` only those that last beyond it."""
        statement = select(PERMIT).where(PERMIT.c.tenant == tenant)
        if since is not None:
            statement = statement.where(PERMIT.c.expires_at > micros(since))
        statement = statement.order_by(PERMIT.c.expires_at.desc(), PERMIT.c.number.desc()).limit(limit)
        with self._db.reading() as connection:
            rows = connection.execute(statement).mappings().all()
        return [_permit_of(row) for row in rows]

    def token(self, tenant: str, run_id: str) -> str | None:
        """The text of the permit of a run that was issued last; None when it has none."""
        statement = select(PERMIT_TOKEN.c.token).join(PERMIT, PERMIT.c.jti == PERMIT_TOKEN.c.jti)
        statement = statement.where(PERMIT.c.tenant == tenant, PERMIT.c.run_id == run_id)
        with self._db.reading() as connection:
            found = connection.execute(statement.order_by(PERMIT.c.number.desc()).limit(1)).scalar()
        return None if found is None else str(found)

    def drop_tokens(self, tenant: str, run_id: str) -> None:
        """Let no process begin with parts of a run any more: it has ended. The permits themselves stay on record."""
        same_run = (PERMIT_TOKEN.c.tenant == tenant, PERMIT_TOKEN.c.run_id == run_id)
        with self._writer.transaction(durable=False) as transaction:
            transaction.connection.execute(delete(PERMIT_TOKEN).where(*same_run))

    def revoke(self, revocation: Revocation, draft: Draft) -> bool:
        """Let a run have no permit any more, in the transaction of its ``permit.revoked`` record; False if it is so."""
        if draft.event != "permit.revoked" or draft.tenant != revocation.tenant:
            raise ValueError(f"this is recorded as permit.revoked in the log of {revocation.tenant!r}")
        with self._writer.transaction() as transaction:
            if _revocation(transaction.connection, revocation.tenant, revocation.run_id) is not None:
                return False
            transaction.connection.execute(
                insert(PERMIT_REVOCATION).values(
                    tenant=revocation.tenant,
                    run_id=revocation.run_id,
                    principal=revocation.principal,
                    assurance=revocation.assurance,
                    reason=revocation.reason,
                    at=micros(revocation.at),
                )
            )
            transaction.record(draft)
        return True

    def revocation(self, tenant: str, run_id: str) -> Revocation | None:
        """Who revoked the permits of a run; None if nobody did."""
        with self._db.reading() as connection:
            return _revocation(connection, tenant, run_id)


def refuse_revoked(revocation: Revocation) -> PermitRevoked:
    """What a run is told whose permits were revoked."""
    why = f": {revocation.reason}" if revocation.reason else ""
    return PermitRevoked(
        f"{revocation.principal} revoked the permits of run {revocation.run_id}"
        f" at {revocation.at:%Y-%m-%d %H:%M:%S} UTC{why}.",
        mend="It does not get another; start a new run when the reason is gone.",
        details={"principal": revocation.principal, "reason": revocation.reason},
    )


def _not_revoked(connection: Connection, tenant: str, run_id: str) -> None:
    revocation = _revocation(connection, tenant, run_id)
    if revocation is not None:
        raise refuse_revoked(revocation)


def _revocation(connection: Connection, tenant: str, run_id: str) -> Revocation | None:
    where = (PERMIT_REVOCATION.c.tenant == tenant, PERMIT_REVOCATION.c.run_id == run_id)
    row = connection.execute(select(PERMIT_REVOCATION).where(*where)).mappings().first()
    return None if row is None else Revocation(**{**row, "at": moment(row["at"])})


def _insert(connection: Connection, permit: Permit, token: str, kid: str) -> None:
    of_run = (PERMIT.c.tenant == permit.tenant, PERMIT.c.run_id == permit.run_id)
    newest = select(PERMIT.c.number).where(*of_run).order_by(PERMIT.c.number.desc()).limit(1)
    last = connection.execute(newest).scalar()
    connection.execute(
        insert(PERMIT).values(
            **{name: getattr(permit, name) for name in _COPIED},
            number=0 if last is None else last + 1,
            kid=kid,
            digest=f"sha256:{sha256(token.encode()).hexdigest()}",
            issued_at=micros(permit.issued_at),
            expires_at=micros(permit.expires_at),
        )
    )
    same_run = (PERMIT_TOKEN.c.tenant == permit.tenant, PERMIT_TOKEN.c.run_id == permit.run_id)
    over = PERMIT_TOKEN.c.expires_at <= micros(permit.issued_at)
    connection.execute(delete(PERMIT_TOKEN).where(*same_run, over))
    connection.execute(
        insert(PERMIT_TOKEN).values(
            jti=permit.jti,
            tenant=permit.tenant,
            run_id=permit.run_id,
            token=token,
            expires_at=micros(permit.expires_at),
        )
    )


def _permit_of(row: RowMapping) -> IssuedPermit:
    fields = {**row, "issued_at": moment(row["issued_at"]), "expires_at": moment(row["expires_at"])}
    return IssuedPermit(**fields)
