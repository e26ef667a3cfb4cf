"""A key signs policies or permits, never both."""

from __future__ import annotations

import json

import pytest

from govflow.bundles import private_key, public_keys, to_private_text, to_public_text
from govflow.errors import KeyFileError
from govflow.permits.keys import SigningKey, from_set, to_set
from tests.bundles.signed import CAROL, KEYS, MALLORY


def test_keys_are_read_as_they_were_written() -> None:
    assert public_keys(to_public_text([MALLORY.public, CAROL.public]), "keys") == {**KEYS, MALLORY.kid: MALLORY.public}
    assert private_key(to_private_text(CAROL), "key").kid == CAROL.kid


def test_a_permit_key_signs_no_policy() -> None:
    with pytest.raises(KeyFileError, match="not a key that signs policies"):
        private_key(CAROL.to_pem(), "signing.pem")
    with pytest.raises(KeyFileError, match="not one that signs policies"):
        public_keys(to_set([CAROL.public]), "permit-keys.json")


def test_a_policy_key_signs_no_permit() -> None:
    with pytest.raises(KeyFileError, match="no Ed25519 private key"):
        SigningKey.from_pem(to_private_text(CAROL), "policy.pem")
    with pytest.raises(KeyFileError, match="purpose"):
        from_set(to_public_text([CAROL.public]), "policy-keys.json")


def test_one_permit_key_among_policy_keys_refuses_the_set() -> None:
    mixed = json.loads(to_public_text([CAROL.public]))
    mixed["keys"].append(MALLORY.public.to_jwk())
    with pytest.raises(KeyFileError, match="not one that signs policies"):
        public_keys(json.dumps(mixed), "keys")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kid": MALLORY.kid}, "thumbprint"),
        ({"alg": "ES256"}, "not an Ed25519 key"),
        ({"kty": "oct"}, "not an Ed25519 key"),
        ({"use": "enc"}, "not an Ed25519 key"),
        ({"d": "AAAA"}, "private key"),
        ({"purpose": "govflow-permit"}, "not one that signs policies"),
        ({"x": "AAAA"}, "Ed25519 point"),
    ],
)
def test_a_public_key_that_is_not_what_it_says_is_refused(change: dict[str, str], says: str) -> None:
    text = json.loads(to_public_text([CAROL.public]))
    text["keys"][0].update(change)
    with pytest.raises(KeyFileError, match=says) as caught:
        public_keys(json.dumps(text), "keys")
    assert "keygen" in caught.value.mend


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"keys": []}', '{"keys": [], "keys": []}', '{"keys": {}, "x": 1}'])
def test_what_is_no_set_of_keys_is_refused(text: str) -> None:
    with pytest.raises(KeyFileError):
        public_keys(text, "keys")


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(KeyFileError, match="twice"):
        public_keys(to_public_text([CAROL.public, CAROL.public]), "keys")
