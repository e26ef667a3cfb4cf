"""What settings say of other systems that vouch for people and machines: an OIDC provider, issuers of tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures with a private key. ``none`` is no signature; HS256 and its like are made by whoever can check them."""

Claim = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_HTTPS: Final = re.compile(r"https://[^\s/?#@]+(/[^\s?#]*)?")
_HERE: Final = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?(/[^\s?#]*)?")
_DOMAIN: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def usable_address(value: str) -> bool:
    """Whether it is https, or on this machine: nothing else may carry a code or a secret."""
    return bool(_HTTPS.fullmatch(value) or _HERE.fullmatch(value))


def _address(value: str) -> str:
    if not usable_address(value):
        raise ValueError("write an https:// address without a query; http is for this machine alone")
    return value


class OidcSettings(_Part):
    """An OpenID Connect provider at which people sign in."""

    issuer: str  # exactly as the provider spells it: it is compared with `iss`
    metadata_url: str | None = None  # without it: the issuer and /.well-known/openid-configuration
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256", "PS256", "ES256", "EdDSA"), min_length=1)
    name_claim: Claim = "preferred_username"  # a new principal is called what it says
    roles_claim: Claim | None = None  # None: the provider vouches for no roles
    groups_claim: Claim | None = None
    userinfo: bool = False  # ask its userinfo endpoint for these two where the ID token does not have them
    allowed_domains: tuple[str, ...] = ()  # of verified addresses; empty: all whom the provider lets in

    @field_validator("issuer", "metadata_url")
    @classmethod
    def _check_address(cls, value: str | None) -> str | None:
        return None if value is None else _address(value)

    @field_validator("scopes")
    @classmethod
    def _check_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:  # without it the provider says who somebody is to nobody
            raise ValueError("the scope 'openid' is missing")
        return value

    @model_validator(mode="after")
    def _userinfo_of_something(self) -> OidcSettings:
        if self.userinfo and self.roles_claim is None and self.groups_claim is None:
            raise ValueError("userinfo is asked for roles_claim and groups_claim: name one, or take userinfo away")
        return self

    @field_validator("allowed_domains")
    @classmethod
    def _check_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not _DOMAIN.fullmatch(domain) for domain in value):
            raise ValueError("write domains in small letters, such as example.org")
        return value

    @property
    def discovery(self) -> str:
        """Where the provider describes itself."""
        return self.metadata_url or self.issuer.rstrip("/") + "/.well-known/openid-configuration"


class JwtIssuer(_Part):
    """Who signs tokens for machines, and what of them counts. One of ``jwks``, ``jwks_url`` and ``keys``."""

    audience: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    jwks: Path | None = None  # a file with the issuer's public keys (a JWK set)
    jwks_url: str | None = None  # where the issuer publishes it
    keys: Mapping[str, Any] | None = None  # the JWK set itself
    subject_claim: Claim = "sub"
    roles_claim: Claim | None = None
    groups_claim: Claim | None = None

    @field_validator("jwks_url")
    @classmethod
    def _check_address(cls, value: str | None) -> str | None:
        return None if value is None else _address(value)

    @model_validator(mode="after")
    def _one_set(self) -> JwtIssuer:
        if [self.jwks, self.jwks_url, self.keys].count(None) != 2:
            raise ValueError("give the public keys once: as jwks (a file), as jwks_url or as keys")
        return self
