"""Who asks: every route but health and sign-in depends on :func:`current`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Depends, Request

from govflow.console.client_limit import limit_of_client
from govflow.console.ground import workspace_of
from govflow.console.session_cookie import session_secret
from govflow.services.sign_in import SignedIn, bearer_principal, session_principal
from govflow.services.workspace import Workspace


class NotSignedIn(Exception):
    """Nobody is behind the request, or somebody who does not count any more."""


def current(request: Request, workspace: Annotated[Workspace, Depends(workspace_of)]) -> SignedIn:
    """Who asks, by the ``Authorization`` header where there is one, else by the session's cookie.

    A header that does not count is not made good by a cookie: whoever sends both is told no.

    Raises:
        NotSignedIn: pages answer it with a redirect to the sign-in, the API with 401.
        TooManyAttempts: too many headers from that address did not count of late.
    """
    known = getattr(request.state, "signed_in", None)
    if isinstance(known, SignedIn):
        return known  # one request is looked up once
    now = datetime.now(UTC)
    header = request.headers.get("authorization")
    if header is not None:
        found = bearer_principal(workspace, header, now, limit_of_client(workspace, request))
    else:
        secret = session_secret(request, workspace.settings)
        found = session_principal(workspace, secret, now) if secret else None
    if found is None:
        raise NotSignedIn
    request.state.by_bearer = header is not None
    request.state.signed_in = found
    return found


TOKEN_VOTES: Final = "/api/v1/requests/{request_id}/answers"
"""The route, as declared, of votes by whoever holds a token: the token in the body is all that counts there."""
DESCRIPTION: Final = "/api/v1/openapi.json"
"""Of what describes the API. It says nothing of the installation."""


def is_open(request: Request) -> bool:
    """Whether the route needs nobody: ``/health``, what signs people in, votes with a token, the API's description."""
    path = declared_path(request)
    return path in {"/health", "/sign-in", TOKEN_VOTES, DESCRIPTION} or path.startswith("/sign-in/")


def declared_path(request: Request) -> str:
    """The path of the route as it was declared, with its parameters in braces."""
    return str(getattr(request.scope.get("route"), "path", ""))


def somebody(request: Request) -> None:
    """Stands before every route: it is open, or somebody is signed in.

    Raises:
        NotSignedIn: neither.
    """
    if not is_open(request):
        current(request, workspace_of(request))


Who = Annotated[SignedIn, Depends(current)]
"""The type of a route's argument that needs somebody to be signed in."""

Here = Annotated[Workspace, Depends(workspace_of)]
"""The type of a route's argument that needs the workspace."""
