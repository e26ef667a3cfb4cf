"""The canonical form of JSON values: exactly RFC 8785 (JSON Canonicalization Scheme), and digests of it.

Two paths give the same bytes. The *fast* path hands the value to ``orjson`` with sorted keys; it is taken only inside
the profile where that output is byte-identical to RFC 8785: no floats, ``|int| < 2**53``, built-in types only, and
every key in the Basic Multilingual Plane (``orjson`` sorts by UTF-8 bytes, RFC 8785 3.2.3 by UTF-16 code units; the
two orders agree below U+10000). The *slow* path is exact for everything that has a canonical form, and refuses the
rest by name::

    >>> canonical({"b": 1.0, "a": [True, None]})
    b'{"a":[true,null],"b":1}'

A refusal names the place, never the value: a value may be a secret.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

import orjson

from govflow.errors import CanonicalError

MAX_DEPTH: Final = 200
"""Containers inside containers. RFC 8785 sets no limit; ours makes a cycle a refusal instead of a crash."""

_MAX_INT: Final = 2**53 - 1  # RFC 8785 3.2.2.3 with I-JSON (RFC 7493 2.2): larger integers lose digits as doubles
_LAST_BMP: Final = "\uffff"
_LARGEST_DECIMAL: Final = 21  # ECMA-262, Number::toString: from 1e21 on, exponents,
_SMALLEST_DECIMAL: Final = -6  # and below 1e-6
_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER

_ESCAPES: Final = {code: f"\\u{code:04x}" for code in range(0x20)} | {
    0x08: "\\b",
    0x09: "\\t",
    0x0A: "\\n",
    0x0C: "\\f",
    0x0D: "\\r",
    0x22: '\\"',
    0x5C: "\\\\",
}


class _Refusal(Exception):
    """Carries the reason up while every container on the way adds its part of the path (innermost first)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []


def canonical(value: object, where: str = "value", *, unsure: Iterable[object] | None = None) -> bytes:
    """The canonical UTF-8 bytes of a JSON value (RFC 8785).

    Args:
        value: ``None``, bool, int, float, str, and lists, tuples and mappings of them, 200 levels deep at most.
            Subclasses count as the type that they extend (an ``IntEnum`` is its number, a ``StrEnum`` its text).
        where: what the value is called in an error; ``""`` leaves the path without a root.
        unsure: the parts of ``value`` that may hold anything; without it, all of it. The caller vouches for the rest:
            texts, booleans, None and lists of them, under ASCII keys. To look at each of them is most of the work.

    Raises:
        CanonicalError: somewhere in it is a NaN, an infinity, an integer of 2**53 or more, a lone surrogate, a key
            that is not text, or an object that JSON does not know. The message names the path to it.
    """
    try:
        for part in (value,) if unsure is None else unsure:
            if not _in_profile(part, 0):
                break
        else:
            return orjson.dumps(value, option=_OPTIONS)
    except (TypeError, ValueError):  # orjson refuses lone surrogates and large integers: the slow path says where
        pass
    return canonical_slow(value, where)


def canonical_slow(value: object, where: str = "value") -> bytes:
    """What :func:`canonical` does, without the fast path."""
    try:
        return _text(value, 0).encode("utf-8")
    except _Refusal as refusal:
        place = (where + "".join(reversed(refusal.path))).removeprefix(".") or "value"
        raise CanonicalError(
            f"{place}: {refusal.reason} has no canonical form",
            mend="Pass text, whole numbers below 2**53, finite floats, or lists and mappings of them.",
            details={"path": place, "reason": refusal.reason},
        ) from None


