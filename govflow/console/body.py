"""The body of a request, heard up to a size and for a time: a body need not say how long it is, nor ever end."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive

LARGEST: Final = 256 * 1024
"""Bytes. The longest form there is has a reason of 2,000 characters and a page of ticked requests."""
LONGEST: Final = 30.0
"""Seconds from its first part to its last."""

_GONE: Final[Message] = {"type": "http.disconnect"}


class Body:
    """What is received of one request. Past a limit whoever reads is told that the client is gone.

    Attributes:
        refusal: what the client is told instead of what the reader makes of that; None as long as all is well.
    """

    def __init__(self, headers: Headers, receive: Receive) -> None:
        self._receive = receive
        self._heard = 0
        self._ends: float | None = None
        self._whole = False
        self.refusal: Response | None = too_large() if says_too_much(headers) else None

    async def receive(self) -> Message:
        """The next part; what comes after the last is waited for as long as it takes."""
        if self._whole:
            return await self._receive()
        if self.refusal is not None:
            return _GONE
        clock = asyncio.get_running_loop().time
        self._ends = clock() + LONGEST if self._ends is None else self._ends
        try:
            async with asyncio.timeout_at(self._ends):
                message = await self._receive()
        except TimeoutError:
            self.refusal = PlainTextResponse("The request did not end in time.\n", 408, {"connection": "close"})
            return _GONE
        self._heard += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._heard > LARGEST:
            self._whole = False
            self.refusal = too_large()
            return _GONE
        return message


def says_too_much(headers: Headers) -> bool:
    """Whether a request says itself that its body is past the limit, or does not say it in a number."""
    said = headers.get("content-length", "0")
    return not said.isascii() or not said.isdigit() or int(said) > LARGEST


def too_large() -> Response:
    """RFC 9110, 15.5.14."""
    return PlainTextResponse("The request is too large.\n", 413, {"connection": "close"})
