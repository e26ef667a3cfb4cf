"""Who may sign in, and by what: links, sessions, keys of machines. And who tries too often."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field

from govflow.store.tables.table import GovflowTable, core


class PrincipalRow(GovflowTable, table=True):
    """A person or a machine account that may sign in."""

    __tablename__ = "principal"
    # The last guard of what is looked at before: one name for one person, one principal for one who signs in.
    __table_args__ = (
        Index("uq_principal_person", "tenant", "person", unique=True),
        Index("uq_principal_subject", "tenant", "issuer", "oidc_subject", unique=True),
    )

    tenant: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    person: str  # the same for every spelling that counts as one person
    kind: str  # person or machine
    roles: str = Field(default="[]", sa_type=Text)  # JSON lists
    groups: str = Field(default="[]", sa_type=Text)
    email: str | None = None
    issuer: str | None = None  # of the OIDC subject that signs in as this principal
    oidc_subject: str | None = None
    active: bool = True
    created_at: int = Field(sa_type=BigInteger)
    created_by: str


class SignInLink(GovflowTable, table=True):
    """The digest of an invitation: one sign-in, by whoever holds the link."""

    __tablename__ = "sign_in_link"

    digest: str = Field(primary_key=True)
    tenant: str
    principal: str
    created_at: int = Field(sa_type=BigInteger)
    created_by: str
    expires_at: int = Field(sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)


class ConsoleSession(GovflowTable, table=True):
    """The digest of a session's secret, and whose session it is."""

    __tablename__ = "console_session"
    __table_args__ = (Index("ix_console_session_principal", "tenant", "principal"),)

    digest: str = Field(primary_key=True)
    tenant: str
    principal: str
    assurance: str
    method: str  # link, oidc
    roles: str = Field(default="[]", sa_type=Text)  # that the sign-in provider vouched for; JSON lists
    groups: str = Field(default="[]", sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    seen_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)


class ApiKey(GovflowTable, table=True):
    """The digest of a machine's key."""

    __tablename__ = "api_key"
    __table_args__ = (Index("ix_api_key_principal", "tenant", "principal"),)

    key_id: str = Field(primary_key=True)
    digest: str = Field(unique=True)
    tenant: str
    principal: str
    name: str
    created_at: int = Field(sa_type=BigInteger)
    created_by: str
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)


class AnswerAttempt(GovflowTable, table=True):
    """How often somebody, or some address, has tried with a wrong answer of late."""

    __tablename__ = "answer_attempt"

    tenant: str = Field(primary_key=True)
    whose: str = Field(primary_key=True)  # what is limited: a person, a session, a token's digest
    since: int = Field(sa_type=BigInteger)  # start of the window that is counted
    count: int


PRINCIPAL: Final = core(PrincipalRow)
SIGN_IN_LINK: Final = core(SignInLink)
CONSOLE_SESSION: Final = core(ConsoleSession)
API_KEY: Final = core(ApiKey)
ANSWER_ATTEMPT: Final = core(AnswerAttempt)
