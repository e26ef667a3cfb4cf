"""What goes wrong, as a page or as data: code, message and what to do. Never a traceback, never a secret."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from govflow.console.access import NotSignedIn
from govflow.console.forms import ForeignForm
from govflow.console.links import link, own_path
from govflow.console.pages import render
from govflow.console.unready import UNREADY, for_whoever_asks
from govflow.errors import (
    AlreadyVoted,
    GovflowError,
    NoReceipt,
    NotEligible,
    PolicyMismatch,
    PrincipalInactive,
    RequestClosed,
    RequestError,
    RequestUnreadable,
    SelfApproval,
    SignInRefused,
    StoreError,
    TooManyAttempts,
)
from govflow.telemetry import get_logger

API: Final = "/api/"
"""What the paths begin with that answer with data."""
LIVE: Final = "/live"
"""What the script of an open page asks: led to a sign-in, it would take that page for the stream and ask on and on."""

STATUS: Final[Mapping[type[GovflowError], int]] = {
    TooManyAttempts: 429,
    SelfApproval: 403,
    SignInRefused: 403,
    PrincipalInactive: 403,
    NotEligible: 403,
    AlreadyVoted: 409,
    RequestClosed: 409,
    PolicyMismatch: 409,
    NoReceipt: 409,
    RequestError: 404,
    RequestUnreadable: 500,
    StoreError: 503,
}
"""The nearest class in this table says which status an error is answered with; any other is a 400."""

_HTTP: Final[Mapping[int, str]] = {
    404: "There is no such page.",
    405: "This address does not take that kind of request.",
}
_HTTP_MEND: Final = "Look at the address, or start from the inbox."

_log = get_logger(__name__)


def status_of(error: GovflowError) -> int:
    """The HTTP status (RFC 9110) of an error."""
    if isinstance(error, UNREADY):
        return 503
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 400)


def wants_data(request: Request) -> bool:
    """Whether whoever asks is a program: a client of the API, or the script of a page that is open."""
    path = own_path(request)
    return path.startswith(API) or path == LIVE


def answer(request: Request, status: int, code: str, message: str, mend: str = "") -> Response:
    """A failure in the form that whoever asks can read."""
    if wants_data(request):
        return JSONResponse({"code": code, "message": message, "mend": mend}, status)
    return render(request, "failure.html", status=status, code=code, message=message, mend=mend)


def answer_failures(app: FastAPI) -> None:
    """Have ``app`` answer every failure in these ways."""

    @app.exception_handler(NotSignedIn)
    def not_signed_in(request: Request, _: Exception) -> Response:
        if wants_data(request):
            refusal = answer(request, 401, "not-signed-in", "Nobody is signed in.", "Send an API key as bearer.")
            refusal.headers["www-authenticate"] = "Bearer"
            return refusal
        page = own_path(request) if request.method == "GET" else "/"
        back = f"{page}?{request.url.query}" if request.url.query and request.method == "GET" else page
        return RedirectResponse(link(request, "sign_in", query={"next": back}), 303)

    @app.exception_handler(ForeignForm)
    def foreign_form(request: Request, _: Exception) -> Response:
        message = "This did not come from a page of this console, or from one of an earlier sign-in."
        return answer(request, 403, "foreign-form", message, "Open the page again and send the form from there.")

    @app.exception_handler(GovflowError)
    def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, GovflowError)
        told = for_whoever_asks(request, error)
        return answer(request, status_of(told), told.code, told.message, told.mend)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        message = _HTTP.get(error.status_code, str(error.detail))
        return answer(request, error.status_code, f"http-{error.status_code}", message, _HTTP_MEND)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # Only where and what kind: what was sent may be a secret.
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors())
        return answer(request, 422, "invalid", f"What was sent cannot be used: {wrong}.")


def unexpected(request: Request, error: Exception) -> Response:
    """The answer for what nobody foresaw. The log has the rest, under the same reference."""
    reference = secrets.token_hex(4)
    # The error's own words may repeat what was sent; where it came from does not.
    told = {"kind": type(error).__name__, "at": _place(error), "route": _route(request)}
    _log.error("console.failed", reference=reference, **told)
    message = f"Something went wrong in the console itself (reference {reference})."
    mend = "Look whether it was done before trying again. Whoever runs the console finds more in its log."
    return answer(request, 500, "internal", message, mend)


def _place(error: Exception) -> str:
    """File and line of the innermost frame."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _route(request: Request) -> str:
    """The pattern of the route, never the path: a path may hold an invitation."""
    return str(getattr(request.scope.get("route"), "path", ""))