def digest(data: bytes) -> str:
    """SHA-256 of the bytes, written ``sha256:<64 lower-case hexadecimal digits>``."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical_digest(value: object, where: str = "value") -> str:
    """The digest of the value's canonical form.

    Raises:
        CanonicalError: as :func:`canonical`.
    """
    return digest(canonical(value, where))


def plain_members(value: Mapping[str, object]) -> bool:
    """Whether a mapping holds nothing but ASCII texts and small whole numbers under ASCII keys; else look closer."""
    for key, item in value.items():
        plain = item.isascii() if type(item) is str else type(item) is int and -_MAX_INT <= item <= _MAX_INT
        if not plain or not key.isascii():
            return False
    return True


def _in_profile(value: object, depth: int) -> bool:
    """Whether the fast path gives the exact bytes; it may still refuse large integers and lone surrogates."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return True
    if depth > MAX_DEPTH:
        return False
    if kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]  # exactly a dict; isinstance admits subclasses
            if type(key) is not str or not (key.isascii() or max(key) <= _LAST_BMP):
                return False
            inner = type(item)
            if inner is not str and inner is not int and not _in_profile(item, depth + 1):
                return False
        return True
    if kind is list or kind is tuple:
        for item in value:  # type: ignore[attr-defined]  # exactly a list or a tuple
            inner = type(item)
            if inner is not str and inner is not int and not _in_profile(item, depth + 1):
                return False
        return True
    return False


def _text(value: object, depth: int) -> str:
    """One value (RFC 8785 3.2.2)."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return _integer(int.__int__(value))
    if isinstance(value, float):
        return number(float.__float__(value))
    if depth > MAX_DEPTH:
        raise _Refusal(f"nesting deeper than {MAX_DEPTH} levels, or a cycle,")
    if isinstance(value, Mapping):
        return _object(value, depth)
    if isinstance(value, list | tuple):
        return _array(value, depth)
    kind = "an enum member of" if isinstance(value, Enum) else "an object of type"
    raise _Refusal(f"{kind} {type(value).__module__}.{type(value).__qualname__}")


def _integer(value: int) -> str:
    if not -_MAX_INT <= value <= _MAX_INT:
        raise _Refusal("an integer of 2**53 or more")
    return str(value)


def _string(value: str) -> str:
    """A string (RFC 8785 3.2.2.2)."""
    # A subclass may override __str__ (an enum does); the text that it holds is what counts.
    plain = str.__str__(value)
    try:
        plain.encode("utf-8")
    except UnicodeEncodeError:
        raise _Refusal("a lone surrogate") from None
    return f'"{plain.translate(_ESCAPES)}"'


def _array(value: list[object] | tuple[object, ...], depth: int) -> str:
    parts = []
    for index, item in enumerate(value):
        try:
            parts.append(_text(item, depth + 1))
        except _Refusal as refusal:
            refusal.path.append(f"[{index}]")
            raise
    return f"[{','.join(parts)}]"


def _object(value: Mapping[object, object], depth: int) -> str:
    """An object, its members sorted by the UTF-16 code units of their names (RFC 8785 3.2.3)."""
    members: dict[str, object] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise _Refusal(f"a key of type {type(key).__qualname__}")
        name = str.__str__(key)
        if name in members:  # only subclasses of str with their own equality can do this
            raise _Refusal("a key that stands twice")
        members[name] = item
    parts = []
    # Surrogates are let through here so that the refusal below can name the key that holds one.
    for name in sorted(members, key=lambda text: text.encode("utf-16-be", "surrogatepass")):
        try:
            parts.append(f"{_string(name)}:{_text(members[name], depth + 1)}")
        except _Refusal as refusal:
            refusal.path.append(f".{name}" if name.isidentifier() else f"[{name!a}]")
            raise
    return f"{{{','.join(parts)}}}"


def number(value: float) -> str:
    """A finite double as ECMAScript writes it (RFC 8785 3.2.2.3; ECMA-262, Number::toString).

    Python's ``repr`` gives the same shortest digits that round-trip; only the notation differs.
    """
    if math.isnan(value):
        raise _Refusal("NaN")
    if math.isinf(value):
        raise _Refusal("an infinity")
    if value == 0:
        return "0"  # also for -0.0
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS * 10**point, in ECMA-262's terms n = point.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    return sign + _notation(digits, point)


def _notation(digits: str, point: int) -> str:
    """Decimal notation for 1e-6 <= v < 1e21, scientific outside (ECMA-262, Number::toString, steps 6 to 10)."""
    if len(digits) <= point <= _LARGEST_DECIMAL:
        return digits + "0" * (point - len(digits))
    if 0 < point <= _LARGEST_DECIMAL:
        return f"{digits[:point]}.{digits[point:]}"
    if _SMALLEST_DECIMAL < point <= 0:
        return f"0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{tail}e{point - 1:+d}"
