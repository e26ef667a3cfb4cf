"""Webhook signatures: published vectors, and every way to change a message."""

from __future__ import annotations

import hmac
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from govflow.events.signature import is_signed, mac, sign

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/wycheproof_hmac_sha256_test.json").read_text())
KEY, NOW = b"k" * 32, 1_800_000_000


def test_published_vectors_are_judged_as_published() -> None:
    judged = 0
    for group in VECTORS["testGroups"]:
        for test in group["tests"]:
            made = mac(bytes.fromhex(test["key"]), bytes.fromhex(test["msg"]))[: group["tagSize"] // 8]
            same = hmac.compare_digest(made, bytes.fromhex(test["tag"]))
            assert same == (test["result"] == "valid"), test["tcId"]
            judged += 1
    assert judged == VECTORS["numberOfTests"]


@given(body=st.binary(max_size=200), other=st.binary(max_size=200))
def test_a_signature_is_of_one_body_time_and_secret(body: bytes, other: bytes) -> None:
    signature = sign(KEY, NOW, body)
    assert is_signed(KEY, str(NOW), signature, body, now=NOW)
    assert is_signed(KEY, str(NOW), signature, other, now=NOW) == (body == other)
    assert not is_signed(KEY, str(NOW + 1), signature, body, now=NOW)
    assert not is_signed(b"x" * 32, str(NOW), signature, body, now=NOW)


def test_an_old_message_and_one_from_the_future_are_refused() -> None:
    signature = sign(KEY, NOW, b"{}")
    for late, taken in ((300, True), (301, False), (-300, True), (-301, False)):
        assert is_signed(KEY, str(NOW), signature, b"{}", now=NOW + late) == taken


@given(timestamp=st.text(max_size=20), signature=st.text(st.characters(), max_size=80))
def test_any_headers_at_all_are_refused_and_raise_nothing(timestamp: str, signature: str) -> None:
    assert not is_signed(KEY, timestamp, signature, b"{}", now=NOW)
    assert not is_signed(KEY, str(NOW), signature, b"{}", now=NOW)
