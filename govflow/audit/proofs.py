"""Making proofs (RFC 6962, 2.1.1 and 2.1.2; the same as RFC 9162, 2.1.3 and 2.1.4) from stored hashes.

Which hashes a proof needs depends on sizes and places alone. So they are worked out first, read at once through a
:class:`~govflow.audit.levels.HashReader`, and folded. Proofs are checked by :mod:`govflow.audit.merkle`.
"""

from __future__ import annotations

from govflow.audit.levels import HashReader, Place, fold, full_subtrees
from govflow.audit.merkle import EMPTY_ROOT, HASH_SIZE

Span = tuple[int, int]
"""The leaves from the first number to before the second."""


def inclusion_spans(index: int, size: int) -> list[Span]:
    """The subtrees whose hashes prove that a leaf is in a tree, from the leaf's sibling to the root's child.

    RFC 6962, 2.1.1, PATH(m, D[n]).

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    spans.reverse()
    return spans


def consistency_spans(size1: int, size2: int) -> list[Span]:
    """The subtrees whose hashes prove that a tree begins with a smaller one.

    RFC 6962, 2.1.2, PROOF(m, D[n]): from those below to the root's child.

    Raises:
        ValueError: the first is empty, which needs no proof, or larger than the second.
    """
    if not 0 < size1 <= size2:
        raise ValueError(f"a tree of {size2} leaves cannot be shown to grow from one of {size1}")
    spans: list[Span] = []
    start, end = 0, size2
    while size1 < end:  # until the first tree ends where this subtree does
        middle = start + _split(end - start)
        if size1 <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if start > 0:  # else it is the whole first tree, whose root the verifier has: SUBPROOF with b = true
        spans.append((start, end))
    spans.reverse()
    return spans


def prove_inclusion(hashes: HashReader, index: int, size: int) -> list[bytes]:
    """The proof that leaf ``index`` is in the tree of ``size`` leaves.

    Args:
        hashes: of the log; it may be larger than that tree by now.
        index: from 0.
        size: as the checkpoint has it against which it will be checked.

    Raises:
        ValueError: there is no such leaf.
    """
    return _read(hashes, inclusion_spans(index, size))


def prove_consistency(hashes: HashReader, size1: int, size2: int) -> list[bytes]:
    """The proof that the tree of ``size2`` leaves begins with that of ``size1``; empty if they are of one size.

    Raises:
        ValueError: the first is empty or larger than the second.
    """
    return _read(hashes, consistency_spans(size1, size2))


def root_at(hashes: HashReader, size: int) -> bytes:
    """The root that the log had when it held ``size`` leaves."""
    return _read(hashes, [(0, size)])[0] if size else EMPTY_ROOT


def _split(count: int) -> int:
    """RFC 6962, 2.1: the largest power of two smaller than ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _read(hashes: HashReader, spans: list[Span]) -> list[bytes]:
    places: list[Place] = []
    ends: list[int] = []
    for start, end in spans:
        count = end - start
        if count & (count - 1):
            places += full_subtrees(start, end)
        else:  # one subtree, as nearly all of a proof are
            level = count.bit_length() - 1
            places.append((level, start >> level))
        ends.append(len(places))
    found = hashes.read(places)
    if len(found) != len(places) or not set(map(len, found)) <= {HASH_SIZE}:
        raise ValueError("a reader of hashes gave other ones than it was asked for")
    cuts = zip([0, *ends], ends, strict=False)
    return [found[start] if end - start == 1 else fold(found[start:end]) for start, end in cuts]
