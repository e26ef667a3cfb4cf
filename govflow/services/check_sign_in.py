"""Whether people and machines can sign in as the settings say. Nothing is asked over the network."""

from __future__ import annotations

from govflow.errors import SettingsError
from govflow.services.jwt_bearers import keys_of
from govflow.settings import Settings


def ways_in(settings: Settings) -> str:
    """By what people and machines are known here, in words.

    Raises:
        SettingsError: a way that the settings name leads nowhere.
    """
    ways = [f"links to {settings.console_url}"]
    if settings.oidc is not None:
        ways.append(f"OIDC at {settings.oidc.issuer}")
    elif settings.oidc_create is not None or settings.oidc_client_secret is not None:
        raise SettingsError(
            "oidc_create or oidc_client_secret is set, and no provider is.", mend="Set oidc, or take the other away."
        )
    for issuer, known in settings.jwt_issuers.items():
        if known.jwks_url is not None:
            ways.append(f"tokens of {issuer} (keys from {known.jwks_url}, not asked now)")
            continue
        able = {algorithm for key in keys_of(issuer, known) for algorithm in key.algorithms}
        if not able & set(known.algorithms):
            raise SettingsError(
                f"jwt_issuers: no key of {issuer} makes signatures of {', '.join(known.algorithms)}.",
                mend="Give the keys that it signs with, or name their algorithms.",
            )
        ways.append(f"tokens of {issuer}")
    return "people and machines are known by " + ", ".join([*ways, "API keys"])
