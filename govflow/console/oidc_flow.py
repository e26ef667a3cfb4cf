"""What has to be remembered between sending somebody to the provider and their coming back.

State, nonce and PKCE verifier lie in a short-lived cookie, encrypted and authenticated: no other browser can finish
what this one began, and no server has to keep anything. The key comes from the client's secret, so that every process
of a console has the same; a client without one has a key for each process.
"""

from __future__ import annotations

import base64
import json
import secrets
from datetime import timedelta
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import Request, Response

from govflow.console.session_cookie import is_https
from govflow.settings import Settings

LIFE: Final = timedelta(minutes=10)
_OWN_KEY: Final = secrets.token_bytes(32)


def cookie_name(settings: Settings) -> str:
    """As that of the session."""
    return "__Host-govflow-oidc" if is_https(settings) else "govflow-oidc"


def remember(response: Response, settings: Settings, state: dict[str, Any]) -> None:
    """Give ``state`` to the browser; it comes along from another site (Lax), as the provider sends it back."""
    response.set_cookie(
        cookie_name(settings),
        _cipher(settings).encrypt(json.dumps(state).encode()).decode(),
        max_age=int(LIFE.total_seconds()),
        path="/",
        secure=is_https(settings),
        httponly=True,
        samesite="lax",
    )


def remembered(request: Request, settings: Settings) -> dict[str, Any]:
    """What this browser was given; empty where it is over, forged, or was given to nobody."""
    sealed = request.cookies.get(cookie_name(settings), "")
    try:
        found = json.loads(_cipher(settings).decrypt(sealed.encode(), ttl=int(LIFE.total_seconds())))
    except (InvalidToken, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def forget(response: Response, settings: Settings) -> None:
    """Take it back: it serves once."""
    response.delete_cookie(cookie_name(settings), path="/", secure=is_https(settings), httponly=True, samesite="lax")


def _cipher(settings: Settings) -> Fernet:
    given = settings.oidc_client_secret
    material = _OWN_KEY if given is None else given.get_secret_value().encode()
    derived = HKDF(SHA256(), 32, salt=None, info=b"govflow sign-in state").derive(material)
    return Fernet(base64.urlsafe_b64encode(derived))
