"""The envelope against the protocol's own example."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit import dsse, receipt_verifier

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "dsse_spec.json").read_text())


def test_every_case_of_the_specification_holds() -> None:
    kind, payload = VECTOR["payloadType"], VECTOR["payload_utf8"].encode()
    encodings = [module.encoding(kind, payload) for module in (dsse, receipt_verifier)]
    assert encodings == [VECTOR["pae_utf8"].encode()] * 2
    signature = base64.b64decode(VECTOR["envelope"]["signatures"][0]["sig"])
    made = dsse.to_envelope(kind, payload, VECTOR["envelope"]["signatures"][0]["keyid"], signature)
    assert json.loads(made) == VECTOR["envelope"]
    key = EllipticCurvePublicNumbers(int(VECTOR["public_x"]), int(VECTOR["public_y"]), SECP256R1()).public_key()
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key.verify(encode_dss_signature(r, s), encodings[0], ECDSA(SHA256()))  # raises where it does not fit
    assert len([encodings[0], VECTOR["envelope"]]) == 2, "one encoding and one envelope"


@given(kind=st.text(max_size=20), payload=st.binary(max_size=60))
def test_maker_and_verifier_encode_alike(kind: str, payload: bytes) -> None:
    assert dsse.encoding(kind, payload) == receipt_verifier.encoding(kind, payload)


def test_the_same_payload_and_key_give_the_same_text() -> None:
    private = Ed25519PrivateKey.from_private_bytes(sha256(b"a test").digest())
    text = dsse.sign_envelope("text/plain", b"hello", "k", private)
    assert text == dsse.sign_envelope("text/plain", b"hello", "k", private)
    signature = base64.b64decode(json.loads(text)["signatures"][0]["sig"])
    private.public_key().verify(signature, b"DSSEv1 10 text/plain 5 hello")
