"""What a witness cosigns, and every reason for which it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from govflow.audit.cosignature import Cosigner
from govflow.audit.merkle import EMPTY_ROOT, hash_leaf
from govflow.audit.note import BadSignature, Note, Signature, UnknownSigners
from govflow.audit.proofs import prove_consistency
from govflow.audit.spelling import Malformed
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.audit.witness import (
    NEVER,
    SIZE_TYPE,
    AddCheckpoint,
    Answer,
    Witnessed,
    decide,
    parse_add_checkpoint,
    read_cosignatures,
    read_size,
)
from tests.audit.trees import Levels, root

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ORIGIN = "log.example/acme"
SIGNER = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
LOG = VerifierKey(ORIGIN, Kind.NOTE, SIGNER.public_key().public_bytes_raw())
WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(b"\2" * 32))
MOST = 300
HASHES = Levels(MOST)


def note(size: int, of: bytes | None = None) -> Note:
    return sign_checkpoint(Checkpoint(ORIGIN, size, root(0, size) if of is None else of), SIGNER)


def asked(old: int, size: int) -> AddCheckpoint:
    """What an honest log sends."""
    proof = prove_consistency(HASHES, old, size) if 0 < old < size else []
    return AddCheckpoint(old, tuple(proof), note(size))


def seen(size: int) -> Witnessed:
    return Witnessed(size, root(0, size))


def answer(request: AddCheckpoint, latest: Witnessed) -> Answer:
    return decide(request, [LOG], latest, WITNESS, NOW)


@given(st.lists(st.integers(0, MOST), min_size=1, max_size=6).map(sorted))
def test_a_log_that_only_grows_is_cosigned_each_time(sizes: list[int]) -> None:
    latest = NEVER
    for size in sizes:
        request = parse_add_checkpoint(str(asked(latest.size, size)).encode())
        given_back = answer(request, latest)
        assert given_back.status == 200, given_back.why
        assert (given_back.keep or latest) == seen(size)
        cosigned = read_cosignatures(given_back.body.encode(), request.note, [WITNESS.key])
        opened = open_checkpoint(str(cosigned), origin=ORIGIN, keys=[LOG], witnesses=[WITNESS.key], quorum=1, now=NOW)
        assert opened.cosigned == {WITNESS.key: int(NOW.timestamp())}
        latest = given_back.keep or latest


def test_the_same_checkpoint_again_is_cosigned_and_nothing_is_kept() -> None:
    given_back = answer(asked(7, 7), seen(7))
    assert (given_back.status, given_back.keep) == (200, None)


def test_the_body_is_that_of_the_specification() -> None:
    request = asked(5, 9)
    first, *proof = str(request).split("\n\n")[0].split("\n")
    assert first == "old 5" and len(proof) == len(request.proof) > 0
    assert str(request).split("\n\n", 1)[1] == str(request.note)
    assert str(asked(0, 9)).startswith(f"old 0\n\n{ORIGIN}\n9\n")


def test_an_unknown_log_is_404() -> None:
    refused = decide(asked(0, 9), None, NEVER, WITNESS, NOW)
    assert (refused.status, refused.keep) == (404, None)


def test_a_checkpoint_that_the_log_has_not_signed_is_403() -> None:
    stranger = replace(asked(0, 9), note=sign_checkpoint(asked(0, 9).checkpoint, WITNESS.private))
    renamed = Signature(ORIGIN, LOG.key_id, bytes(64))
    for request in (stranger, replace(asked(0, 9), note=Note(note(9).text, (renamed,)))):
        assert answer(request, NEVER).status == 403
    assert decide(asked(0, 9), [], NEVER, WITNESS, NOW).status == 403


def test_who_has_not_signed_learns_nothing_of_what_was_cosigned() -> None:
    stranger = AddCheckpoint(3, (), sign_checkpoint(asked(0, 9).checkpoint, WITNESS.private))
    assert "7" not in answer(stranger, seen(7)).body


def test_an_old_size_beyond_the_new_one_is_400() -> None:
    assert answer(AddCheckpoint(9, (), note(7)), seen(9)).status == 400


@given(st.integers(0, MOST), st.integers(0, MOST), st.integers(0, MOST))
def test_another_old_size_than_the_one_kept_is_409_with_that_one(old: int, size: int, latest: int) -> None:
    if old > size or old == latest:
        return
    refused = answer(asked(old, size), seen(latest))
    assert (refused.status, refused.body, refused.content_type) == (409, f"{latest}\n", SIZE_TYPE)
    assert refused.keep is None
    assert read_size(refused.content_type, refused.body.encode()) == latest


def test_a_log_that_was_rolled_back_is_not_cosigned() -> None:
    """An older database comes back: whatever it sends, the witness keeps what it has."""
    for request in (asked(0, 5), asked(5, 5), asked(3, 5), AddCheckpoint(9, (), note(5))):
        refused = answer(request, seen(9))
        assert refused.status in {400, 409} and refused.keep is None


def test_a_fork_of_the_same_size_is_409_and_tells_no_size() -> None:
    forked = AddCheckpoint(9, (), note(9, hash_leaf(b"another")))
    refused = answer(forked, seen(9))
    assert refused.status == 409 and refused.keep is None
    assert read_size(refused.content_type, refused.body) is None


def test_a_fork_of_a_larger_size_is_422() -> None:
    latest = Witnessed(5, hash_leaf(b"another"))
    assert answer(asked(5, 9), latest).status == 422


def test_a_proof_that_does_not_hold_is_422() -> None:
    good = asked(5, 9)
    flipped = bytes([good.proof[0][0] ^ 1]) + good.proof[0][1:]
    wrong = [(), good.proof[1:], (*good.proof, bytes(32)), (flipped, *good.proof[1:])]
    for proof in wrong:
        assert answer(replace(good, proof=proof), seen(5)).status == 422
    assert answer(replace(asked(0, 9), proof=(bytes(32),)), NEVER).status == 422
    assert answer(replace(asked(9, 9), proof=(bytes(32),)), seen(9)).status == 422


def test_extension_lines_are_cosigned_with_the_rest() -> None:
    checkpoint = Checkpoint(ORIGIN, 9, root(0, 9), ("more",))
    request = AddCheckpoint(0, (), sign_checkpoint(checkpoint, SIGNER))
    given_back = answer(request, NEVER)
    assert len(read_cosignatures(given_back.body, request.note, [WITNESS.key]).signatures) == 2
    with pytest.raises(BadSignature):
        read_cosignatures(given_back.body, note(9), [WITNESS.key])


GOOD = str(asked(5, 9))
SPOILT = {
    "nothing": "",
    "no old size": GOOD.split("\n", 1)[1],
    "an old size with a zero in front": GOOD.replace("old 5", "old 05"),
    "no space": GOOD.replace("old 5", "old5"),
    "a capital letter": GOOD.replace("old 5", "Old 5"),
    "a hash that is too short": GOOD.replace("old 5\n", "old 5\nAAAA\n"),
    "64 hashes": GOOD.replace("old 5\n", "old 5\n" + ("A" * 43 + "=\n") * 60),
    "no empty line": GOOD.replace("\n\n", "\n", 1),
    "no note": GOOD.split("\n\n", maxsplit=1)[0] + "\n\n",
    "no signature": GOOD.rsplit("\n\n", 1)[0] + "\n",
    "not a checkpoint": GOOD.replace("\n9\n", "\nnine\n"),
    "an empty tree with another root": GOOD.replace("\n9\n", "\n0\n"),
    "too many bytes": "old 5\n" + "A" * 2_000_000 + GOOD,
}


@pytest.mark.parametrize("text", SPOILT.values(), ids=SPOILT)
def test_what_is_not_of_the_form_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_add_checkpoint(text)


def test_what_could_not_be_sent_cannot_be_made() -> None:
    for proof in ((b"short",), (bytes(32),) * 64):
        with pytest.raises(Malformed):
            AddCheckpoint(5, proof, note(9))
    with pytest.raises(Malformed):
        AddCheckpoint(5, (), Note("nonsense\n", note(9).signatures))


def test_answers_that_are_none_are_refused() -> None:
    good = answer(asked(0, 9), NEVER).body
    stranger = Cosigner("witness.example/w2", SIGNER).cosign(asked(0, 9).checkpoint, NOW).line()
    assert len(read_cosignatures(stranger + good, note(9), [WITNESS.key]).signatures) == 2  # the stranger's is left out
    for body in ("", "\n", good[:-1], good + "\n", "sorry\n"):
        with pytest.raises(Malformed):
            read_cosignatures(body, note(9), [WITNESS.key])
    with pytest.raises(UnknownSigners):
        read_cosignatures(stranger, note(9), [WITNESS.key])
    with pytest.raises(BadSignature):
        read_cosignatures(good, note(8), [WITNESS.key])
    with pytest.raises(ValueError, match="a witness signs"):
        read_cosignatures(good, note(9), [LOG])


@pytest.mark.parametrize("body", ["", "7", "07\n", "7\n\n", "seven\n"])
def test_a_size_that_is_none_is_refused(body: str) -> None:
    with pytest.raises(Malformed):
        read_size(SIZE_TYPE, body)
    assert read_size("text/plain", body) is None


def test_an_empty_log_is_cosigned_with_its_one_root() -> None:
    assert note(0).text == f"{ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    assert answer(asked(0, 0), NEVER).status == 200
    assert NEVER.root == EMPTY_ROOT
