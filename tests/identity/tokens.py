"""Keys and tokens of an issuer, made here; and tokens as attackers make them."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = int(NOW.timestamp())
ISSUER = "https://ci.example.org"
AUDIENCE = "govflow"

RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, kid: str | None, **more: Any) -> dict[str, Any]:
    """The public half as a JWK."""
    public = key.public_key()
    kinds: dict[str, Any] = {"RSAPublicKey": RSAAlgorithm, "ECPublicKey": ECAlgorithm, "Ed25519PublicKey": OKPAlgorithm}
    kind = next(made for name, made in kinds.items() if name.lower() in type(public).__name__.lower())
    found: dict[str, Any] = json.loads(kind.to_jwk(public))
    found.pop("key_ops", None)
    return {**found, **({} if kid is None else {"kid": kid}), **more}


JWKS = {"keys": [jwk(RSA_KEY, "rsa"), jwk(EC_KEY, "ec"), jwk(ED_KEY, "ed")]}


def claims(**changed: Any) -> dict[str, Any]:
    """What a good token says; ``None`` leaves a claim out."""
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "bot", "iat": STAMP, "exp": STAMP + 300, **changed}
    return {name: value for name, value in said.items() if value is not None}


def token(said: dict[str, Any] | None = None, key: Any = RSA_KEY, alg: str = "RS256", **header: Any) -> str:
    """A signed token; its header names the key ``rsa`` unless it is told otherwise."""
    named = {"kid": "rsa", **header}
    return jwt.encode(said or claims(), key, alg, headers={k: v for k, v in named.items() if v is not None})


def part(value: Any) -> str:
    """One part of a token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(**header: Any) -> str:
    """A token with no signature."""
    return f"{part({'alg': 'none', 'typ': 'JWT', 'kid': 'rsa', **header})}.{part(claims())}."


def signed_with_the_public_key(alg: str = "HS256") -> str:
    """The public key taken for a shared secret, as libraries once did: in PEM."""
    pem = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = f"{part({'alg': alg, 'typ': 'JWT', 'kid': 'rsa'})}.{part(claims())}"
    return f"{text}.{part(hmac.digest(pem, text.encode(), 'sha256'))}"
