"""The envelope of a bundle: DSSE 1.0, with one payload type, one algorithm and one signature.

What is signed is the pre-authentication encoding, which holds the payload's type: a signature over anything else that
the same key may have signed is none over a policy, and the other way round. The envelope names a key and no algorithm:
a key of ours is an Ed25519 key, whatever anybody writes.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature

from govflow.audit.dsse import encoding, sign_envelope
from govflow.bundles.refusal import refuse
from govflow.bundles.strict_json import strict_json
from govflow.permits.keys import Keys, PublicKey, SigningKey

PAYLOAD_TYPE: Final = "application/vnd.govflow.policy-bundle+json"
_MEMBERS: Final = frozenset({"payload", "payloadType", "signatures"})
_SIGNATURE: Final = frozenset({"keyid", "sig"})


def sealed(payload: bytes, key: SigningKey) -> str:
    """The envelope of ``payload``, signed, as the text of a file. The same payload and key give the same text."""
    return sign_envelope(PAYLOAD_TYPE, payload, key.kid, key.signer())


def unsealed(text: str, where: str, keys: Keys, now: datetime) -> tuple[bytes, PublicKey]:
    """The payload that a trusted key has signed, and that key. Nothing of the payload is read before.

    Args:
        text: the envelope.
        where: how messages name it.
        keys: public keys by name; no other key counts, and nothing in the text can bring one.
        now: aware.

    Raises:
        PolicyUnsigned: it is no such envelope, its key is not trusted at ``now``, or the signature is not that key's.
    """
    try:
        envelope = strict_json(text)
    except ValueError as problem:
        refuse(where, "form", f"the file is cut off or no JSON ({problem})")
    if not isinstance(envelope, dict) or set(envelope) != _MEMBERS:
        refuse(where, "form", "it is no envelope with payload, payloadType and signatures")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        refuse(where, "type", "what is signed is not a policy")
    match envelope["signatures"]:
        case [dict(signature)] if set(signature) == _SIGNATURE:
            pass
        case _:
            refuse(where, "form", "it has not exactly one signature of a keyid and a sig")
    payload, sign = _bytes(envelope["payload"], where), _bytes(signature["sig"], where)
    kid = signature["keyid"]
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is None or not key.trusted_at(now):
        refuse(
            where,
            "key",
            "its key is not, or no longer, among those of policy_keys",
            "If the key is to count, add it to the file of policy_keys; else have it signed by one that does.",
        )
    try:
        key.verifier().verify(sign, encoding(PAYLOAD_TYPE, payload))
    except InvalidSignature:
        refuse(where, "signature", "the signature is not that of its key over this policy")
    return payload, key


def _bytes(text: object, where: str) -> bytes:
    """Base64 in its one spelling (RFC 4648, section 4)."""
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        data = b""
    if not data or base64.b64encode(data).decode() != text:
        refuse(where, "form", "payload or signature is no base64 in its one spelling")
    return data
