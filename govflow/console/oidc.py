"""Signing in at a provider: there and back.

Coming back is a GET by the protocol, and it acts: only for the browser that was sent there, once, within ten minutes.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from govflow.console import oidc_flow
from govflow.console.access import Here
from govflow.console.client_limit import limit_of_client
from govflow.console.links import mount_of
from govflow.console.next_page import next_page
from govflow.console.oidc_client import client_of, verified_claims
from govflow.console.session_cookie import keep_session, session_secret
from govflow.errors import SettingsError, SignInRefused
from govflow.services.oidc_sign_in import sign_in_subject
from govflow.services.sign_in import end_session
from govflow.services.workspace import Workspace
from govflow.store.attempts import Limit
from govflow.telemetry import get_logger

router: Final = APIRouter()
_CALLBACK: Final = "/sign-in/oidc/callback"
_log = get_logger(__name__)


@router.get("/sign-in/oidc")
async def go_to_provider(request: Request, workspace: Here, next: str | None = None) -> Response:
    """Send the browser to the provider with state, nonce and a PKCE challenge of its own."""
    settings = workspace.settings
    if settings.oidc is None:
        raise _none_configured()
    state: dict[str, Any] = {}
    request.scope["session"] = state  # where the client puts what it has to find again
    try:
        client = await client_of(settings)
        sent = await client.authorize_redirect(request, settings.console_url + _CALLBACK)
    except Exception as error:  # noqa: BLE001 - a provider can fail in any way; none of them lets anybody in
        why = error.message if isinstance(error, SettingsError) else type(error).__name__
        _log.error("oidc.unusable", why=why)
        raise SignInRefused(
            "The sign-in provider cannot be reached, or is not the one that is configured.",
            mend="Try again later; the log of the console says more.",
        ) from None
    response = RedirectResponse(sent.headers["location"], 302)
    oidc_flow.remember(response, settings, {"flow": state, "next": next_page(next)})
    return response


@router.get(_CALLBACK)
async def come_back(request: Request, workspace: Here) -> Response:
    """Exchange the code, check the ID token, open a session. What was remembered of the way there serves once."""
    settings, limit = workspace.settings, limit_of_client(workspace, request)
    if settings.oidc is None:
        raise _none_configured()
    begun = oidc_flow.remembered(request, settings)
    flow = begun.get("flow")
    request.scope["session"] = flow if isinstance(flow, dict) else {}
    try:
        claims = await verified_claims(await client_of(settings), request, settings)
    except Exception as error:  # noqa: BLE001 - whatever came back, it vouches for nobody
        await run_in_threadpool(_put_on_record, workspace, type(error).__name__, limit)
        raise SignInRefused("Signing in did not work.", mend="Try again, in one window.") from None
    session = await run_in_threadpool(_open, workspace, claims, limit)
    await run_in_threadpool(end_session, workspace, session_secret(request, settings), datetime.now(UTC))
    response = RedirectResponse(mount_of(request) + next_page(str(begun.get("next"))), 303)
    oidc_flow.forget(response, settings)
    keep_session(response, session, settings)
    return response


def _none_configured() -> SignInRefused:
    return SignInRefused("No sign-in provider is configured here.", mend="Open the link that you were sent.")


def _put_on_record(workspace: Workspace, cause: str, limit: Limit) -> None:
    workspace.store.sign_ins.refused(workspace.settings.tenant, "oidc", cause, datetime.now(UTC), limit=limit)


def _open(workspace: Workspace, claims: dict[str, Any], limit: Limit) -> str:
    return sign_in_subject(workspace, claims, datetime.now(UTC), secrets.token_bytes(32), limit)[1]
