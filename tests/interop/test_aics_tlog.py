"""Our checkpoints, proofs and tiles under another implementation of the same specifications, and its under ours."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govflow.audit.body import make_body
from govflow.audit.checkpoint import Checkpoint, checkpoint_of, open_checkpoint, origin_of, sign_checkpoint
from govflow.audit.cosignature import Cosigner
from govflow.audit.leaf import leaf_bytes, leaf_digest
from govflow.audit.levels import grow
from govflow.audit.merkle import CompactRange, verify_consistency, verify_inclusion
from govflow.audit.note import parse_note
from govflow.audit.proofs import prove_consistency, prove_inclusion, root_at
from govflow.audit.record import GENESIS, Draft, Head
from govflow.audit.tiles import WIDTH, GrowingTiles
from govflow.audit.tlog_proof import TlogProof, parse_tlog_proof
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.audit.witness import NEVER, AddCheckpoint, decide, read_cosignatures
from tests.audit.trees import LEAVES, Levels

PYTHON = os.environ["GOVFLOW__AICS_PYTHON"]
PEER = Path(__file__).parent / "aics_peer.py"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TENANT, LOG_NAME = "Ärger & Söhne", "log.example/govflow"
ORIGIN = origin_of(LOG_NAME, TENANT)
SIGNER = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
KEY = VerifierKey(ORIGIN, Kind.NOTE, SIGNER.public_key().public_bytes_raw())
WITNESSES = [Cosigner(f"witness.example/w{n}", Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in (2, 3)]
SIZE = 300
SIZES = (1, 2, 3, 7, 8, 9, 255, 256, 257, SIZE)


def ask(*questions: dict[str, Any]) -> list[Any]:
    """Ask the peer, in a process that has nothing of ours."""
    done = subprocess.run(
        [PYTHON, "-I", str(PEER)], input=json.dumps(questions), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout)
    assert len(answers) == len(questions)
    return answers


def records() -> list[bytes]:
    """The leaves of a log of ours."""
    leaves, prev = [], GENESIS
    for seq in range(SIZE):
        draft = Draft("run.opened", TENANT, NOW, run_id=f"run-{seq}", payload={"flow": "Überweisung", "number": seq})
        leaves.append(leaf_bytes(seq, prev, make_body(draft, writer="w", writer_seq=seq, commitments={})))
        prev = "sha256:" + leaf_digest(leaves[-1]).hex()
    return leaves


RECORDS = records()


class Log(Levels):
    """The hashes of those records."""

    def __init__(self) -> None:
        super().__init__(0)
        self.hashes = dict(grow(CompactRange(), map(leaf_digest, RECORDS)))


LOG = Log()


def hexed(hashes: list[bytes]) -> list[str]:
    return [one.hex() for one in hashes]


def cosigned() -> str:
    """Our checkpoint, cosigned by our witnesses in the way in which they are asked."""
    head = Head(TENANT, SIZE, GENESIS, "sha256:" + root_at(LOG, SIZE).hex())
    note = sign_checkpoint(checkpoint_of(head, LOG_NAME), SIGNER)
    for witness in WITNESSES:
        answer = decide(AddCheckpoint(0, (), note), [KEY], NEVER, witness, NOW)
        note = read_cosignatures(answer.body, note, [witness.key])
    return str(note)


def test_the_peer_accepts_our_checkpoints_and_cosignatures() -> None:
    witnesses = [str(each.key) for each in WITNESSES]
    question = {"ask": "check_checkpoint", "note": cosigned(), "log": str(KEY), "witnesses": witnesses, "quorum": 2}
    moved = cosigned().replace(f"\n{SIZE}\n", f"\n{SIZE + 1}\n")
    good, elsewhere, changed, unknown = ask(
        {**question, "origin": ORIGIN},
        {**question, "origin": "log.example/other"},
        {**question, "origin": ORIGIN, "note": moved},
        {**question, "origin": ORIGIN, "witnesses": witnesses[:1]},
    )
    assert good == {"ok": True, "size": SIZE, "root": root_at(LOG, SIZE).hex()}
    assert not any(answer.get("ok") for answer in (elsewhere, changed, unknown))


def test_the_peer_accepts_our_inclusion_proofs_and_no_changed_one() -> None:
    good = [
        {
            "ask": "check_inclusion",
            "leaf": RECORDS[index].hex(),
            "index": index,
            "size": size,
            "proof": hexed(prove_inclusion(LOG, index, size)),
            "root": root_at(LOG, size).hex(),
        }
        for size in SIZES
        for index in range(size)
    ]
    wrong = [{**question, "leaf": b"another".hex()} for question in good]
    answers = ask(*good, *wrong)
    assert answers == [True] * len(good) + [False] * len(wrong)
    assert len(good) == sum(SIZES)


def test_the_peer_accepts_our_consistency_proofs_and_no_changed_one() -> None:
    good = [
        {
            "ask": "check_consistency",
            "size1": size1,
            "size2": size2,
            "root1": root_at(LOG, size1).hex(),
            "root2": root_at(LOG, size2).hex(),
            "proof": hexed(prove_consistency(LOG, size1, size2)),
        }
        for size2 in SIZES
        for size1 in range(1, size2 + 1)
    ]
    wrong = [{**question, "root1": bytes(32).hex()} for question in good]
    assert ask(*good, *wrong) == [True] * len(good) + [False] * len(wrong)


@pytest.mark.parametrize("size", [1, 256, 300, 66_000])
def test_the_peer_finds_every_tile_of_ours_right(size: int) -> None:
    growing = GrowingTiles()
    tiles = {}
    for start in range(0, size, 1000):
        for place, tile in growing.append(LEAVES[start : min(start + 1000, size)]):
            tiles[place.path] = tile.to_bytes()[: place.width * 32].hex()
    root = growing.compact().root().hex()
    spoilt = {**tiles, "tile/0/000" if size >= WIDTH else f"tile/0/000.p/{size}": bytes(32 * min(size, WIDTH)).hex()}
    found, refused = ask(
        {"ask": "check_tiles", "tiles": tiles, "size": size, "root": root},
        {"ask": "check_tiles", "tiles": spoilt, "size": size, "root": root},
    )
    assert found == {1: 1, 256: 2, 300: 3, 66_000: 261}[size]
    assert "error" in refused


def test_the_peer_accepts_what_a_proof_file_of_ours_holds() -> None:
    made = TlogProof(77, tuple(prove_inclusion(LOG, 77, SIZE)), parse_note(cosigned()))
    proof = parse_tlog_proof(str(made))
    checkpoint, found = ask(
        {
            "ask": "check_checkpoint",
            "note": str(made).split("\n\n", 1)[1],
            "log": str(KEY),
            "witnesses": [],
            "quorum": 0,
            "origin": ORIGIN,
        },
        {
            "ask": "check_inclusion",
            "leaf": RECORDS[77].hex(),
            "index": proof.index,
            "size": SIZE,
            "proof": hexed(list(proof.hashes)),
            "root": Checkpoint.parse(proof.checkpoint.text).root.hex(),
        },
    )
    assert checkpoint["ok"] and found


def test_we_accept_the_peers_checkpoints_and_proofs() -> None:
    witness, at = WITNESSES[0], int(NOW.timestamp())
    [made] = ask(
        {
            "ask": "make",
            "entries": hexed(RECORDS),
            "sizes": SIZES,
            "origin": ORIGIN,
            "seed": SIGNER.private_bytes_raw().hex(),
            "witness": witness.name,
            "witness_seed": witness.private.private_bytes_raw().hex(),
            "at": at,
        }
    )
    assert (made["log"], made["witness"]) == (str(KEY), str(witness.key))
    keys = [VerifierKey.parse(made["log"])], [VerifierKey.parse(made["witness"])]
    opened = open_checkpoint(made["note"], origin=ORIGIN, keys=keys[0], witnesses=keys[1], quorum=1, now=NOW)
    assert opened.cosigned == {witness.key: at}
    root = opened.checkpoint.root
    assert opened.checkpoint.size == SIZE and root == root_at(LOG, SIZE)
    roots = [bytes.fromhex(text) for text in made["roots"]]
    for size, of_size, proofs in zip(SIZES, roots, made["inclusion"], strict=True):
        for index in range(size):
            proof = [bytes.fromhex(text) for text in proofs[index]]
            verify_inclusion(leaf_digest(RECORDS[index]), index, size, proof, of_size)
    for old, texts in enumerate(made["consistency"], start=1):
        proof = [bytes.fromhex(text) for text in texts]
        verify_consistency(old, SIZE, proof, root_at(LOG, old), root)
        assert proof == prove_consistency(LOG, old, SIZE)
    # Ed25519 has one signature for a text and a key: both write the same checkpoint and cosignature, byte for byte.
    ours = sign_checkpoint(Checkpoint(ORIGIN, SIZE, root), SIGNER)
    assert made["note"] == str(ours.with_signatures(witness.cosign(opened.checkpoint, NOW)))
