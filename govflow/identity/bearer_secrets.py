"""Secrets that speak for whoever bears them: invitation links, sessions, API keys.

Each is opaque: 32 random bytes in URL-safe base64 behind a prefix that secret scanners can look for. It is shown once;
the store keeps its SHA-256 (256 random bits need no salt and no slow hash). The digest is of the text, so that another
spelling of the same bytes (padding, spare bits of the last letter) is another secret, and unknown.
"""

from __future__ import annotations

import base64
import hmac
import re
from enum import StrEnum
from hashlib import sha256
from typing import Final

SECRET_BYTES: Final = 32
SECRET_PATTERN: Final = re.compile(r"gf[lsk]_[A-Za-z0-9_-]{43}")
"""What they look like, for redaction and for secret scanners."""


class SecretKind(StrEnum):
    """What a secret is good for: its prefix."""

    LINK = "gfl_"
    SESSION = "gfs_"
    API_KEY = "gfk_"


def make_secret(kind: SecretKind, random: bytes) -> tuple[str, str]:
    """A new secret to show once, and the digest to keep.

    Args:
        kind: what it is for.
        random: exactly 32 bytes from the system's secure source.

    Raises:
        ValueError: another number of bytes.
    """
    if len(random) != SECRET_BYTES:
        raise ValueError(f"a secret is made of {SECRET_BYTES} random bytes, not {len(random)}")
    secret = kind.value + base64.urlsafe_b64encode(random).rstrip(b"=").decode("ascii")
    return secret, _digest(secret)


def secret_digest(kind: SecretKind, presented: str) -> str | None:
    """The digest of a presented secret, ``sha256:<hex>``; ``None`` for what cannot be a secret of this kind."""
    if not SECRET_PATTERN.fullmatch(presented) or not presented.startswith(kind.value):
        return None
    return _digest(presented)


def same_digest(one: str, other: str) -> bool:
    """Whether two digests are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(one.encode("utf-8"), other.encode("utf-8"))


def _digest(secret: str) -> str:
    return "sha256:" + sha256(secret.encode("ascii")).hexdigest()
