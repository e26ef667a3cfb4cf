"""The cookie that holds the secret of a session.

``HttpOnly``: no script reads it. ``SameSite=Lax``, not ``Strict``: a browser that comes back from a sign-in provider is
sent here by another site, and a strict cookie would not come along; that is why no GET acts, and POSTs are checked for
where they come from. On https the name starts with ``__Host-``: the browser then takes it from this host alone, on
https alone, so that no neighbouring host can put a session of its own there.
"""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from govflow.identity.life_times import SESSION
from govflow.settings import Settings

HTTP_NAME: Final = "govflow"
HTTPS_NAME: Final = "__Host-govflow"


def is_https(settings: Settings) -> bool:
    """Whether people reach the console by https; a proxy may stand between."""
    return settings.console_url.startswith("https://")


def cookie_name(settings: Settings) -> str:
    """The one name that counts here. A cookie of the other name is not looked at."""
    return HTTPS_NAME if is_https(settings) else HTTP_NAME


def session_secret(request: Request, settings: Settings) -> str:
    """The secret that the browser sent; empty if none."""
    return request.cookies.get(cookie_name(settings), "")


def keep_session(response: Response, secret: str, settings: Settings) -> None:
    """Have the browser send ``secret`` from now on."""
    response.set_cookie(
        cookie_name(settings),
        secret,
        max_age=int(SESSION.total_seconds()),
        path="/",
        secure=is_https(settings),
        httponly=True,
        samesite="lax",
    )


def drop_session(response: Response, settings: Settings) -> None:
    """Have the browser forget it."""
    response.delete_cookie(cookie_name(settings), path="/", secure=is_https(settings), httponly=True, samesite="lax")
