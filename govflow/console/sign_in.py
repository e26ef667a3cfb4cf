"""Signing in and out. No GET acts: what opens links before a person does, a mail scanner say, uses nothing up."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from govflow.console import oidc
from govflow.console.access import Here
from govflow.console.client_limit import limit_of_client
from govflow.console.links import link, mount_of
from govflow.console.next_page import HOME, next_page
from govflow.console.pages import render
from govflow.console.session_cookie import drop_session, keep_session, session_secret
from govflow.errors import SignInRefused
from govflow.services.sign_in import end_session, link_is_good, session_principal, use_link
from govflow.services.workspace import Workspace

router: Final = APIRouter(include_in_schema=False)
router.include_router(oidc.router)


@router.get("/sign-in")
def sign_in(request: Request, workspace: Here, next: str | None = None) -> Response:
    """The ways in. Whoever is signed in goes on."""
    onward = next_page(next)
    secret = session_secret(request, workspace.settings)
    if secret and session_principal(workspace, secret, datetime.now(UTC)) is not None:
        return RedirectResponse(mount_of(request) + onward, 303)
    provider = workspace.settings.oidc
    host = urlsplit(provider.issuer).hostname or provider.issuer if provider is not None else ""
    there = f"{mount_of(request)}/sign-in/oidc" + (f"?{urlencode({'next': onward})}" if onward != HOME else "")
    return render(request, "sign_in.html", provider=host, there=there)


@router.get("/sign-in/link/{secret}")
def look_at_link(request: Request, workspace: Here, secret: str) -> Response:
    """A button that uses the invitation; the page does not say whose it is."""
    if not link_is_good(workspace, secret, datetime.now(UTC)):
        raise SignInRefused("This link does not sign anybody in any more.", mend="Ask for a new one.")
    return render(request, "sign_in_link.html")


@router.post("/sign-in/link/{secret}")
def use_invitation(request: Request, workspace: Here, secret: str) -> Response:
    """Sign in with an invitation. A session that the browser had is ended.

    Nobody is signed in whose form token could be looked at: where the request comes from has to do, and
    :func:`govflow.console.forms.own_form` has looked.
    """
    limit, now = limit_of_client(workspace, request), datetime.now(UTC)
    _, session = use_link(workspace, secret, now, secrets.token_bytes(32), limit)
    _end_old(request, workspace)
    response = RedirectResponse(mount_of(request) + HOME, 303)
    keep_session(response, session, workspace.settings)
    return response


@router.post("/sign-out")
def sign_out(request: Request, workspace: Here) -> Response:
    """End the session, here and in the store."""
    _end_old(request, workspace)
    response = RedirectResponse(link(request, "sign_in"), 303)
    drop_session(response, workspace.settings)
    return response


def _end_old(request: Request, workspace: Workspace) -> None:
    secret = session_secret(request, workspace.settings)
    if secret:
        end_session(workspace, secret, datetime.now(UTC))
