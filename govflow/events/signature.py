"""The signature of a webhook: HMAC-SHA256 (RFC 2104) over the time of sending and the body. Values in, values out.

Signed is ``<timestamp>.<body>``, the timestamp in decimal seconds since 1970. The time is under the signature so that a
message that was overheard cannot be sent again later as a new one.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

TIMESTAMP_HEADER: Final = "Govflow-Timestamp"
SIGNATURE_HEADER: Final = "Govflow-Signature"
SCHEME: Final = "v1="
"""Before the signature, in 64 digits of lower-case hexadecimal: a later scheme has another name."""
WINDOW: Final = 300
"""Seconds that a receiver's clock may differ from the sender's."""


def mac(key: bytes, text: bytes) -> bytes:
    """The 32 bytes of HMAC-SHA256."""
    return hmac.new(key, text, hashlib.sha256).digest()


def sign(secret: bytes, timestamp: int, body: bytes) -> str:
    """The value of ``Govflow-Signature`` for a body sent at ``timestamp`` (seconds since 1970)."""
    return SCHEME + mac(secret, b"%d." % timestamp + body).hex()


def is_signed(
    secret: bytes, timestamp: str, signature: str, body: bytes, *, now: float, window: float = WINDOW
) -> bool:
    """Whether both headers belong to ``body`` and were made at most ``window`` seconds from ``now``.

    Whatever else stands in the headers is False and no error. Signatures are compared in constant time.
    """
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 15):
        return False
    expected = sign(secret, int(timestamp), body)
    same = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass"))
    return same and abs(now - int(timestamp)) <= window
