"""Proof files: written, read, verified with a key alone."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit.checkpoint import Checkpoint, TooFewWitnesses, WrongOrigin, sign_checkpoint
from govflow.audit.merkle import ProofError
from govflow.audit.note import NotTrusted, UnknownSigners
from govflow.audit.proofs import prove_inclusion
from govflow.audit.spelling import Malformed
from govflow.audit.tlog_proof import TlogProof, parse_tlog_proof
from govflow.audit.verifier_key import Kind, VerifierKey
from tests.audit.trees import LEAVES, Levels, root

ORIGIN = "log.example/acme"
SIGNER = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
KEY = VerifierKey(ORIGIN, Kind.NOTE, SIGNER.public_key().public_bytes_raw())
MOST = 300
HASHES = Levels(MOST)


def proof(index: int, size: int, extra: bytes = b"") -> TlogProof:
    note = sign_checkpoint(Checkpoint(ORIGIN, size, root(0, size)), SIGNER)
    return TlogProof(index, tuple(prove_inclusion(HASHES, index, size)), note, extra)


@given(st.integers(1, MOST), st.data(), st.binary(max_size=40))
def test_a_proof_is_read_as_it_is_written_and_holds(size: int, data: st.DataObject, extra: bytes) -> None:
    index = data.draw(st.integers(0, size - 1))
    made = proof(index, size, extra)
    read = parse_tlog_proof(str(made).encode())
    assert read == made and str(read) == str(made)
    assert read.verify(LEAVES[index], origin=ORIGIN, keys=[KEY]).checkpoint.size == size


def test_the_form_is_that_of_the_specification() -> None:
    made = proof(5, 9, b"more")
    lines = str(made).split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra bW9yZQ==", "index 5"]
    assert lines[3:8][-1] == "" and len(made.hashes) == 4
    assert lines[8:10] == [ORIGIN, "9"]
    assert str(proof(0, 1)).startswith(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{ORIGIN}\n1\n")


def test_it_holds_for_no_other_record_log_key_or_witness() -> None:
    made = proof(5, 9)
    with pytest.raises(ProofError):
        made.verify(LEAVES[6], origin=ORIGIN, keys=[KEY])
    with pytest.raises(WrongOrigin):
        made.verify(LEAVES[5], origin="log.example/other", keys=[KEY])
    with pytest.raises(UnknownSigners):
        made.verify(LEAVES[5], origin=ORIGIN, keys=[VerifierKey("other", Kind.NOTE, KEY.public)])
    with pytest.raises(TooFewWitnesses):
        made.verify(LEAVES[5], origin=ORIGIN, keys=[KEY], quorum=1)


def test_every_flipped_bit_is_refused() -> None:
    text = str(proof(5, 9)).encode()
    for at in range(len(text) * 8):
        flipped = bytearray(text)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises((Malformed, NotTrusted, ProofError)):
            parse_tlog_proof(bytes(flipped)).verify(LEAVES[5], origin=ORIGIN, keys=[KEY])


GOOD = str(proof(5, 9, b"more"))
SPOILT = {
    "nothing": "",
    "another version": GOOD.replace("@v1", "@v2"),
    "no header": GOOD.split("\n", 1)[1],
    "no checkpoint": GOOD.split("\n\n", maxsplit=1)[0] + "\n",
    "no index": GOOD.replace("index 5\n", ""),
    "an index twice": GOOD.replace("index 5\n", "index 5\nindex 5\n"),
    "an index with a zero in front": GOOD.replace("index 5", "index 05"),
    "a negative index": GOOD.replace("index 5", "index -5"),
    "an index that is too large": GOOD.replace("index 5", f"index {2**63}"),
    "extra behind the index": GOOD.replace("extra bW9yZQ==\nindex 5\n", "index 5\nextra bW9yZQ==\n"),
    "extra without data": GOOD.replace("extra bW9yZQ==", "extra "),
    "extra without padding": GOOD.replace("extra bW9yZQ==", "extra bW9yZQ"),
    "extra twice": GOOD.replace("extra bW9yZQ==\n", "extra bW9yZQ==\n" * 2),
    "a hash that is too short": GOOD.replace("index 5\n", "index 5\nAAAA\n"),
    "too many hashes": GOOD.replace("index 5\n", "index 5\n" + ("A" * 43 + "=\n") * 60),
    "carriage returns": GOOD.replace("\n", "\r\n"),
    "a space behind the header": GOOD.replace("@v1\n", "@v1 \n"),
    "too many bytes": GOOD.replace("bW9yZQ==", "bW9y" * 2_000_000),
}


@pytest.mark.parametrize("text", SPOILT.values(), ids=SPOILT)
def test_what_is_not_of_the_form_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_tlog_proof(text)


def test_what_could_not_be_written_cannot_be_made() -> None:
    note = proof(0, 1).checkpoint
    for index, hashes in ((-1, ()), (2**63, ()), (0, (b"short",)), (0, (bytes(32),) * 64)):
        with pytest.raises(Malformed):
            TlogProof(index, hashes, note)
