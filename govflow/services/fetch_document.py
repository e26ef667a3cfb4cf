"""Fetching a small document from an address of the settings, from which nothing is taken on trust but its bytes."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from govflow.sign_in_settings import usable_address

MOST_BYTES: Final = 256 * 1024
SECONDS: Final = 5.0
"""For all of it, redirects included: whoever asks waits for it."""
_REDIRECTS: Final = 3
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_PORTS: Final = {"https": 443, "http": 80}


class FetchRefused(Exception):
    """The document cannot be had; ``why`` is in words, for the log."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


def fetch_document(url: str, *, seconds: float = SECONDS, most: int = MOST_BYTES) -> bytes:
    """What an address gives: https with a certificate that counts, or http on this machine. No proxy is used.

    A redirect is followed within one scheme, host and port, and nowhere else: whoever can make a host redirect must not
    choose whose keys count, or what else in this network is asked.

    Args:
        url: of the document.
        seconds: for all of it.
        most: bytes.

    Raises:
        FetchRefused: it is not there, elsewhere, too large or too slow.
    """
    cut = _Cut(seconds)
    try:
        origin = _origin(urlsplit(url))
        for _ in range(_REDIRECTS + 1):
            if not usable_address(url) or _origin(urlsplit(url)) != origin:
                raise FetchRefused("it redirects to another host")
            found = _ask(url, cut, most)
            if isinstance(found, bytes):
                return found
            url = urljoin(url, found)
        raise FetchRefused("it redirects again and again")
    except (OSError, http.client.HTTPException, ValueError) as error:
        if cut.is_over or isinstance(error, TimeoutError):
            raise FetchRefused(f"it did not answer in {seconds:g} seconds") from None
        raise FetchRefused(f"it cannot be reached: {type(error).__name__}") from None
    finally:
        cut.cancel()


def _ask(url: str, cut: _Cut, most: int) -> bytes | str:
    """One request: the document, or where it has gone."""
    parts = urlsplit(url)
    connection = _connection(parts, cut.seconds)
    try:
        cut.watch(connection)
        # Not compressed: how large something becomes is known when it is too late.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}
        connection.request("GET", parts.path or "/", headers=headers)
        answer = connection.getresponse()
        if answer.status in _MOVED:
            return answer.getheader("Location") or ""
        if answer.status != http.client.OK:
            raise FetchRefused(f"it answers {answer.status}")
        if answer.getheader("Content-Encoding", "identity") != "identity":
            raise FetchRefused("it is compressed, which was not asked for")
        found = answer.read(most + 1)
        if cut.is_over:  # what was cut off may look like an end
            raise TimeoutError
        if len(found) > most:
            raise FetchRefused(f"it has more than {most} bytes")
        return found
    finally:
        connection.close()


def _connection(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    host, port = _origin(parts)[1:]
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=seconds)


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme]


class _Cut:
    """Ends a connection when the time is over: a time-out of a socket begins anew with each byte."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_over = False
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connection: http.client.HTTPConnection) -> None:
        """Connect, so that there is something to end."""
        if self.is_over:
            raise TimeoutError
        self._connection, self._socket = connection, None
        connection.connect()
        self._socket = connection.sock  # the connection forgets it before the document is read
        if self.is_over:
            raise TimeoutError

    def cancel(self) -> None:
        """The time does not matter any more."""
        self._timer.cancel()

    def _end(self) -> None:
        self.is_over = True
        connecting = self._connection.sock if self._connection is not None else None
        opened = self._socket or connecting
        if opened is not None:
            with contextlib.suppress(OSError):  # it has ended by itself
                opened.shutdown(socket.SHUT_RDWR)


class Posted(NamedTuple):
    """What somebody answered to what was sent."""

    status: int
    content_type: str
    body: bytes


def post_document(url: str, body: bytes, *, seconds: float = SECONDS, most: int = MOST_BYTES) -> Posted:
    """Send a small document to an address of the settings, under the rules of :func:`fetch_document`; no redirects.

    Raises:
        FetchRefused: nobody answers, or too slowly, or with too much.
    """
    cut = _Cut(seconds)
    try:
        parts = urlsplit(url)
        connection = _connection(parts, seconds)
        try:
            cut.watch(connection)
            headers = {
                "Content-Type": "text/plain; charset=utf-8",
                "Accept-Encoding": "identity",
                "Connection": "close",
            }
            connection.request("POST", parts.path or "/", body=body, headers=headers)
            answer = connection.getresponse()
            found = answer.read(most + 1)
        finally:
            connection.close()
        if cut.is_over:
            raise TimeoutError
        if len(found) > most:
            raise FetchRefused(f"it answers more than {most} bytes")
        return Posted(answer.status, answer.getheader("Content-Type", ""), found)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if cut.is_over or isinstance(error, TimeoutError):
            raise FetchRefused(f"it did not answer in {seconds:g} seconds") from None
        raise FetchRefused(f"it cannot be reached: {type(error).__name__}") from None
    finally:
        cut.cancel()
