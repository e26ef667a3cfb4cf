"""Forms of ours, and no others: a POST comes from a page that this console made for this very session.

Two things are looked at: where the browser says that the request comes from (``Sec-Fetch-Site``, else ``Origin``), and
a token in the form that is an HMAC under the session's secret. A request with a bearer header needs neither: no browser
sends one by itself.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request

from govflow.console.access import TOKEN_VOTES, declared_path, is_open
from govflow.console.ground import settings_of
from govflow.console.session_cookie import session_secret

FIELD: Final = "form_token"
HEADER: Final = "x-form-token"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LABEL: Final = b"govflow console form v1"


class ForeignForm(Exception):
    """The request does not come from a page of this console."""


def form_token(request: Request) -> str:
    """What a form of this session carries; the secret cannot be found from it."""
    secret = session_secret(request, settings_of(request))
    return hmac.new(secret.encode(), _LABEL, sha256).hexdigest() if secret else ""


def same_origin(request: Request) -> bool:
    """Whether the browser says that a page of this console sent it. A browser that says nothing is believed nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    try:
        host = urlsplit(request.headers.get("origin", "")).netloc
    except ValueError:  # it is no address
        return False
    return bool(host) and host == request.headers.get("host")


async def own_form(request: Request) -> None:
    """Stands before every route: what acts comes from a page of ours, or bears a key.

    What signs people in looks for itself where the request comes from: there is no session yet.

    Raises:
        ForeignForm: it may be another site's form in the user's browser.
    """
    if request.method in SAFE or getattr(request.state, "by_bearer", False):
        return
    if declared_path(request) == TOKEN_VOTES:  # no cookie counts there
        return
    if not same_origin(request):
        raise ForeignForm
    if is_open(request):
        return
    given = request.headers.get(HEADER)
    if given is None and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        given = str((await request.form()).get(FIELD, ""))
    wanted = form_token(request)
    if not wanted or not hmac.compare_digest(wanted.encode(), (given or "").encode()):
        raise ForeignForm
