"""One spelling for everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit.spelling import Malformed, from_base64, from_decimal, from_hash, from_utf8, to_base64


@given(st.binary(max_size=70))
def test_base64_is_read_as_it_is_written(data: bytes) -> None:
    assert from_base64(to_base64(data), "it") == data


@pytest.mark.parametrize("text", ["QQ", "QQ=", "QR==", "QQ==\n", " QQ==", "Q-_=", "QQ==QQ==", "Ü===", "QUI", "QUJ="])
def test_every_other_spelling_of_base64_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="one spelling"):
        from_base64(text, "it")


@given(st.integers(0, 2**63 - 1))
def test_numbers_are_read_as_they_are_written(number: int) -> None:
    assert from_decimal(str(number), "it") == number


@pytest.mark.parametrize(
    "text",
    ["", "00", "01", "+1", "-1", " 1", "1 ", "1\n", "1_0", "0x1", "1.0", "\u0661", str(2**63), "9" * 30, "9" * 5000],
)
def test_every_other_number_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="decimal"):
        from_decimal(text, "it")


def test_a_hash_has_32_bytes() -> None:
    assert from_hash(to_base64(bytes(32)), "it") == bytes(32)
    for wrong in (0, 31, 33):
        with pytest.raises(Malformed, match="32 bytes"):
            from_hash(to_base64(bytes(wrong)), "it")


def test_what_is_too_long_or_no_text_is_refused() -> None:
    assert from_utf8("é", 2, "it") == from_utf8("é".encode(), 2, "it") == "é"
    with pytest.raises(Malformed, match="longer"):
        from_utf8("é", 1, "it")
    for wrong in (b"\xff", b"\xed\xa0\x80", "\ud800"):
        with pytest.raises(Malformed, match="UTF-8"):
            from_utf8(wrong, 10, "it")
