"""Checkpoints: signed, opened, and every way in which one is not believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit.checkpoint import (
    AHEAD,
    Checkpoint,
    TooFewWitnesses,
    WrongOrigin,
    checkpoint_of,
    open_checkpoint,
    origin_of,
    sign_checkpoint,
)
from govflow.audit.cosignature import Cosigner
from govflow.audit.merkle import EMPTY_ROOT, hash_leaf
from govflow.audit.note import BadSignature, Note, Signature, UnknownSigners, sign_text
from govflow.audit.record import Head
from govflow.audit.spelling import Malformed
from govflow.audit.verifier_key import Kind, VerifierKey

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROOT = hash_leaf(b"")
ORIGIN = "log.example/acme"
SIGNER = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
LOG = VerifierKey(ORIGIN, Kind.NOTE, SIGNER.public_key().public_bytes_raw())
HEAD = Checkpoint(ORIGIN, 7, ROOT)
SIGNED = sign_checkpoint(HEAD, SIGNER)


def witness(number: int, name: str = "") -> Cosigner:
    return Cosigner(name or f"witness.example/{number}", Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def test_the_example_of_the_specification_is_read_and_written() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text == text


def test_a_head_becomes_a_checkpoint_that_its_key_opens() -> None:
    head = Head("acme", 7, "sha256:" + "0" * 64, "sha256:" + ROOT.hex())
    note = sign_checkpoint(checkpoint_of(head, "log.example"), SIGNER)
    opened = open_checkpoint(str(note).encode(), origin=ORIGIN, keys=[LOG])
    assert opened.checkpoint == HEAD
    assert opened.signed_by == (LOG,) and opened.cosigned == {}


@given(st.text(), st.text())
def test_two_tenants_never_have_one_origin(one: str, other: str) -> None:
    try:
        origins = [origin_of("log.example", tenant) for tenant in (one, other)]
    except UnicodeEncodeError:  # half a character is no name
        return
    assert (origins[0] == origins[1]) is (one == other)
    for origin in origins:
        sign_checkpoint(Checkpoint(origin, 0, EMPTY_ROOT), SIGNER)


def test_the_origin_of_a_tenant_is_readable_where_it_can_be() -> None:
    assert origin_of("log.example", "acme") == ORIGIN
    assert origin_of("log.example", "a b/c+d") == "log.example/a%20b%2Fc%2Bd"
    with pytest.raises(Malformed):
        origin_of("log example", "acme")


@given(
    st.text(st.characters(codec="utf-8", min_codepoint=32), min_size=1),
    st.integers(1, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(st.text(st.characters(codec="utf-8", min_codepoint=32), min_size=1), max_size=3),
)
def test_a_checkpoint_is_read_as_it_is_written(origin: str, size: int, root: bytes, extensions: list[str]) -> None:
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    assert Checkpoint.parse(checkpoint.text) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{ORIGIN}\n7\n",
        HEAD.text[:-1],
        HEAD.text + "\n",
        HEAD.text.replace("\n7\n", "\n07\n"),
        HEAD.text.replace("\n7\n", "\n-7\n"),
        HEAD.text.replace("\n7\n", f"\n{2**63}\n"),
        HEAD.text.replace("\n7\n", "\n0\n"),  # an empty tree has one root
        HEAD.text.replace("\n7\n", "\n\n7\n"),
        HEAD.text.replace(ORIGIN, ""),
        HEAD.text.replace("=\n", "\n"),
        f"{ORIGIN}\n7\nAAAA\n",
        HEAD.text + "extension\n\n",
    ],
)
def test_what_is_not_of_the_form_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "made",
    [
        lambda: Checkpoint("", 1, ROOT),
        lambda: Checkpoint("a\nb", 1, ROOT),
        lambda: Checkpoint("a", -1, ROOT),
        lambda: Checkpoint("a", 2**63, ROOT),
        lambda: Checkpoint("a", 1, b""),
        lambda: Checkpoint("a", 0, ROOT),
        lambda: Checkpoint("a", 1, ROOT, ("",)),
        lambda: Checkpoint("a", 1, ROOT, ("b\nc",)),
    ],
)
def test_what_could_not_be_written_cannot_be_made(made: object) -> None:
    assert callable(made)
    with pytest.raises(Malformed):
        made()


def test_every_flipped_bit_is_refused() -> None:
    data = str(SIGNED).encode()
    for at in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(ValueError):  # noqa: PT011  # which of them hangs on the bit
            open_checkpoint(bytes(flipped), origin=ORIGIN, keys=[LOG])


def test_a_checkpoint_of_another_tenant_under_the_same_key_is_refused() -> None:
    other = Checkpoint("log.example/other", 7, ROOT)
    note = Note(other.text, (sign_text(other.text, ORIGIN, SIGNER),))
    with pytest.raises(WrongOrigin):
        open_checkpoint(note, origin=ORIGIN, keys=[LOG])


def test_a_checkpoint_under_another_key_is_refused() -> None:
    note = sign_checkpoint(HEAD, Ed25519PrivateKey.from_private_bytes(b"\2" * 32))
    with pytest.raises(UnknownSigners):
        open_checkpoint(note, origin=ORIGIN, keys=[LOG])
    with pytest.raises(UnknownSigners):
        open_checkpoint(SIGNED, origin=ORIGIN, keys=[])


def test_what_is_signed_is_not_read_before_the_signature_holds() -> None:
    with pytest.raises(UnknownSigners):
        open_checkpoint(Note("nonsense\n", (Signature("x", b"1234", b"5"),)), origin=ORIGIN, keys=[LOG])
    nonsense = Note("nonsense\n", (sign_text("nonsense\n", ORIGIN, SIGNER),))
    with pytest.raises(Malformed):
        open_checkpoint(nonsense, origin=ORIGIN, keys=[LOG])


def test_extension_lines_are_signed_with_the_rest() -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, 7, ROOT, ("more",)), SIGNER)
    assert open_checkpoint(note, origin=ORIGIN, keys=[LOG]).checkpoint.extensions == ("more",)
    with pytest.raises(BadSignature):
        open_checkpoint(Note(HEAD.text, note.signatures), origin=ORIGIN, keys=[LOG])


def test_witnesses_are_told_with_their_times_and_strangers_are_not() -> None:
    one, two, stranger = witness(2), witness(3), witness(4)
    note = SIGNED.with_signatures(*(each.cosign(HEAD, NOW) for each in (one, two, stranger)))
    opened = open_checkpoint(note, origin=ORIGIN, keys=[LOG], witnesses=[one.key, two.key], quorum=2, now=NOW)
    assert opened.cosigned == {one.key: int(NOW.timestamp()), two.key: int(NOW.timestamp())}
    with pytest.raises(TooFewWitnesses):
        open_checkpoint(note, origin=ORIGIN, keys=[LOG], witnesses=[one.key], quorum=2)


def test_one_witness_under_two_names_is_one_witness() -> None:
    one, again = witness(2), witness(2, "witness.example/again")
    note = SIGNED.with_signatures(one.cosign(HEAD, NOW), again.cosign(HEAD, NOW))
    with pytest.raises(TooFewWitnesses, match="1 of the 2"):
        open_checkpoint(note, origin=ORIGIN, keys=[LOG], witnesses=[one.key, again.key], quorum=2)


def test_a_witness_does_not_stand_in_for_the_log() -> None:
    one = witness(2)
    note = Note(HEAD.text, (one.cosign(HEAD, NOW),))
    with pytest.raises(UnknownSigners, match="of the log"):
        open_checkpoint(note, origin=ORIGIN, keys=[LOG], witnesses=[one.key])


def test_a_cosignature_from_the_future_does_not_count() -> None:
    one = witness(2)
    for ahead, counts in ((AHEAD, True), (AHEAD + timedelta(seconds=1), False)):
        note = SIGNED.with_signatures(one.cosign(HEAD, NOW + ahead))
        opened = open_checkpoint(note, origin=ORIGIN, keys=[LOG], witnesses=[one.key], now=NOW)
        assert (one.key in opened.cosigned) is counts
        assert one.key in open_checkpoint(note, origin=ORIGIN, keys=[LOG], witnesses=[one.key]).cosigned


def test_a_wrong_cosignature_of_a_trusted_witness_refuses_the_checkpoint() -> None:
    one = witness(2)
    line = one.cosign(Checkpoint(ORIGIN, 8, ROOT), NOW)
    for wrong in (line, Signature(line.name, line.key_id, line.data[:-1]), Signature(line.name, line.key_id, b"0")):
        with pytest.raises(BadSignature):
            open_checkpoint(SIGNED.with_signatures(wrong), origin=ORIGIN, keys=[LOG], witnesses=[one.key])


def test_the_time_of_a_cosignature_is_signed() -> None:
    one = witness(2)
    line = one.cosign(HEAD, NOW)
    for at in (0, int(NOW.timestamp()) + 1, 2**63, 2**64 - 1):
        moved = Signature(line.name, line.key_id, at.to_bytes(8, "big") + line.data[8:])
        with pytest.raises(BadSignature):
            open_checkpoint(SIGNED.with_signatures(moved), origin=ORIGIN, keys=[LOG], witnesses=[one.key])


def test_kinds_of_keys_are_not_mixed_up() -> None:
    one = witness(2)
    with pytest.raises(ValueError, match="a log signs"):
        open_checkpoint(SIGNED, origin=ORIGIN, keys=[one.key])
    with pytest.raises(ValueError, match="a witness signs"):
        open_checkpoint(SIGNED, origin=ORIGIN, keys=[LOG], witnesses=[LOG])


def test_a_cosignature_has_a_time() -> None:
    with pytest.raises(ValueError, match="time zone"):
        witness(2).cosign(HEAD, NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="before 1970"):
        witness(2).cosign(HEAD, datetime(1969, 1, 1, tzinfo=UTC))
