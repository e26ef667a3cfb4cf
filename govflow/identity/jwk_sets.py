"""The public keys of an issuer of tokens: a JWK set (RFC 7517), each key with the algorithms that it may check.

A key checks signatures of its own kind alone, whatever a token's header says: an RSA key is never taken for a shared
secret, a P-256 key never for another curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_SHORTEST: Final = 2048  # bits of an RSA key
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})
_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A public key, and the algorithms that count with it."""

    kid: str | None
    key: RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
    algorithms: frozenset[str]


def issuer_keys(document: Any) -> tuple[IssuerKey, ...]:
    """The keys of a JWK set that check signatures; those for encryption are left out.

    Raises:
        ValueError: it is no JWK set, holds no key to check with, one twice, a private or shared one, or one that is too
            short. The message quotes no key.
    """
    members = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(members, list | tuple) or len(members) > _MOST:
        raise ValueError(f"it is no JWK set with at most {_MOST} 'keys'")
    found = [_key_of(member) for member in members if not _is_for_encryption(member)]
    if not found:
        raise ValueError("it holds no key that checks signatures")
    names = [key.kid for key in found]
    if len(set(names)) != len(names):
        raise ValueError("two keys have one 'kid', or none")
    return tuple(found)


def _is_for_encryption(member: Any) -> bool:
    return isinstance(member, Mapping) and member.get("use", "sig") != "sig"


def _key_of(member: Any) -> IssuerKey:
    if not isinstance(member, Mapping):
        raise ValueError("a key is not an object")
    if _PRIVATE & set(member):
        raise ValueError("it holds a private or shared key; give out public ones only")
    kid = member.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise ValueError("a 'kid' is not text")
    readable_as = _any_of(member)
    try:
        key = jwt.PyJWK(dict(member), algorithm=readable_as).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise ValueError("a key cannot be read") from None
    return IssuerKey(kid, key, _algorithms(key, member))


def _any_of(member: Mapping[str, Any]) -> str:
    """PyJWT wants an algorithm before it reads a key; any of the right kind will do."""
    kind, curve = member.get("kty"), member.get("crv")
    kinds = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("EC", "P-384"): "ES384", ("EC", "P-521"): "ES512"}
    chosen = {**kinds, ("OKP", "Ed25519"): "EdDSA"}.get((kind, curve))  # type: ignore[arg-type]  # anything may stand there
    if chosen is None:
        raise ValueError("a key of this kind checks no signature here")
    return chosen


def _algorithms(key: Any, member: Mapping[str, Any]) -> frozenset[str]:
    if isinstance(key, RSAPublicKey):
        if key.key_size < _SHORTEST:
            raise ValueError(f"an RSA key has fewer than {_SHORTEST} bits")
        able = _RSA
    elif isinstance(key, EllipticCurvePublicKey):
        able = frozenset({_CURVES[key.curve.name]})
    else:
        able = frozenset({"EdDSA"})
    stated = member.get("alg")
    if stated is None:
        return able
    if stated not in able:
        raise ValueError("a key states an 'alg' that is not of its kind")
    return frozenset({stated})
