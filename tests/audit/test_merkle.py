"""RFC 6962 trees, against the published vectors of transparency-dev/merkle."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit.merkle import (
    EMPTY_ROOT,
    CompactRange,
    ProofError,
    hash_leaf,
    hash_node,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).parents[1] / "vectors"


def vectors(name: str) -> list[Any]:
    found: list[Any] = json.loads((VECTORS / name).read_text())
    return found


def decoded(texts: list[str] | None) -> list[bytes]:
    return [base64.b64decode(text) for text in texts or []]


def test_the_tree_of_eight_leaves_has_the_published_hashes_and_roots() -> None:
    tree = json.loads((VECTORS / "rfc6962_tree8.json").read_text())
    leaves = [hash_leaf(bytes.fromhex(text)) for text in tree["leaf_inputs_hex"]]
    level = leaves
    for published in tree["node_hashes_hex_by_level"]:
        assert [node.hex() for node in level] == published
        level = [hash_node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    growing = CompactRange()
    roots = [growing.root().hex()]
    for leaf in leaves:
        growing.append(leaf)
        roots.append(growing.root().hex())
    assert roots == tree["root_hex_by_size"]


@pytest.mark.parametrize("case", vectors("rfc6962_inclusion.json"), ids=lambda case: case["file"])
def test_published_inclusion_proofs(case: dict[str, Any]) -> None:
    root, leaf = base64.b64decode(case["root"]), base64.b64decode(case["leafHash"])
    arguments = leaf, case["leafIdx"], case["treeSize"], decoded(case["proof"]), root
    if case["wantErr"]:
        with pytest.raises(ProofError):
            verify_inclusion(*arguments)
    else:
        verify_inclusion(*arguments)


@pytest.mark.parametrize("case", vectors("rfc6962_consistency.json"), ids=lambda case: case["file"])
def test_published_consistency_proofs(case: dict[str, Any]) -> None:
    roots = base64.b64decode(case["root1"]), base64.b64decode(case["root2"])
    arguments = case["size1"], case["size2"], decoded(case["proof"]), *roots
    if case["wantErr"]:
        with pytest.raises(ProofError):
            verify_consistency(*arguments)
    else:
        verify_consistency(*arguments)


def recursive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word: split at the largest power of two below the number of leaves."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hash_node(recursive_root(leaves[:split]), recursive_root(leaves[split:]))


@given(st.lists(st.binary(max_size=4), max_size=70), st.integers(0, 70))
def test_a_compact_range_grows_to_the_root_of_the_definition(data: list[bytes], stop: int) -> None:
    leaves = [hash_leaf(one) for one in data]
    growing = CompactRange()
    for count, leaf in enumerate(leaves):
        if count == stop:  # put away and taken up again
            growing = CompactRange.from_bytes(growing.size, growing.to_bytes())
        growing.append(leaf)
    assert growing.root() == recursive_root(leaves)


@pytest.mark.parametrize(("size", "data"), [(3, bytes(32)), (1, bytes(31)), (0, bytes(32)), (-1, b"")])
def test_peaks_that_cannot_be_those_of_the_size_are_refused(size: int, data: bytes) -> None:
    with pytest.raises(ValueError, match="peaks"):
        CompactRange.from_bytes(size, data)
