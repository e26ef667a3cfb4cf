"""The keys that signed notes are checked with, and what each kind of key signs (C2SP signed-note, tlog-cosignature).

A key is known by its *name* and its *key id*, four bytes of a hash over name, kind and public key. Written as one word,
a *verifier key*, it is ``NAME+KEYID+BASE64(kind || public key)``: what an auditor is handed beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from govflow.audit.spelling import BEYOND, Malformed, from_base64, to_base64

PUBLIC_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
TIME_BYTES: Final = 8
KEY_ID_BYTES: Final = 4

_PRIME: Final = 2**255 - 19
# RFC 8032, 5.1: y of the points whose order divides 8. Under such a key a signature over anything is easily found.
_SMALL_ORDER: Final = frozenset(
    {
        0,
        1,
        _PRIME - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)


class Kind(IntEnum):
    """What a key signs (signed-note, "Signature types")."""

    NOTE = 0x01  # the text of a note
    COSIGNATURE = 0x04  # a checkpoint, with the time at which a witness saw it


def check_name(name: str) -> None:
    """The name of a key (signed-note, "Format").

    Raises:
        Malformed: it is empty, or has a space, a plus or a control character.
    """
    if not name or "+" in name or any(char.isspace() or char < " " for char in name):
        raise Malformed(f"{name!r} cannot name a key: it is empty, or has a space, a plus or a control character")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Malformed("the name of a key is not UTF-8") from None


def cosigned_message(at: int, text: str) -> bytes:
    """What a witness signs (tlog-cosignature, "Ed25519 signed message"). ``at``: seconds since 1970."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 public key with its name.

    Raises:
        Malformed: it has no name that a note can hold, or is not a key that is worth trusting.
    """

    name: str
    kind: Kind
    public: bytes  # RFC 8032, 5.1.5: 32 bytes
    key_id: bytes = field(init=False, repr=False)  # 4 bytes

    def __post_init__(self) -> None:
        """Refuse what cannot be a key, and make the key id."""
        check_name(self.name)
        if len(self.public) != PUBLIC_BYTES:
            raise Malformed(f"the key {self.name!r} has not {PUBLIC_BYTES} bytes")
        y = int.from_bytes(self.public, "little") & (1 << 255) - 1
        if y >= _PRIME or y in _SMALL_ORDER:
            raise Malformed(f"the key {self.name!r} is one under which anybody could sign")
        whole = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        object.__setattr__(self, "key_id", sha256(whole).digest()[:KEY_ID_BYTES])

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read ``NAME+KEYID+BASE64``.

        Raises:
            Malformed: it is not of that form, of a kind that is not known here, or its key id is that of another key.
        """
        name, plus, rest = text.partition("+")
        key_id, second, encoded = rest.partition("+")
        data = from_base64(encoded, "the public key of a verifier key") if plus and second else b""
        if not data:
            raise Malformed("a verifier key is NAME+KEYID+KEY")
        if data[0] not in tuple(Kind):
            raise Malformed(f"the verifier key {name!r} is of kind {data[0]:#04x}, which is not known here")
        key = cls(name, Kind(data[0]), data[1:])
        if key.key_id.hex() != key_id:
            raise Malformed(f"the verifier key {name!r} has the id {key.key_id.hex()}, not {key_id!r}")
        return key

    def __str__(self) -> str:
        """The one word that :meth:`parse` reads."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes([self.kind]) + self.public)}"

    def verifies(self, text: str, signature: bytes) -> bool:
        """Whether a signature, as it stands in a note behind the key id, is this key's over that text."""
        message = text.encode()
        if self.kind is Kind.COSIGNATURE:
            at = cosigned_at(signature)
            if at is None:
                return False
            message, signature = cosigned_message(at, text), signature[TIME_BYTES:]
        return holds(self.public, signature, message)


def holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature is that of a public key over a message (RFC 8032, 5.1.7)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def cosigned_at(signature: bytes) -> int | None:
    """When a witness signed, in seconds since 1970; None if that is no cosignature (tlog-cosignature, "Format")."""
    if len(signature) != TIME_BYTES + SIGNATURE_BYTES:
        return None
    at = int.from_bytes(signature[:TIME_BYTES], "big")
    return at if at < BEYOND else None
