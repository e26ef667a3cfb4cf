"""Ed25519 keys: the private one that signs, the public ones that workers hold, and their forms at rest.

A key is named by its thumbprint (RFC 7638), so a name cannot be given to another key. The public form is a JSON Web
Key (RFC 7517, RFC 8037) and nothing of it is taken on trust: PyJWT ignores ``use`` and ``key_ops``, we do not.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from govflow.errors import KeyFileError

ALGORITHM: Final = "EdDSA"
SEED_BYTES: Final = 32
_FIXED: Final = {"kty": "OKP", "crv": "Ed25519", "alg": ALGORITHM, "use": "sig", "key_ops": ["verify"]}
_MEMBERS: Final = frozenset({*_FIXED, "kid", "x", "exp"})


def encoded(data: bytes) -> str:
    """Base64 for URLs without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes of :func:`encoded`; ``ValueError`` for every other spelling of them."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encoded(data) != text:
        raise ValueError("not base64url without padding, in its one spelling")
    return data


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that permits are checked with. ``ends_at``: trusted until then; None while it signs."""

    raw: bytes  # 32 bytes
    ends_at: datetime | None = None

    @property
    def kid(self) -> str:
        """The thumbprint that names it (RFC 7638): SHA-256 of its required members in order, base64url."""
        members = {"crv": "Ed25519", "kty": "OKP", "x": encoded(self.raw)}
        return encoded(sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())

    def trusted_at(self, now: datetime) -> bool:
        """Whether permits of this key count at ``now``."""
        return self.ends_at is None or now < self.ends_at

    def verifier(self) -> Ed25519PublicKey:
        """The key as cryptography and PyJWT take it."""
        return Ed25519PublicKey.from_public_bytes(self.raw)

    def to_jwk(self) -> dict[str, Any]:
        """JSON values. ``exp`` is ours: seconds since 1970 until which a key that signs no more is trusted."""
        jwk: dict[str, Any] = {**_FIXED, "kid": self.kid, "x": encoded(self.raw)}
        if self.ends_at is not None:
            jwk["exp"] = int(self.ends_at.timestamp())
        return jwk

    @classmethod
    def from_jwk(cls, jwk: object, where: str) -> PublicKey:
        """Read one key of a set. ``where`` names the set in errors.

        Raises:
            KeyFileError: it is not a public Ed25519 key for verifying, or has another name than its thumbprint.
        """
        if not isinstance(jwk, Mapping):
            _refuse(where, "a key is not an object")
        if "d" in jwk:
            _refuse(where, "it holds a private key, which belongs nowhere but with the signer")
        unknown = sorted(str(name) for name in jwk.keys() - _MEMBERS)
        if unknown:
            _refuse(where, f"a key has members that are not known: {', '.join(unknown)}")
        wrong = sorted(name for name, value in _FIXED.items() if jwk.get(name) != value)
        if wrong:
            _refuse(where, f"a key is not an Ed25519 key for verifying signatures ({', '.join(wrong)})")
        ends = jwk.get("exp")
        if ends is not None and (type(ends) is not int or ends < 0):
            _refuse(where, "the exp of a key is not a number of seconds")
        try:
            raw = decoded(str(jwk.get("x")))
            key = cls(raw, None if ends is None else datetime.fromtimestamp(ends, UTC))
            key.verifier()
        except (ValueError, OverflowError, UnsupportedAlgorithm):
            _refuse(where, "the x of a key is not an Ed25519 point")
        if jwk.get("kid") != key.kid:
            _refuse(where, "the kid of a key is not its thumbprint")
        return key


Keys = Mapping[str, PublicKey]
"""Public keys by their ``kid``."""


def to_set(keys: Iterable[PublicKey]) -> str:
    """A JWK set (RFC 7517, section 5) as text, sorted by ``kid``."""
    listed = sorted((key.to_jwk() for key in keys), key=lambda jwk: str(jwk["kid"]))
    return json.dumps({"keys": listed}, indent=2, sort_keys=True) + "\n"


def from_set(text: str, where: str) -> dict[str, PublicKey]:
    """Read a JWK set.

    Raises:
        KeyFileError: it is no set of public Ed25519 keys; one key that cannot be used refuses the set.
    """
    try:
        document = json.loads(text)
    except ValueError:
        _refuse(where, "it is no JSON")
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or set(document) != {"keys"}:
        _refuse(where, 'it is no JWK set: {"keys": [...]}')
    keys = [PublicKey.from_jwk(jwk, where) for jwk in listed]
    found = {key.kid: key for key in keys}
    if len(found) != len(keys):
        _refuse(where, "it holds a key twice")
    return found


class SigningKey:
    """The private key. It shows its name and nothing else, and does not let itself be pickled or copied."""

    __slots__ = ("_private", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = PublicKey(private.public_key().public_bytes_raw())

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of 32 random bytes."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def from_pem(cls, data: bytes, where: str) -> SigningKey:
        """Read PKCS #8 in PEM form, not encrypted. ``where`` names the file in errors; what it holds is not quoted.

        Raises:
            KeyFileError: that is no Ed25519 private key.
        """
        try:
            private = serialization.load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private = None
        headed = not data.startswith(b"-----BEGIN")  # by a line that says that it is for another purpose
        if headed or not isinstance(private, Ed25519PrivateKey):
            raise KeyFileError(
                f"{where} is no Ed25519 private key in PEM form.",
                mend="Move it away and make a new one: govflow keys rotate",
            )
        return cls(private)

    def to_pem(self) -> bytes:
        """The form at rest. For the key file and nothing else."""
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def kid(self) -> str:
        """The name of its public half."""
        return self.public.kid

    def signer(self) -> Ed25519PrivateKey:
        """The key as PyJWT takes it."""
        return self._private

    def __repr__(self) -> str:
        return f"SigningKey({self.kid})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key does not leave its process")


def _refuse(where: str, why: str) -> NoReturn:
    raise KeyFileError(
        f"{where} cannot be used: {why}.",
        mend="Write it again where the signer runs: govflow keys export --output FILE",
    )
