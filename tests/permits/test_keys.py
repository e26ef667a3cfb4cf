"""Forms of keys: what is taken for a key, and what never leaves."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from govflow.errors import KeyFileError
from govflow.permits.keys import PublicKey, SigningKey, from_set, to_set
from tests.permits.build import KEY, NOON, OTHER


def test_a_key_is_named_by_its_thumbprint() -> None:
    """RFC 8037, appendix A.3."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    more = {"alg": "EdDSA", "use": "sig", "key_ops": ["verify"], "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}
    assert PublicKey.from_jwk({**jwk, **more}, "the RFC").kid == more["kid"]


@given(st.binary(min_size=32, max_size=32))
def test_a_key_comes_back_from_its_forms(seed: bytes) -> None:
    key = SigningKey.from_seed(seed)
    assert SigningKey.from_pem(key.to_pem(), "here").kid == key.kid
    assert from_set(to_set([key.public]), "here") == {key.kid: key.public}


def test_a_key_that_ends_says_so_in_the_set() -> None:
    ended = PublicKey(KEY.public.raw, NOON)
    found = from_set(to_set([ended, OTHER.public]), "here")
    assert found == {KEY.kid: ended, OTHER.kid: OTHER.public}
    assert found[KEY.kid].trusted_at(NOON - timedelta(seconds=1))
    assert not found[KEY.kid].trusted_at(NOON)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"d": "AAAA"}, "private key"),
        ({"kty": "RSA"}, "kty"),
        ({"crv": "Ed448"}, "crv"),
        ({"alg": "HS256"}, "alg"),
        ({"use": "enc"}, "use"),
        ({"key_ops": ["sign"]}, "key_ops"),
        ({"key_ops": ["verify", "sign"]}, "key_ops"),
        ({"kid": "mine"}, "thumbprint"),
        ({"kid": OTHER.kid}, "thumbprint"),
        ({"x": "AAAA"}, "point"),
        ({"x": 5}, "point"),
        ({"x": KEY.public.to_jwk()["x"] + "="}, "point"),
        ({"exp": "soon"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": 10**20}, "point"),
        ({"x5c": ["MII"]}, "not known"),
    ],
)
def test_a_key_that_is_something_else_refuses_the_set(changed: dict[str, Any], why: str) -> None:
    text = json.dumps({"keys": [OTHER.public.to_jwk(), {**KEY.public.to_jwk(), **changed}]})
    with pytest.raises(KeyFileError, match=why):
        from_set(text, "keys.json")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"keys": {}}', '{"keys": [1]}', '{"keys": [], "more": 1}', "null"])
def test_what_is_no_set_is_refused(text: str) -> None:
    with pytest.raises(KeyFileError, match=r"^keys\.json cannot be used"):
        from_set(text, "keys.json")


def test_a_set_with_a_key_twice_is_refused() -> None:
    with pytest.raises(KeyFileError, match="twice"):
        from_set(json.dumps({"keys": [KEY.public.to_jwk()] * 2}), "keys.json")


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_private_key_does_not_leave_its_process(leave: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="does not leave"):
        leave(KEY)
    assert repr(KEY) == f"SigningKey({KEY.kid})"


_PEM, _PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
OTHERS: dict[str, Callable[[], bytes]] = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048).private_bytes(_PEM, _PKCS8, serialization.NoEncryption()),
    "ec": lambda: ec.generate_private_key(ec.SECP256R1()).private_bytes(_PEM, _PKCS8, serialization.NoEncryption()),
    "public": lambda: KEY.public.verifier().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    "encrypted": lambda: KEY.signer().private_bytes(_PEM, _PKCS8, serialization.BestAvailableEncryption(b"secret")),
    "garbage": lambda: b"-----BEGIN PRIVATE KEY-----\ncanary-5e1f\n-----END PRIVATE KEY-----\n",
    "empty": lambda: b"",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_another_kind_of_key_file_is_refused_and_not_quoted(kind: str) -> None:
    data = OTHERS[kind]()
    with pytest.raises(KeyFileError, match=r"^signing\.pem is no Ed25519 private key") as caught:
        SigningKey.from_pem(data, "signing.pem")
    assert "canary" not in repr(caught.value) + str(caught.value.__cause__)
