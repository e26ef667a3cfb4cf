"""Who is asking: the principal behind a session, a link, or an ``Authorization`` header.

Whatever is wrong with what was presented, the answer is the same: nobody. What it was stands in the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from govflow.errors import SignInRefused
from govflow.identity import Principal, SecretKind, make_secret, same_digest, secret_digest
from govflow.identity.jwt_claims import JwtRefused
from govflow.identity.life_times import SEEN_EVERY, SESSION, end_of_session, is_over, session_is_over
from govflow.services.jwt_bearers import jwt_principal
from govflow.services.principals import known_principal
from govflow.services.workspace import Workspace
from govflow.store.api_keys import ApiKey
from govflow.store.attempts import Limit


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody whose identity was established.

    Attributes:
        principal: with the roles and groups of the policy file, the store and the sign-in together.
        method: link, oidc, api_key or jwt.
        expires_at: until when, if nothing more is done; None for a key without an end.
    """

    principal: Principal
    method: str
    expires_at: datetime | None


def session_principal(workspace: Workspace, secret: str, now: datetime) -> SignedIn | None:
    """Who holds the session of that secret; ``None`` for a session that does not count.

    A session counts until it is ended, its time is over or nobody used it for long, and while its principal is active.

    Raises:
        StoreError: the database cannot be used.
    """
    digest = secret_digest(SecretKind.SESSION, secret)
    found = None if digest is None else workspace.store.sign_ins.session(digest)
    if digest is None or found is None or not same_digest(found.digest, digest):
        return None
    if found.tenant != workspace.settings.tenant:
        return None
    if session_is_over(found.expires_at, found.seen_at, found.ended_at, now):
        return None
    person = known_principal(workspace, found.principal, found.roles, found.groups)
    if person is None:
        return None
    if now - found.seen_at >= SEEN_EVERY:
        workspace.store.sign_ins.seen(digest, now)
    return SignedIn(person, found.method, end_of_session(found.expires_at, max(found.seen_at, now)))


def link_is_good(workspace: Workspace, secret: str, now: datetime) -> bool:
    """Whether an invitation would open a session now. It is not used by this, nor is it put on record."""
    digest = secret_digest(SecretKind.LINK, secret)
    return digest is not None and workspace.store.sign_ins.link_is_good(workspace.settings.tenant, digest, now)


def use_link(
    workspace: Workspace, secret: str, now: datetime, random: bytes, limit: Limit | None = None
) -> tuple[SignedIn, str]:
    """Sign in with an invitation. It is used up by this.

    Args:
        workspace: whose store and tenant.
        secret: of the link.
        now: the moment of it.
        random: 32 bytes from the system's secure source, for the session.
        limit: whose wrong links are counted: an address.

    Returns:
        Who signed in, and the secret of the session, which can be had only here.

    Raises:
        SignInRefused: the link opens nothing: unknown, used, over, or of a principal that was deactivated. It is on
            record; the answer is one for all.
        TooManyAttempts: it opens nothing, and neither did too many before it.
    """
    tenant = workspace.settings.tenant
    session_secret, session_digest = make_secret(SecretKind.SESSION, random)
    digest = secret_digest(SecretKind.LINK, secret)
    if digest is None:
        workspace.store.sign_ins.refused(tenant, "link", "form", now, limit=limit)
        raise SignInRefused(mend="Ask for a new link.")
    opened = workspace.store.sign_ins.use_link(tenant, digest, session_digest, now + SESSION, now, limit)
    person = known_principal(workspace, opened.principal)
    if person is None:  # deactivated since: its session was ended with it
        raise SignInRefused(mend="Ask for a new link.")
    return SignedIn(person, opened.method, end_of_session(opened.expires_at, now)), session_secret


def end_session(workspace: Workspace, secret: str, now: datetime) -> bool:
    """End the session of that secret; whether there was one to end."""
    digest = secret_digest(SecretKind.SESSION, secret)
    return digest is not None and workspace.store.sign_ins.end(workspace.settings.tenant, digest, "", now)


def bearer_principal(workspace: Workspace, header: str, now: datetime, limit: Limit | None = None) -> SignedIn | None:
    """Who is behind an ``Authorization`` header; ``None`` for one that does not count.

    Args:
        workspace: whose store, tenant and settings.
        header: ``Bearer`` and an API key, or a token of one of the setting ``jwt_issuers``. Nothing else is a bearer:
            no session, no link, no approval token.
        now: the moment of the request.
        limit: whose wrong ones are counted, and put on record: an address. Without it they are neither.

    Raises:
        TooManyAttempts: it does not count, and neither did too many before it.
        SettingsError: the keys of the issuer that is named cannot be read.
        StoreError: the database cannot be used.
    """
    scheme, blank, presented = header.partition(" ")
    if scheme.lower() != "bearer" or not blank:
        return None
    try:
        if presented.startswith(SecretKind.API_KEY.value):
            return _key_principal(workspace, presented, now)
        machine, expires_at = jwt_principal(workspace, presented, now)
        return SignedIn(machine, "jwt", expires_at)
    except (JwtRefused, _KeyRefused) as refused:
        if limit is not None:
            method = "jwt" if isinstance(refused, JwtRefused) else "api_key"
            workspace.store.sign_ins.refused(workspace.settings.tenant, method, refused.cause, now, limit=limit)
        return None


class _KeyRefused(Exception):
    """The API key does not count; ``cause`` is for the audit log only."""

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(cause)


def _key_principal(workspace: Workspace, presented: str, now: datetime) -> SignedIn:
    digest = secret_digest(SecretKind.API_KEY, presented)
    key = None if digest is None else workspace.store.api_keys.of_digest(digest)
    if digest is None or key is None or not same_digest(key.digest, digest):
        raise _KeyRefused("unknown")
    if key.tenant != workspace.settings.tenant:
        raise _KeyRefused("tenant")
    if key.revoked_at is not None or is_over(key.expires_at, now):
        raise _KeyRefused("expired" if key.revoked_at is None else "revoked")
    machine = known_principal(workspace, key.principal)
    if machine is None:
        raise _KeyRefused("principal")
    _mark_used(workspace, key, now)
    return SignedIn(machine, "api_key", key.expires_at)


def _mark_used(workspace: Workspace, key: ApiKey, now: datetime) -> None:
    if key.used_at is None or now - key.used_at >= SEEN_EVERY:
        workspace.store.api_keys.used(key.key_id, now)
