"""Permits, the keys that sign them, and what the signer is asked."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint
from sqlmodel import Field

from govflow.store.tables.table import GovflowTable, core


class SigningKeyRow(GovflowTable, table=True):
    """The public half of a key that signs permits, or did. Private keys are in no table."""

    __tablename__ = "signing_key"

    kid: str = Field(primary_key=True)
    x: str  # the public key, base64url
    created_at: int = Field(sa_type=BigInteger)
    retired_at: int | None = Field(default=None, sa_type=BigInteger)  # it signs no more from then on
    ends_at: int | None = Field(default=None, sa_type=BigInteger)  # when the last permit that it signed is over


class PermitRow(GovflowTable, table=True):
    """A permit that was issued. Triggers refuse UPDATE and DELETE; its text lies in ``permit_token``."""

    __tablename__ = "permit"
    __table_args__ = (
        UniqueConstraint("tenant", "run_id", "number", name="uq_permit_number"),
        Index("ix_permit_expires", "tenant", "expires_at"),
        Index("ix_permit_key", "kid", "expires_at"),
    )

    jti: str = Field(primary_key=True)
    tenant: str
    run_id: str
    number: int  # 0 for the first of a run, more for renewals
    flow: str
    plan_key: str
    ir_hash: str
    plan_hash: str
    policy_digest: str
    mode: str
    environment: str
    requester: str
    attempt: int
    kid: str = Field(foreign_key="signing_key.kid")
    digest: str  # of the token
    issued_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)


class PermitToken(GovflowTable, table=True):
    """The signed text of a permit, kept while it counts: a large plan's is megabytes."""

    __tablename__ = "permit_token"
    __table_args__ = (Index("ix_permit_token_run", "tenant", "run_id", "expires_at"),)

    jti: str = Field(primary_key=True, foreign_key="permit.jti")
    tenant: str
    run_id: str
    token: str = Field(sa_type=Text)
    expires_at: int = Field(sa_type=BigInteger)


class PermitRequestRow(GovflowTable, table=True):
    """What a run asks the signer to sign. ``document`` is emptied with the answer."""

    __tablename__ = "permit_request"
    __table_args__ = (Index("ix_permit_request_state", "state", "expires_at"),)

    request_id: str = Field(primary_key=True)
    tenant: str
    run_id: str
    document: str = Field(sa_type=Text)
    filed_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)  # nobody waits for an answer after that
    state: str
    jti: str | None = None
    code: str = ""
    reason: str = Field(default="", sa_type=Text)


class PermitRevocation(GovflowTable, table=True):
    """A run that gets no permit any more. Triggers refuse UPDATE and DELETE."""

    __tablename__ = "permit_revocation"

    tenant: str = Field(primary_key=True)
    run_id: str = Field(primary_key=True)
    principal: str
    assurance: str
    reason: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)


SIGNING_KEY: Final = core(SigningKeyRow)
PERMIT: Final = core(PermitRow)
PERMIT_TOKEN: Final = core(PermitToken)
PERMIT_REQUEST: Final = core(PermitRequestRow)
PERMIT_REVOCATION: Final = core(PermitRevocation)
