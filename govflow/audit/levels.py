"""The hashes of a tree by their place, and which of them come into being when a log grows.

The tree of a log is made of *full subtrees*: the one at ``(level, index)`` spans ``2^level`` leaves, from
``index * 2^level`` on. Its hash never changes once all of them are there, so it can be stored, and every root and every
proof of the log, at any of its sizes, is folded from such hashes (RFC 6962, 2.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from govflow.audit.merkle import CompactRange, hash_node

Place = tuple[int, int]
"""Level and index of a full subtree; level 0 are the leaves."""


class HashReader(Protocol):
    """Where the hashes of full subtrees are stored."""

    def read(self, places: Sequence[Place]) -> Sequence[bytes]:
        """The hashes of these places, in this order, 32 bytes each. Whatever it raises goes to the caller."""


def full_subtrees(start: int, end: int) -> list[Place]:
    """The fewest full subtrees that span the leaves from ``start`` to before ``end``, from the left.

    ``start`` has to be one at which a subtree of a proof begins: a multiple of a power of two that is not less than the
    number of leaves. Then they get smaller to the right, and :func:`fold` makes one hash of theirs.
    """
    places: list[Place] = []
    left = end - start
    while left:
        level = left.bit_length() - 1
        places.append((level, start >> level))
        start += 1 << level
        left -= 1 << level
    return places


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash of the subtree that these full ones make up, the largest first. One hash is itself."""
    node = hashes[-1]
    for left in reversed(hashes[:-1]):
        node = hash_node(left, node)
    return node


def completed(before: int, after: int) -> Iterator[Place]:
    """The full subtrees that come into being when a log grows from ``before`` leaves to ``after``, leaves included.

    Each stands behind those that it is made of.
    """
    for leaf in range(before, after):
        yield 0, leaf
        size, level = leaf + 1, 0
        while size & 1 == 0:
            size, level = size >> 1, level + 1
            yield level, size - 1


def grow(tree: CompactRange, leaves: Iterable[bytes]) -> Iterator[tuple[Place, bytes]]:
    """Append leaves to a tree, and give each full subtree that comes into being with its hash, leaves included.

    Args:
        tree: grows as this is read.
        leaves: their hashes, 32 bytes each.
    """
    for leaf in leaves:
        index, peaks = tree.size, tree.peaks()
        tree.append(leaf)
        yield (0, index), leaf
        node, level = leaf, 0
        # As CompactRange.append: each trailing one-bit of the size is a subtree that the leaf completes.
        while index & 1:
            node, index, level = hash_node(peaks.pop(), node), index >> 1, level + 1
            yield (level, index), node
