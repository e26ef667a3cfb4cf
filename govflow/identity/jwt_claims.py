"""Tokens that another system signed for a machine: JSON Web Tokens (RFC 7519), read as RFC 8725 advises.

The issuer is looked up among those that are known; the key among that issuer's; the algorithm among those that are
configured for the issuer and fit the key. Nothing in a token brings a key or loosens a check. PyJWT checks signature,
issuer and audience; the spelling of the parts and the dates are checked here.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn

import jwt
from jwt.types import Options

from govflow.identity.jwk_sets import IssuerKey

LEEWAY: Final = timedelta(seconds=30)
LONGEST: Final = 16_384  # letters
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})


class JwtRefused(Exception):
    """The token does not count. ``cause`` is for the audit log only."""

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(cause)


@dataclass(frozen=True, slots=True)
class IssuerRules:
    """What counts of the tokens of one issuer."""

    audience: str
    algorithms: Collection[str]
    keys: Callable[[str | None], Sequence[IssuerKey]]
    """The issuer's keys, for a token whose header names this one; :class:`JwtRefused` where they cannot be had."""


def verified_claims(token: str, rules_of: Callable[[str], IssuerRules | None], now: datetime) -> dict[str, Any]:
    """The claims of a token that counts at ``now``.

    Args:
        token: as it was presented.
        rules_of: the rules of an issuer; ``None`` for one that is not known.
        now: aware.

    Raises:
        JwtRefused: it does not count.
    """
    header, said = _opened(token)
    issuer = said.get("iss")
    rules = rules_of(issuer) if isinstance(issuer, str) else None
    if rules is None:
        _refuse("issuer")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in rules.algorithms:
        _refuse("algorithm")
    kid = header.get("kid")
    key = _key_of(header, rules.keys(kid if isinstance(kid, str) else None))
    if algorithm not in key.algorithms:
        _refuse("algorithm")
    claims = _checked(token, key, algorithm, str(issuer), rules.audience)
    _check_dates(claims, now)
    return claims


def _opened(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims as they stand there; nothing has been checked of them but their spelling."""
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != 3:
        _refuse("form")
    try:
        head, body, _ = [_bytes_of(part) for part in parts]
        header, said = json.loads(head), json.loads(body)
    except (ValueError, RecursionError):
        _refuse("form")
    if not isinstance(header, dict) or not isinstance(said, dict):
        _refuse("form")
    kind = header.get("typ")
    if kind is not None and (not isinstance(kind, str) or kind.lower() not in _TYPES):
        _refuse("type")
    if "crit" in header or "b64" in header:  # extensions that we would have to understand
        _refuse("header")
    return header, said


def _bytes_of(part: str) -> bytes:
    """The bytes of base64url without padding; ``ValueError`` for every other spelling of them."""
    if not _PART.fullmatch(part):
        raise ValueError("not base64url")
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii") != part:
        raise ValueError("another spelling")
    return data


def _key_of(header: Mapping[str, Any], keys: Sequence[IssuerKey]) -> IssuerKey:
    """The header chooses among the issuer's keys, and chooses nothing else. Without ``kid`` there must be one only."""
    if "kid" not in header:
        if len(keys) != 1:
            _refuse("key")
        return keys[0]
    kid = header["kid"]
    found = [key for key in keys if isinstance(kid, str) and key.kid == kid]
    if len(found) != 1:
        _refuse("key")
    return found[0]


def _checked(token: str, key: IssuerKey, algorithm: str, issuer: str, audience: str) -> dict[str, Any]:
    options: Options = {
        "require": ["iss", "aud", "exp"],
        "verify_exp": False,  # the dates are compared with `now` by the caller
        "verify_nbf": False,
        "verify_iat": False,
        "verify_sub": False,  # a configured claim names the subject, and is looked at where it is used
    }
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key.key, algorithms=[algorithm], audience=audience, issuer=issuer, options=options
        )
    except jwt.InvalidSignatureError:
        _refuse("signature")
    except jwt.InvalidAudienceError:
        _refuse("audience")
    except jwt.MissingRequiredClaimError as missing:
        _refuse("audience" if missing.claim == "aud" else "claims")
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        _refuse("signature")
    return claims


def _check_dates(claims: Mapping[str, Any], now: datetime) -> None:
    stamp, leeway = now.timestamp(), LEEWAY.total_seconds()
    if stamp >= _seconds(claims["exp"]) + leeway:
        _refuse("expired")
    for claim in ("nbf", "iat"):
        if claim in claims and _seconds(claims[claim]) > stamp + leeway:
            _refuse("not-yet")


def _seconds(value: Any) -> float:
    """A NumericDate; true, text, infinity and NaN are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        _refuse("claims")
    return float(value)


def _refuse(cause: str) -> NoReturn:
    raise JwtRefused(cause)
