"""aics-tlog, asked by JSON: a list of questions on standard input, a list of answers on standard output.

Run by an interpreter that has ``aics_tlog`` and nothing of ours. Bytes are written in hexadecimal.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import aics_tlog as peer  # type: ignore[import-not-found]  # in the other environment only
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def check_checkpoint(note: str, log: str, witnesses: list[str], quorum: int, origin: str) -> Any:
    """What the peer makes of a checkpoint of ours."""
    found = peer.parse_note(note)
    trusted = [peer.parse_vkey(key) for key in witnesses]
    result = peer.verify_checkpoint(found, peer.parse_vkey(log), trusted, quorum, expected_origin=origin)
    if not result.ok:
        return {"ok": False}
    checkpoint = peer.parse_checkpoint(found.text)
    return {"ok": True, "size": checkpoint.size, "root": checkpoint.root.hex()}


def check_inclusion(leaf: str, index: int, size: int, proof: list[str], root: str) -> Any:
    """Whether the peer finds an entry in a tree; it hashes the entry itself."""
    hashes = [bytes.fromhex(one) for one in proof]
    return peer.verify_leaf_inclusion(bytes.fromhex(leaf), index, size, hashes, bytes.fromhex(root))


def check_consistency(size1: int, size2: int, root1: str, root2: str, proof: list[str]) -> Any:
    """Whether the peer finds that one tree begins with the other."""
    hashes = [bytes.fromhex(one) for one in proof]
    return peer.verify_consistency(size1, size2, bytes.fromhex(root1), bytes.fromhex(root2), hashes)


def check_tiles(tiles: dict[str, str], size: int, root: str) -> Any:
    """How many tiles the peer finds, all of them right: anything else is an error."""
    reader = peer.MemoryTileReader({path: bytes.fromhex(data) for path, data in tiles.items()})
    return peer.audit_tiles(reader, size, bytes.fromhex(root), entries=False).tiles


def make(entries: list[str], sizes: list[int], origin: str, seed: str, witness: str, witness_seed: str, at: int) -> Any:
    """A log of the peer's own: its checkpoint, keys, and every proof of the sizes asked for."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    cosigner = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(witness_seed))
    tree = peer.MerkleTree([bytes.fromhex(entry) for entry in entries])
    size, root = tree.size, tree.root()
    note = peer.sign_checkpoint(peer.Checkpoint(origin, size, root), key, origin)
    _, line = peer.sign_cosignature(cosigner, witness, at, origin, size, root)
    return {
        "note": peer.Note(text=note.text, signatures=(*note.signatures, line)).serialise(),
        "log": peer.format_vkey(peer.vkey_from_ed25519(origin, key.public_key())),
        "witness": peer.format_vkey(peer.cosignature_vkey(witness, cosigner.public_key())),
        "roots": [tree.root(one).hex() for one in sizes],
        "inclusion": [
            [[one.hex() for one in tree.inclusion_proof(index, size)] for index in range(size)] for size in sizes
        ],
        "consistency": [[one.hex() for one in tree.consistency_proof(old, size)] for old in range(1, size + 1)],
    }


def answer(question: dict[str, Any]) -> Any:
    """One answer; an error is told as one."""
    asked = {each.__name__: each for each in (check_checkpoint, check_inclusion, check_consistency, check_tiles, make)}
    try:
        return asked[question.pop("ask")](**question)
    except (ValueError, peer.TileMissingError, peer.TileVerificationError) as error:
        return {"error": str(error)}


if __name__ == "__main__":
    json.dump([answer(question) for question in json.load(sys.stdin)], sys.stdout)
