"""The bytes of a leaf and their hash: where a record's body meets its place in the log."""

from __future__ import annotations

from hashlib import sha256

_LEAF = sha256(b"\x00")  # RFC 9162, 2.1.1: the prefix that tells a leaf from a node


def leaf_bytes(seq: int, prev: str, body: bytes) -> bytes:
    """The canonical JSON of a sequenced record.

    Args:
        seq: place in the tenant's log, from 0.
        prev: ``sha256:`` leaf hash of the record before; of record 0, 32 zero bytes.
        body: canonical bytes of the body, taken as they are.
    """
    # The keys stand in canonical order already, and a number of a log fits an IEEE double: nothing to sort or escape.
    return b'{"body":%b,"prev":"%b","seq":%d}' % (body, prev.encode(), seq)


def leaf_digest(leaf: bytes) -> bytes:
    """SHA-256 of 0x00 and ``leaf``: 32 bytes."""
    digest = _LEAF.copy()
    digest.update(leaf)
    return digest.digest()


def leaf_hash(leaf: bytes) -> str:
    """:func:`leaf_digest` written ``sha256:<hex>``."""
    return "sha256:" + leaf_digest(leaf).hex()
