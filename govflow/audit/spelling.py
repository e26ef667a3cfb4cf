"""How the C2SP formats spell bytes and numbers.

Everything has one spelling here. A text with two spellings could be changed without changing what it says, and two
readers of one file could find two things in it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Final

HASH_SIZE: Final = 32
BEYOND: Final = 1 << 63
"""Sizes and places lie below this: they fit every reader's signed 64-bit numbers, and a column of a database."""

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class Malformed(ValueError):
    """The text is not of the form that its specification gives."""


def to_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode()


def from_base64(text: str, what: str) -> bytes:
    """The bytes of :func:`to_base64`.

    Args:
        text: no byte of it may be another one (RFC 4648, 3.5: what pads the last character has to be zero).
        what: how a message names it.

    Raises:
        Malformed: it is not base64, or another spelling of the same bytes.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:  # binascii.Error and UnicodeEncodeError are
        data = None
    if data is None or to_base64(data) != text:
        raise Malformed(f"{what} is not base64 in its one spelling")
    return data


def from_decimal(text: str, what: str) -> int:
    """A number from 0 to 2^63 - 1 in ASCII digits, without a zero in front.

    Raises:
        Malformed: it is written in another way, or beyond that.
    """
    value = int(text) if _DECIMAL.fullmatch(text) else BEYOND
    if value >= BEYOND:
        raise Malformed(f"{what} is not a decimal number below 2^63 without a zero in front")
    return value


def from_hash(text: str, what: str) -> bytes:
    """A SHA-256 hash in base64: 32 bytes.

    Raises:
        Malformed: it is none.
    """
    data = from_base64(text, what)
    if len(data) != HASH_SIZE:
        raise Malformed(f"{what} is not a hash of {HASH_SIZE} bytes")
    return data


def to_hash_lines(hashes: Iterable[bytes]) -> str:
    """A line of base64 for each hash."""
    return "".join(to_base64(one) + "\n" for one in hashes)


def from_utf8(data: bytes | str, most: int, what: str) -> str:
    """The text of a file or body, of at most ``most`` bytes.

    Raises:
        Malformed: it is longer, or not UTF-8.
    """
    try:
        raw = data.encode() if isinstance(data, str) else data
        if len(raw) > most:
            raise Malformed(f"{what} is longer than {most} bytes")
        return raw.decode()
    except UnicodeError:
        raise Malformed(f"{what} is not UTF-8") from None
