"""Merkle trees as RFC 6962 and RFC 9162 define them: growing one, its root, and checking proofs.

Hashes are 32 raw bytes. A *compact range* is the roots of the perfect subtrees that make up a tree, largest first:
all that a log must keep to go on growing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()  # RFC 9162, 2.1.1: the root of a tree without leaves
_NODE = sha256(b"\x01")
_BLOCK = 256


class ProofError(ValueError):
    """The proof does not lead where it should."""


def hash_leaf(data: bytes) -> bytes:
    """RFC 9162, 2.1.1: SHA-256 of 0x00 and the leaf's bytes."""
    return sha256(b"\x00" + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """RFC 9162, 2.1.1: SHA-256 of 0x01 and the hashes of both children."""
    digest = _NODE.copy()
    digest.update(left + right)
    return digest.digest()


class CompactRange:
    """A tree that can only grow, in log2(size) hashes."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)
        if size < 0 or len(self._peaks) != size.bit_count() or {*map(len, self._peaks)} - {HASH_SIZE}:
            raise ValueError(f"a tree of {size} leaves has {max(size, 0).bit_count()} peaks of {HASH_SIZE} bytes")

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> CompactRange:
        """Read what :meth:`to_bytes` wrote for a tree of ``size`` leaves. ``ValueError`` if it cannot be one."""
        return cls(size, [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)])

    def to_bytes(self) -> bytes:
        """The peaks, largest subtree first, 32 bytes each."""
        return b"".join(self._peaks)

    def peaks(self) -> list[bytes]:
        """The peaks, largest subtree first, in a list of their own."""
        return list(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        peaks, size, node = self._peaks, self.size, leaf
        # Each trailing one-bit of the size is a perfect subtree that the new leaf completes.
        while size & 1:
            digest = _NODE.copy()
            digest.update(peaks.pop() + node)
            node = digest.digest()
            size >>= 1
        peaks.append(node)
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaves by their hashes, whole subtrees of 256 at once."""
        start = min(-self.size % _BLOCK, len(leaves))
        for leaf in leaves[:start]:
            self.append(leaf)
        while start + _BLOCK <= len(leaves):
            self.append_subtrees([_perfect(leaves[start : start + _BLOCK])], _BLOCK)
            start += _BLOCK
        for leaf in leaves[start:]:
            self.append(leaf)

    def append_subtrees(self, peaks: Sequence[bytes], size: int) -> None:
        """Add a tree of ``size`` leaves by its peaks, largest first.

        Raises:
            ValueError: they are not its peaks, or its largest subtree does not begin here at a multiple of its size.
        """
        if len(peaks) != size.bit_count() or (size and self.size % (1 << (size.bit_length() - 1))):
            raise ValueError(f"a tree of {size} leaves cannot be put behind one of {self.size}")
        for peak in peaks:
            level = size.bit_length() - 1
            node, left = peak, self.size >> level
            while left & 1:
                node = hash_node(self._peaks.pop(), node)
                left >>= 1
            self._peaks.append(node)
            self.size += 1 << level
            size -= 1 << level

    def root(self) -> bytes:
        """The Merkle tree hash of all leaves so far (RFC 9162, 2.1.1)."""
        if not self._peaks:
            return EMPTY_ROOT
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = hash_node(peak, node)
        return node


def _perfect(leaves: Sequence[bytes]) -> bytes:
    """The root over so many leaves, a power of two of them."""
    nodes = leaves
    while len(nodes) > 1:
        pairs = iter(nodes)
        nodes = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return nodes[0]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf is in a tree (RFC 9162, 2.1.3.2).

    Args:
        leaf: hash of the leaf.
        index: its place, from 0.
        size: number of leaves of the tree.
        proof: sibling hashes from leaf to root.
        root: of that tree; trusted already.

    Raises:
        ProofError: the place is outside the tree, a hash has not 32 bytes, or the proof has the wrong length or leads
            to another root.
    """
    if not 0 <= index < size:  # step 1
        raise ProofError(f"leaf {index} is not in a tree of {size} leaves")
    _check_hashes(leaf, root, *proof)
    fn, sn, node = index, size - 1, leaf  # steps 2 and 3
    for sibling in proof:  # step 4
        if sn == 0:
            raise ProofError("the proof is too long")
        if fn & 1 or fn == sn:
            node = hash_node(sibling, node)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            node = hash_node(node, sibling)
        fn >>= 1
        sn >>= 1
    if sn != 0:  # step 5
        raise ProofError("the proof is too short")
    if node != root:
        raise ProofError("the proof leads to another root")


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Check that the tree of ``size2`` leaves begins with that of ``size1`` (RFC 9162, 2.1.4.2).

    Raises:
        ProofError: the sizes make no sense, a hash has not 32 bytes, or the proof has the wrong length or leads to
            another root. An empty first tree is refused: it is the beginning of every tree, and so proves nothing.
    """
    if not 0 < size1 <= size2:
        raise ProofError(f"a tree of {size2} leaves cannot be shown to grow from one of {size1}")
    _check_hashes(root1, root2, *proof)
    if size1 == size2:
        if proof:
            raise ProofError("two trees of one size need no proof")
        if root1 != root2:
            raise ProofError("two roots for one size")
        return
    _walk_consistency(size1, size2, proof, root1, root2)


def _check_hashes(*hashes: bytes) -> None:
    # Two of another length could be cut elsewhere and still be the same 64 bytes under a node.
    if set(map(len, hashes)) != {HASH_SIZE}:
        raise ProofError(f"a hash of the proof has not {HASH_SIZE} bytes")


def _walk_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    if not proof:  # step 1
        raise ProofError("the proof is empty")
    path = [root1, *proof] if size1 & (size1 - 1) == 0 else list(proof)  # step 2
    fn, sn = size1 - 1, size2 - 1  # step 3
    while fn & 1:  # step 4
        fn >>= 1
        sn >>= 1
    first = second = path[0]  # step 5
    for sibling in path[1:]:  # step 6
        if sn == 0:
            raise ProofError("the proof is too long")
        if fn & 1 or fn == sn:
            first = hash_node(sibling, first)
            second = hash_node(sibling, second)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            second = hash_node(second, sibling)
        fn >>= 1
        sn >>= 1
    if sn != 0:  # step 7
        raise ProofError("the proof is too short")
    if first != root1 or second != root2:
        raise ProofError("the proof leads to another root")
