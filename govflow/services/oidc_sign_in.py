"""Signing in at an OpenID Connect provider: from the claims that were verified to a session here.

A subject of the provider is one principal, whatever its name or address becomes there. A first sign-in makes nobody
known unless the setting ``oidc_create`` says so, and never under a name that policy knows: who chooses a name at the
provider must not choose somebody's rights with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NoReturn

from pydantic import JsonValue

from govflow.approval.people import same_person
from govflow.errors import PrincipalError, PrincipalInactive, RequestError, SignInRefused
from govflow.identity import SecretKind, make_secret
from govflow.identity.life_times import SESSION, end_of_session
from govflow.services.jwt_bearers import listed
from govflow.services.manage_people import add_principal
from govflow.services.principals import known_principal
from govflow.services.sign_in import SignedIn
from govflow.services.workspace import Workspace
from govflow.sign_in_settings import OidcSettings
from govflow.store.attempts import Limit
from govflow.store.sign_ins import Session


def sign_in_subject(
    workspace: Workspace, claims: Mapping[str, Any], now: datetime, random: bytes, limit: Limit | None = None
) -> tuple[SignedIn, str]:
    """Open a session for whom the provider vouches for.

    Args:
        workspace: whose settings and store; the setting ``oidc`` is there.
        claims: of an ID token whose signature, issuer, audience, dates and nonce were verified.
        now: the moment of it.
        random: 32 bytes from the system's secure source, for the session.
        limit: whose failures are counted: an address.

    Returns:
        Who signed in, and the secret of the session, which can be had only here.

    Raises:
        SignInRefused: this subject does not sign in here; it is on record why.
    """
    provider = workspace.settings.oidc
    assert provider is not None
    attempt = _Attempt(workspace, provider, claims, now, limit)
    name = attempt.name_of_subject()
    roles, groups = listed(claims, provider.roles_claim), listed(claims, provider.groups_claim)
    person = known_principal(workspace, name, roles, groups)
    if person is None:
        attempt.refuse("principal", name)
    secret, digest = make_secret(SecretKind.SESSION, random)
    session = Session(
        digest=digest,
        tenant=workspace.settings.tenant,
        principal=name,
        assurance=str(person.assurance),
        method="oidc",
        roles=roles,
        groups=groups,
        created_at=now,
        seen_at=now,
        expires_at=now + SESSION,
    )
    try:
        workspace.store.sign_ins.open(session)
    except (PrincipalError, PrincipalInactive):  # in between somebody deactivated it
        attempt.refuse("principal", name)
    return SignedIn(person, "oidc", end_of_session(session.expires_at, now)), secret


class _Attempt:
    """One sign-in, and how it is refused."""

    def __init__(
        self,
        workspace: Workspace,
        provider: OidcSettings,
        claims: Mapping[str, Any],
        now: datetime,
        limit: Limit | None,
    ) -> None:
        self._workspace = workspace
        self._provider = provider
        self._claims = claims
        self._now = now
        self._limit = limit

    def name_of_subject(self) -> str:
        """The principal that the subject is; made known now if the settings say so."""
        subject = self._claims.get("sub")
        if not isinstance(subject, str) or not subject:
            self.refuse("subject")
        if not self._allowed():
            self.refuse("domain")
        people, tenant = self._workspace.store.people, self._workspace.settings.tenant
        known = people.of_subject(tenant, self._provider.issuer, subject)
        return known.name if known is not None else self._made_known(subject)

    def _allowed(self) -> bool:
        """Whether the address is of an allowed domain, and the provider has verified that it is theirs."""
        domains = self._provider.allowed_domains
        if not domains:
            return True
        address = self._claims.get("email")
        if not isinstance(address, str) or self._claims.get("email_verified") is not True:
            return False
        return address.rpartition("@")[2].lower() in domains

    def _made_known(self, subject: str) -> str:
        roles = self._workspace.settings.oidc_create
        if roles is None:
            self.refuse("unknown-subject")
        name = self._claims.get(self._provider.name_claim)
        if not isinstance(name, str):
            self.refuse("no-name")
        if any(same_person(name, known) for known in _names_of_policy(self._workspace)):
            self.refuse("name-of-policy")
        verified = self._claims.get("email_verified") is True
        address = self._claims.get("email") if verified else None
        try:
            made = add_principal(
                self._workspace,
                name,
                self._provider.issuer,
                self._now,
                roles=roles,
                email=address if isinstance(address, str) else None,
                issuer=self._provider.issuer,
                oidc_subject=subject,
            )
        except RequestError:
            self.refuse("no-name")
        except PrincipalError as error:
            self.refuse("name-taken" if "taken_by" in error.details else "claims")
        return made.name

    def refuse(self, cause: str, principal: str = "") -> NoReturn:
        """Put it on record with what is needed to let them in; say nothing of it to them."""
        values: dict[str, JsonValue] = {}
        for claim in ("sub", "email", self._provider.name_claim):
            said = self._claims.get(claim)
            if isinstance(said, str):
                values[claim] = said[:256]
        sign_ins, tenant = self._workspace.store.sign_ins, self._workspace.settings.tenant
        sign_ins.refused(tenant, "oidc", cause, self._now, principal=principal, values=values, limit=self._limit)
        raise SignInRefused(
            "The provider knows you, and you may not sign in here.",
            mend="Ask whoever runs govflow: the audit log says why (sign_in.refused).",
        )


def _names_of_policy(workspace: Workspace) -> Iterator[str]:
    """Every name that the policy file gives something to: a role, or a place in an approval rule."""
    yield from workspace.principals
    for rule in workspace.approvals.values():
        yield from (text.removeprefix("user:") for text in _texts(rule.model_dump()) if text.startswith("user:"))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
