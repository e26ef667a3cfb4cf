"""Verifier keys, and Ed25519 against Wycheproof."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit.spelling import Malformed, to_base64
from govflow.audit.verifier_key import Kind, VerifierKey, holds

VECTORS = Path(__file__).parents[1] / "vectors"
PRIME = 2**255 - 19
D = -121665 * pow(121666, -1, PRIME) % PRIME
IDENTITY = (0, 1)


def wycheproof() -> list[tuple[str, dict[str, Any]]]:
    document = json.loads((VECTORS / "wycheproof_ed25519_test.json").read_text())
    cases = [(group["publicKey"]["pk"], test) for group in document["testGroups"] for test in group["tests"]]
    assert len(cases) == document["numberOfTests"] == 151
    return cases


@pytest.mark.parametrize(("public", "case"), wycheproof(), ids=lambda each: each["tcId"] if type(each) is dict else "")
def test_published_signatures(public: str, case: dict[str, Any]) -> None:
    good = holds(bytes.fromhex(public), bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
    assert good is (case["result"] == "valid")


def private(seed: int = 1) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def public(seed: int = 1) -> bytes:
    return private(seed).public_key().public_bytes_raw()


@pytest.mark.parametrize("case", json.loads((VECTORS / "signed_note.json").read_text()), ids=lambda case: case["name"])
def test_published_keys_are_read_and_written(case: dict[str, Any]) -> None:
    key = VerifierKey.parse(case["vkey"])
    assert str(key) == case["vkey"]
    assert key.kind is Kind.NOTE


@given(
    st.text(st.characters(codec="utf-8", min_codepoint=33), min_size=1).filter(
        lambda name: "+" not in name and not any(char.isspace() for char in name)
    ),
    st.sampled_from(Kind),
    st.integers(0, 255),
)
def test_a_key_is_read_as_it_is_written(name: str, kind: Kind, seed: int) -> None:
    key = VerifierKey(name, kind, public(seed))
    assert VerifierKey.parse(str(key)) == key


def test_one_public_key_has_another_id_under_another_name_or_kind() -> None:
    keys = [VerifierKey(name, kind, public()) for name in ("a", "b") for kind in Kind]
    assert len({key.key_id for key in keys}) == 4


@pytest.mark.parametrize("name", ["", "a b", "a\u00a0b", "a\u2028b", "a+b", "a\nb", "a\tb", "\x00", "\ud800"])
def test_names_that_no_note_can_hold_are_refused(name: str) -> None:
    with pytest.raises(Malformed):
        VerifierKey(name, Kind.NOTE, public())


def spoilt() -> dict[str, str]:
    key = str(VerifierKey("log.example/a", Kind.NOTE, public()))
    name, key_id, encoded = key.split("+", 2)
    return {
        "nothing": "",
        "a name": name,
        "no key": f"{name}+{key_id}",
        "another id": f"{name}+00000000+{encoded}",
        "another name": f"{name}b+{key_id}+{encoded}",
        "capital letters": f"{name}+{key_id.upper()}+{encoded}",
        "a short id": f"{name}+{key_id[1:]}+{encoded}",
        "a key cut off": f"{name}+{key_id}+{to_base64(bytes([1]) + public()[:-1])}",
        "another kind": f"{name}+{key_id}+{to_base64(bytes([4]) + public())}",
        "an unknown kind": f"{name}+{key_id}+{to_base64(bytes([2]) + public())}",
        "padding that is none": key + "====",
        "a line end": key + "\n",
    }


@pytest.mark.parametrize("text", spoilt().values(), ids=spoilt())
def test_a_key_that_is_not_of_the_form_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        VerifierKey.parse(text)


def add(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """RFC 8032, 5.1.4, in affine coordinates."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, PRIME)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, PRIME)
    return x % PRIME, y % PRIME


def points(y: int) -> list[tuple[int, int]]:
    """RFC 8032, 5.1.3: the points of that y."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != square:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    return [(x, y), (-x % PRIME, y)] if x * x % PRIME == square else []


def test_a_key_under_which_anybody_could_sign_is_refused() -> None:
    # The points of order 8 are found by halving: y of (x, y) such that twice it is a point of order 4, (x, 0).
    half = next(
        root
        for sign in (1, -1)
        for root in [_square_root((1 + sign * _square_root(1 + D)) * pow(-D, -1, PRIME) % PRIME)]
        if root and points(root)
    )
    small = {0, 1, PRIME - 1, half, PRIME - half}
    for y in small:
        for point in points(y):
            eighth = point
            for _ in range(3):
                eighth = add(eighth, eighth)
            assert eighth == IDENTITY
        for sign in (0, 1):
            with pytest.raises(Malformed, match="anybody"):
                VerifierKey("a", Kind.NOTE, (y | sign << 255).to_bytes(32, "little"))


def _square_root(square: int) -> int:
    square %= PRIME
    root = pow(square, (PRIME + 3) // 8, PRIME)
    for found in (root, root * pow(2, (PRIME - 1) // 4, PRIME) % PRIME):
        if found * found % PRIME == square:
            return found
    return 0


def test_a_key_that_has_two_spellings_is_refused() -> None:
    for y in (PRIME, PRIME + 1, PRIME + 18):
        with pytest.raises(Malformed, match="anybody"):
            VerifierKey("a", Kind.NOTE, y.to_bytes(32, "little"))


def test_a_forged_signature_under_a_small_key_would_count_if_the_key_were_taken() -> None:
    """Why such keys are refused: with the identity as key, one signature fits every message."""
    identity = (1).to_bytes(32, "little")
    forged = identity + bytes(32)
    assert holds(identity, forged, b"anything") and holds(identity, forged, b"anything else")
