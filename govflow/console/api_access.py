"""Who calls the REST API: a machine with a key, or a signed-in person's browser.

A browser sends its session's cookie along whoever made the page. So what changes something must come from a page of
ours and carry the token of a form, in a header. A key is no cookie, and needs neither.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from govflow.console.access import Here, Who
from govflow.console.forms import HEADER
from govflow.console.session_cookie import HTTP_NAME
from govflow.services.sign_in import SignedIn

__all__ = ["PREFIX", "Asker", "Here"]

_BEARER: Final = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key, made by `govflow people key`, or a configured JWT."
)
_SESSION: Final = APIKeyCookie(
    name=HTTP_NAME,
    auto_error=False,
    scheme_name="session",
    description=f"The cookie of the console, `__Host-{HTTP_NAME}` on https. Calls that change something come from a "
    f"page of the console, and carry the `form_token` that `GET /api/v1/me` answers in the header `{HEADER}`.",
)
PREFIX: Final = "/api/v1"
"""Before the path of every route."""


def asker(
    signed_in: Who,
    _key: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None,
    _cookie: Annotated[str | None, Security(_SESSION)] = None,
) -> SignedIn:
    """Who asks; what is named besides is for the description.

    Raises:
        NotSignedIn: nobody whom we know; one answer for every cause.
    """
    return signed_in


Asker = Annotated[SignedIn, Depends(asker)]
"""The type of a route's argument that needs somebody to be signed in."""
