"""Machines and people behind the token of another system: who they are here.

A subject must be a principal of the store: nobody is made known by a token. Its issuer speaks for a machine by the
machine's name, and for a person only where the person is bound to that issuer and subject: an issuer for pipelines must
not be able to say "I am bob".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from govflow.errors import SettingsError
from govflow.identity import Principal, PrincipalKind
from govflow.identity.jwk_sets import IssuerKey, issuer_keys
from govflow.identity.jwt_claims import IssuerRules, JwtRefused, verified_claims
from govflow.services.jwks_by_url import fetched_keys
from govflow.services.manage_people import usable_words
from govflow.services.principals import known_principal
from govflow.services.regular_file import read_regular
from govflow.services.workspace import Workspace
from govflow.sign_in_settings import JwtIssuer

_MEND: Final = 'Give a JWK set with the issuer\'s public keys: {"keys": [...]}.'


def jwt_principal(workspace: Workspace, token: str, now: datetime) -> tuple[Principal, datetime]:
    """Who a token speaks for, and until when.

    Args:
        workspace: whose settings and store.
        token: as it was presented.
        now: aware.

    Raises:
        JwtRefused: it does not count.
        SettingsError: the keys of its issuer cannot be read.
    """
    issuers = workspace.settings.jwt_issuers

    def rules_of(issuer: str) -> IssuerRules | None:
        known = issuers.get(issuer)
        if known is None:
            return None

        def keys(kid: str | None) -> tuple[IssuerKey, ...]:
            return keys_of(issuer, known) if known.jwks_url is None else fetched_keys(known.jwks_url, kid, now)

        return IssuerRules(known.audience, known.algorithms, keys)

    claims = verified_claims(token, rules_of, now)
    issuer = str(claims["iss"])
    rules = issuers[issuer]
    name = _principal_of(workspace, issuer, claims.get(rules.subject_claim))
    person = known_principal(workspace, name, listed(claims, rules.roles_claim), listed(claims, rules.groups_claim))
    if person is None:
        raise JwtRefused("principal")
    return person, datetime.fromtimestamp(claims["exp"], UTC)


def listed(claims: Mapping[str, Any], claim: str | None) -> tuple[str, ...]:
    """The names that a claim lists: a list, or text with blanks between them. Empty where no claim is configured."""
    value = claims.get(claim) if claim is not None else None
    words = value.split() if isinstance(value, str) else value
    return usable_words(words) if isinstance(words, list | tuple) else ()


def _principal_of(workspace: Workspace, issuer: str, subject: Any) -> str:
    """The name of the principal that is bound to the subject, or of the machine that is called like it."""
    if not isinstance(subject, str) or not subject:
        raise JwtRefused("subject")
    people, tenant = workspace.store.people, workspace.settings.tenant
    bound = people.of_subject(tenant, issuer, subject)
    if bound is not None:
        return bound.name
    named = people.get(tenant, subject)
    if named is None:
        raise JwtRefused("unknown-subject")
    if named.kind is not PrincipalKind.MACHINE or named.issuer is not None:
        raise JwtRefused("subject-not-bound")
    return named.name


def keys_of(issuer: str, known: JwtIssuer) -> tuple[IssuerKey, ...]:
    """The public keys of an issuer, as its settings or its file have them now; none of those that a URL gives.

    Raises:
        SettingsError: they cannot be read, or must not be used.
    """
    if known.jwks_url is not None:
        return ()
    if known.jwks is None:
        return _read(issuer, json.dumps(known.keys, default=str))
    try:
        text = read_regular(known.jwks)  # each time: whoever takes a key out of the file wants it to count no more
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"jwt_issuers: {known.jwks} cannot be read: {error}.", mend=_MEND) from None
    return _read(issuer, text)


@lru_cache(maxsize=16)
def _read(issuer: str, text: str) -> tuple[IssuerKey, ...]:
    try:
        return issuer_keys(json.loads(text))
    except (ValueError, RecursionError) as error:
        said = "it is no JSON" if isinstance(error, json.JSONDecodeError) else str(error)
        raise SettingsError(f"jwt_issuers: the keys of {issuer} cannot be used: {said}.", mend=_MEND) from None
