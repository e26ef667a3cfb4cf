"""Secrets that speak for whoever bears them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.identity import SecretKind, make_secret, same_digest, secret_digest
from govflow.identity.bearer_secrets import SECRET_PATTERN

RANDOM = bytes(range(32))


@pytest.mark.parametrize("kind", list(SecretKind))
def test_a_secret_has_its_prefix_and_256_bits(kind: SecretKind) -> None:
    secret, digest = make_secret(kind, RANDOM)
    assert secret.startswith(kind.value) and SECRET_PATTERN.fullmatch(secret)
    assert secret_digest(kind, secret) == digest
    assert same_digest(digest, digest) and not same_digest(digest, "sha256:" + "0" * 64)


@given(st.binary(min_size=32, max_size=32), st.sampled_from(SecretKind), st.sampled_from(SecretKind))
def test_a_secret_of_one_kind_is_no_secret_of_another(random: bytes, kind: SecretKind, other: SecretKind) -> None:
    secret, _ = make_secret(kind, random)
    assert (secret_digest(other, secret) is None) == (kind is not other)


@given(st.integers(0, 63))
def test_another_spelling_of_the_same_bytes_is_another_secret(last: int) -> None:
    """The last letter holds two spare bits: four letters decode to the same bytes."""
    secret, digest = make_secret(SecretKind.API_KEY, RANDOM)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = secret[:-1] + alphabet[last]
    assert (secret_digest(SecretKind.API_KEY, other) == digest) == (other == secret)


@pytest.mark.parametrize("change", ["{}=", "{} ", " {}", "{}\n", "{}A", "{}", "GFK_{}"])
def test_padding_and_blanks_make_no_secret(change: str) -> None:
    secret, _ = make_secret(SecretKind.API_KEY, RANDOM)
    presented = change.format(secret)
    assert (secret_digest(SecretKind.API_KEY, presented) is None) == (presented != secret)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_secret_of_other_than_32_bytes_is_not_made(size: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        make_secret(SecretKind.LINK, b"x" * size)
