"""DSSE 1.0 envelopes: bytes, what kind of bytes they are, and who signed both.

What is signed is the pre-authentication encoding. It holds the payload's type, so a signature over one kind of document
is none over another, whatever else the same key signs. An envelope of ours has one signature and one spelling.
"""

from __future__ import annotations

import base64
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: PAE of the DSSE protocol, lengths in bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def to_envelope(payload_type: str, payload: bytes, key_id: str, signature: bytes) -> str:
    """The text of an envelope; the same values give the same text.

    Args:
        payload_type: a media type.
        payload: as it was signed.
        key_id: by what name a verifier finds the key; nobody vouches for it.
        signature: over :func:`encoding`.
    """
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"keyid": key_id, "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(envelope, indent=2) + "\n"


def sign_envelope(payload_type: str, payload: bytes, key_id: str, private: Ed25519PrivateKey) -> str:
    """The signed envelope of ``payload``. Ed25519: the same payload and key give the same text."""
    return to_envelope(payload_type, payload, key_id, private.sign(encoding(payload_type, payload)))
