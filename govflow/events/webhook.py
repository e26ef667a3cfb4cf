"""A sink that posts each envelope to an HTTP address, signed."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from govflow.errors import SettingsError
from govflow.events.envelope import Envelope
from govflow.events.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

SECRET_BYTES: Final = 32
"""A shorter secret is refused: HMAC-SHA256 is no stronger than its key (RFC 2104, section 3)."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_AGAIN: Final = frozenset({408, 425, 429})  # beside 5xx: answers that another attempt may change


class NotTaken(ConnectionError):
    """The receiver did not take an envelope. Says neither the address, which may hold a secret, nor the body."""


class WebhookSink:
    """Posts envelopes as JSON with ``Govflow-Timestamp`` and ``Govflow-Signature``.

    Taken is what is answered with 2xx. A redirect is not followed: the body would go where nobody said. A failed
    connection, 5xx, 408, 425 and 429 are tried again, ``attempts`` times in all, after ``backoff`` seconds and then
    twice as long each time; each attempt is signed with its own time. Environment variables for proxies are not read.

    Raises :class:`~govflow.errors.SettingsError` where the address is neither https nor loopback (unless
    ``plain_http``), holds a user or password, or where the secret is shorter than 32 bytes.
    """

    def __init__(
        self,
        url: str,
        secret: SecretStr,
        *,
        attempts: int = 4,
        backoff: float = 0.5,
        timeout: float = 10.0,
        plain_http: bool = False,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._tls, self._host, self._port, self._target = _parts(url, plain_http=plain_http)
        if len(secret.get_secret_value().encode()) < SECRET_BYTES:
            raise SettingsError(
                "The webhook's secret is too short.", mend=f"Give at least {SECRET_BYTES} bytes from a random source."
            )
        self._secret = secret
        self._attempts, self._backoff, self._timeout, self._pause = max(1, attempts), backoff, timeout, pause

    def send(self, envelope: Envelope) -> None:
        """Post it; raises :class:`NotTaken` when the last attempt failed or no other would help."""
        body = envelope.model_dump_json().encode()
        for attempt in range(1, self._attempts + 1):
            why, again = self._post(body)
            if not why:
                return
            if not again or attempt == self._attempts:
                raise NotTaken(f"{why} (attempt {attempt} of {self._attempts})")
            self._pause(self._backoff * 2 ** (attempt - 1))

    def _post(self, body: bytes) -> tuple[str, bool]:
        """Why it was not taken, or nothing; and whether another attempt may help."""
        connection = self._connection()
        try:
            connection.request("POST", self._target, body, self._headers(body))
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__, True
        finally:
            connection.close()
        if 200 <= status < 300:
            return "", False
        return f"answered {status}", status >= 500 or status in _AGAIN

    def _headers(self, body: bytes) -> dict[str, str]:
        now = int(time.time())
        return {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: str(now),
            SIGNATURE_HEADER: sign(self._secret.get_secret_value().encode(), now, body),
        }

    def _connection(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)


def _parts(url: str, *, plain_http: bool) -> tuple[bool, str, int | None, str]:
    """Whether TLS, host, port, and path with query. Errors do not repeat the address."""
    mend = "Give https://HOST/PATH, or http:// on the loopback interface."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingsError("The webhook's address cannot be read.", mend=mend) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not (url.isascii() and url.isprintable()):
        raise SettingsError("The webhook's address is not one of HTTP.", mend=mend)
    if parts.username is not None or parts.password is not None or " " in url:
        raise SettingsError("The webhook's address holds a user, a password or a space.", mend=mend)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not plain_http:
        raise SettingsError("The webhook's address is neither https nor loopback.", mend=mend)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme == "https", parts.hostname, port, target
