"""What every answer of the console carries, and what no request may: headers, host names, size.

Pure ASGI: streams of events pass through unbuffered.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from govflow.console.body import Body

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

_POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_PICTURE: Final = "default-src 'none'; style-src 'unsafe-inline'"  # an image of ours: it runs nothing
_ALWAYS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def nonce_of(connection: HTTPConnection) -> str:
    """What a script of this answer has to carry. Another for each answer."""
    return str(connection.scope["govflow.nonce"])


class Shield:
    """Refuses foreign hosts and large bodies; adds the headers.

    A host that is not ours means that some page has its own name point to this machine and speaks through the user's
    browser (DNS rebinding).
    """

    def __init__(
        self,
        app: ASGIApp,
        console_url: str,
        failed: Callable[[Request, Exception], Response],
        hosts: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._failed = failed
        self._hosts = LOOPBACK | {urlsplit(console_url).hostname or "", *hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["govflow.nonce"] = nonce = secrets.token_urlsafe(18)
        headers = Headers(scope=scope)

        body = Body(headers, receive)
        begun = refused = False

        async def told(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                add_headers(MutableHeaders(scope=message), nonce)
            await send(message)

        async def answered(message: Message) -> None:
            nonlocal refused
            if body.refusal is not None and not begun:
                refused = True
                await body.refusal(scope, receive, told)
            elif not refused:
                await told(message)

        hosts = headers.getlist("host")
        if len(hosts) != 1 or _host(hosts[0]) not in self._hosts:
            refusal = PlainTextResponse("This console does not go by that name. See the setting console_url.\n", 421)
            await refusal(scope, receive, told)
        elif body.refusal is not None:
            await body.refusal(scope, receive, told)
        else:
            try:
                await self._app(scope, body.receive, answered)
            except Exception as error:
                if begun:
                    raise  # a stream that broke off: there is nobody left to tell
                # Here and not where the framework has a place for it: that one is outside of these headers.
                await self._page_of(Request(scope), error)(scope, receive, answered)

    def _page_of(self, request: Request, error: Exception) -> Response:
        try:
            return self._failed(request, error)
        except Exception:  # noqa: BLE001 - the page of a failure fails: what is left to say needs nothing
            return PlainTextResponse("Something went wrong in the console itself.\n", 500)


def add_headers(headers: MutableHeaders, nonce: str) -> None:
    """The headers of an answer; what a route has set itself stays."""
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    picture = headers.get("content-type", "").startswith("image/svg+xml")
    headers.setdefault("content-security-policy", _PICTURE if picture else _POLICY.format(nonce=nonce))
    headers.setdefault("cache-control", "no-store")


def _host(header: str) -> str:
    """The name in a ``Host`` header, in lower case, without its port; empty if it is not one name."""
    try:
        parts = urlsplit(f"//{header}")
        alone = parts.username is None and not (parts.path or parts.query or parts.fragment)
        return parts.hostname or "" if alone else ""
    except ValueError:
        return ""
