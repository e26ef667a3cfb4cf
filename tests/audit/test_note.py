"""Signed notes."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import assume, given
from hypothesis import strategies as st

from govflow.audit.note import (
    MOST_BYTES,
    MOST_SIGNATURES,
    BadSignature,
    Note,
    NotTrusted,
    Signature,
    UnknownSigners,
    open_note,
    parse_note,
    sign_text,
)
from govflow.audit.spelling import Malformed
from govflow.audit.verifier_key import Kind, VerifierKey

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "signed_note.json").read_text())
TEXT = "a text\n\nof three lines\n"


def private(seed: int = 1) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def key(name: str, seed: int = 1, kind: Kind = Kind.NOTE) -> VerifierKey:
    return VerifierKey(name, kind, private(seed).public_key().public_bytes_raw())


def signed(text: str = TEXT, *names: str) -> Note:
    return Note(text, tuple(sign_text(text, name, private()) for name in names or ("a",)))


def test_all_published_notes_are_here() -> None:
    assert len(VECTORS) == 2


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_published_notes(case: dict[str, Any]) -> None:
    assert case["ok"]
    note = parse_note(case["note"])
    by = VerifierKey.parse(case["vkey"])
    assert list(open_note(note, [by])) == [by]
    assert str(note) == case["note"]
    assert note.text == case.get("text", "This is an example message.\n")
    data = case["note"].encode()
    for at in range(len(data)):  # whatever is changed, nobody is told that this key signed it
        with pytest.raises((Malformed, NotTrusted)):
            open_note(parse_note(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]), [by])


def test_the_text_ends_at_the_last_empty_line() -> None:
    note = parse_note(str(signed()))
    assert note.text == TEXT
    assert open_note(note, [key("a")])


@given(st.text(st.characters(codec="utf-8", min_codepoint=32)), st.lists(st.sampled_from("abcdef"), unique=True))
def test_a_note_is_read_as_it_is_written(words: str, names: list[str]) -> None:
    assume(names)
    note = signed(words + "\n", *names)
    assert parse_note(str(note)) == parse_note(str(note).encode()) == note
    assert [by.name for by in open_note(note, [key(name) for name in names])] == names


def test_signatures_of_others_are_ignored_also_with_our_name_or_our_id() -> None:
    ours, good = key("a"), sign_text(TEXT, "a", private())
    strangers = [
        sign_text(TEXT, "b", private(2)),
        sign_text(TEXT, "a", private(2)),
        Signature("b", ours.key_id, bytes(64)),
        Signature("a", b"\x00" * 4, b"whatever it is"),
    ]
    assert open_note(Note(TEXT, (*strangers, good)), [ours]) == {ours: good}
    with pytest.raises(UnknownSigners):
        open_note(Note(TEXT, tuple(strangers)), [ours])
    with pytest.raises(UnknownSigners):
        open_note(Note(TEXT, (good,)), [])


def test_one_wrong_signature_of_a_trusted_key_refuses_the_note() -> None:
    ours = key("a")
    good = sign_text(TEXT, "a", private())
    wrong = Signature("a", ours.key_id, good.data[:-1] + bytes([good.data[-1] ^ 1]))
    for lines in ((wrong,), (good, wrong), (wrong, good), (sign_text(TEXT, "b", private()), wrong)):
        with pytest.raises(BadSignature):
            open_note(Note(TEXT, lines), [ours, key("b")])


@pytest.mark.parametrize("length", [1, 63, 65, 72])
def test_a_signature_of_another_length_is_none(length: int) -> None:
    with pytest.raises(BadSignature):
        open_note(Note(TEXT, (Signature("a", key("a").key_id, bytes(length)),)), [key("a")])


def test_a_signature_over_another_text_is_none() -> None:
    with pytest.raises(BadSignature):
        open_note(Note("another\n", signed().signatures), [key("a")])


def test_two_keys_of_one_name_and_id_are_not_guessed_between() -> None:
    one = key("a")
    other = key("a", 2)
    object.__setattr__(other, "key_id", one.key_id)
    with pytest.raises(ValueError, match="two trusted keys"):
        open_note(signed(), [one, other])
    assert open_note(signed(), [one, one])


def test_a_further_signature_takes_the_place_of_the_older_one_of_that_key() -> None:
    note = signed(TEXT, "a", "b")
    newer = Signature("a", key("a").key_id, b"newer")
    assert [(one.name, one.data) for one in note.with_signatures(newer).signatures][1] == ("a", b"newer")
    assert len(note.with_signatures(newer).signatures) == 2


GOOD = str(signed())
LINE = GOOD.rsplit("\n\n", 1)[1]
SPOILT = {
    "nothing": "",
    "no signature": TEXT,
    "no signature behind the empty line": TEXT + "\n",
    "no empty line": "a text\n" + LINE,
    "no end of line": GOOD[:-1],
    "a tab": GOOD.replace("text", "te\txt"),
    "a carriage return": GOOD.replace("\n", "\r\n"),
    "a zero": GOOD.replace("text", "te\x00xt"),
    "a hyphen for the dash": GOOD.replace("—", "-"),
    "no space behind the dash": GOOD.replace("— ", "—"),
    "two spaces": GOOD.replace("— a ", "— a  "),
    "a space at the end": GOOD[:-1] + " \n",
    "no name": GOOD.replace("— a ", "—  "),
    "a plus in the name": GOOD.replace("— a ", "— a+b "),
    "a wide space in the name": GOOD.replace("— a ", "— a\u2003b "),
    "no signature in the line": TEXT + "\n— a \n",
    "a name alone": TEXT + "\n— a\n",
    "a signature of four bytes": TEXT + "\n— a AAAAAA==\n",
    "base64 with another last character": TEXT + "\n— a AAAAAAB=\n",
    "base64 without padding": GOOD[:-2] + "\n",
    "text behind the signatures": GOOD + "more\n",
    "an empty line behind the signatures": GOOD + "\n",
    "too many signatures": TEXT + "\n" + LINE * (MOST_SIGNATURES + 1),
    "too many bytes": "a" * MOST_BYTES + GOOD,
}


@pytest.mark.parametrize("text", SPOILT.values(), ids=SPOILT)
def test_what_is_not_of_the_form_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_note(text)


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    with pytest.raises(Malformed, match="UTF-8"):
        parse_note(GOOD.encode().replace(b"text", b"te\xffxt"))


def test_sixteen_signatures_are_accepted() -> None:
    names = [f"key{number}" for number in range(16)]
    assert len(open_note(parse_note(str(signed(TEXT, *names))), [key(name) for name in names])) == 16


@pytest.mark.parametrize("text", ["", "no end", "a\ttab\n", "\x7f\x00\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text: str) -> None:
    with pytest.raises(Malformed):
        sign_text(text, "a", private())


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_are_the_one_spelling_of_a_note(data: bytes) -> None:
    for tried in (data, GOOD.encode() + data, data + GOOD.encode()):
        with suppress(Malformed):
            assert str(parse_note(tried)).encode() == tried  # and what is read has no other spelling
