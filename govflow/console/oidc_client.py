"""The client of an OpenID Connect provider: authorization code with PKCE, and an ID token that is checked here.

Authlib does the protocol. What it leaves to the provider's own description is held to the settings: the issuer, the
algorithms of a signature, and that secrets travel by https.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import httpx
from fastapi import Request
from pydantic import SecretStr

from govflow.errors import SettingsError
from govflow.settings import Settings
from govflow.sign_in_settings import OidcSettings, usable_address

_NAME: Final = "govflow"
_TIMEOUT: Final = 10.0  # seconds for each answer of the provider
_LEEWAY: Final = 30  # seconds by which clocks may differ
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


async def client_of(settings: Settings) -> Any:
    """The client for the provider of the settings, which was asked to describe itself once.

    Raises:
        SettingsError: it describes itself as another issuer, or has endpoints that are not https.
    """
    assert settings.oidc is not None
    client = _client(settings.oidc, settings.oidc_client_secret)
    metadata = await client.load_server_metadata()
    if metadata.get("issuer") != settings.oidc.issuer:
        raise SettingsError(
            f"The provider calls itself {metadata.get('issuer')!r}, not {settings.oidc.issuer!r}.",
            mend="Write the issuer in the setting oidc exactly as the provider does.",
        )
    for name in _ENDPOINTS:
        if not isinstance(metadata.get(name), str) or not usable_address(metadata[name]):
            raise SettingsError(f"The provider has no usable {name}.", mend="It has to be an https:// address.")
    metadata["id_token_signing_alg_values_supported"] = list(settings.oidc.algorithms)
    return client


async def verified_claims(client: Any, request: Request, settings: Settings) -> dict[str, Any]:
    """The claims of the ID token that the code of this request is exchanged for.

    With the setting ``userinfo`` its roles and groups are those of the provider's userinfo endpoint where the ID token
    has none; nothing else is taken from there.

    State, verifier and nonce are those of ``request.session``. Whatever is wrong raises; what, is not fit to be shown.
    """
    assert settings.oidc is not None
    demanded = {
        "iss": {"essential": True, "value": settings.oidc.issuer},
        "aud": {"essential": True, "value": settings.oidc.client_id},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "nonce": {"essential": True},
    }
    answer = await client.authorize_access_token(request, claims_options=demanded, leeway=_LEEWAY)
    claims = dict(answer["userinfo"])  # absent without an ID token: nobody was vouched for
    return {**await _besides(client, answer, claims, settings.oidc), **claims}


async def _besides(client: Any, answer: Any, claims: Mapping[str, Any], provider: OidcSettings) -> dict[str, Any]:
    """Roles and groups that the ID token lacks, as the userinfo endpoint has them (OpenID Connect Core, 5.3).

    Raises:
        SettingsError: the provider has no such endpoint, or not by https.
        ValueError: the answer is about somebody else: the subject has to be that of the ID token (5.3.2).
    """
    wanted = {claim for claim in (provider.roles_claim, provider.groups_claim) if claim is not None} - claims.keys()
    if not provider.userinfo or not wanted:
        return {}
    endpoint = (await client.load_server_metadata()).get("userinfo_endpoint")
    if not isinstance(endpoint, str) or not usable_address(endpoint):
        raise SettingsError("The provider has no usable userinfo_endpoint.", mend="It has to be an https:// address.")
    # Without its end: a token that lives a minute counts as expired there, and this one was made a moment ago.
    bearer = {name: answer[name] for name in ("access_token", "token_type") if name in answer}
    told = await client.userinfo(token=bearer)
    if told.get("sub") != claims["sub"]:
        raise ValueError("userinfo is about another subject")
    return {claim: told[claim] for claim in wanted if claim in told}


@lru_cache(maxsize=4)
def _client(provider: OidcSettings, secret: SecretStr | None) -> Any:
    with warnings.catch_warnings():
        # Which HTTP client it uses is its own affair; it says so each time that it is imported.
        import authlib.deprecate

        warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
        from authlib.integrations.starlette_client import OAuth
    logging.getLogger("authlib").setLevel(logging.INFO)  # below that it writes verifiers
    return OAuth().register(
        _NAME,
        client_id=provider.client_id,
        client_secret=None if secret is None else secret.get_secret_value(),
        server_metadata_url=provider.discovery,
        client_kwargs={
            "scope": " ".join(provider.scopes),
            "code_challenge_method": "S256",
            "timeout": _TIMEOUT,
            "verify": httpx.create_ssl_context(),  # once: reading the certificates costs more than a sign-in
            **({"token_endpoint_auth_method": "none"} if secret is None else {}),
        },
    )
