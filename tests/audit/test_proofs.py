"""Proofs made from stored hashes: those of the definition, accepted by the verifier, and refused when touched."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit.levels import completed, fold, full_subtrees, grow
from govflow.audit.merkle import EMPTY_ROOT, CompactRange, ProofError, hash_leaf, verify_consistency, verify_inclusion
from govflow.audit.proofs import consistency_spans, prove_consistency, prove_inclusion, root_at
from tests.audit.trees import LEAVES, MOST, Levels, path, root, subproof

VECTORS = Path(__file__).parents[1] / "vectors"
HASHES = Levels(MOST)
SIZES = st.integers(1, MOST)


def sizes() -> st.SearchStrategy[tuple[int, int]]:
    """Any two sizes, the smaller first."""
    return st.tuples(SIZES, SIZES).map(lambda pair: (min(pair), max(pair)))


@given(st.integers(0, MOST))
def test_every_leaf_of_a_tree_of_any_size_is_proven(size: int) -> None:
    assert root_at(HASHES, size) == root(0, size)
    for index in range(size):
        proof = prove_inclusion(HASHES, index, size)
        assert proof == path(index, 0, size)
        verify_inclusion(LEAVES[index], index, size, proof, root(0, size))


@given(st.integers(1, MOST))
def test_growth_to_any_size_is_proven_from_every_size_before(size2: int) -> None:
    for size1 in range(1, size2 + 1):
        proof = prove_consistency(HASHES, size1, size2)
        assert proof == subproof(size1, 0, size2, True)
        verify_consistency(size1, size2, proof, root(0, size1), root(0, size2))


def test_every_proof_of_every_small_tree() -> None:
    for size in range(1, 70):
        for index in range(size):
            assert prove_inclusion(HASHES, index, size) == path(index, 0, size)
            assert prove_consistency(HASHES, index + 1, size) == subproof(index + 1, 0, size, True)


@given(SIZES, st.data())
def test_an_inclusion_proof_holds_for_nothing_else(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, head = prove_inclusion(HASHES, index, size), root(0, size)
    bit = data.draw(st.integers(0, 255))
    flipped = (int.from_bytes(LEAVES[index], "big") ^ 1 << bit).to_bytes(32, "big")
    wrong = [(flipped, index, size, proof, head), (LEAVES[index], index, size, [*proof, bytes(32)], head)]
    for at in range(len(proof)):
        one = (int.from_bytes(proof[at], "big") ^ 1 << bit).to_bytes(32, "big")
        wrong.append((LEAVES[index], index, size, [*proof[:at], one, *proof[at + 1 :]], head))
        wrong.append((LEAVES[index], index, size, [*proof[:at], *proof[at + 1 :]], head))
    wrong += [(LEAVES[index], other, size, proof, head) for other in range(-1, size + 1) if other != index]
    for arguments in wrong:
        with pytest.raises(ProofError):
            verify_inclusion(*arguments)


@given(sizes(), st.integers(0, 255))
def test_a_consistency_proof_holds_for_nothing_else(pair: tuple[int, int], bit: int) -> None:
    size1, size2 = pair
    proof, before, after = prove_consistency(HASHES, size1, size2), root(0, size1), root(0, size2)
    turned = [(int.from_bytes(one, "big") ^ 1 << bit).to_bytes(32, "big") for one in (before, after)]
    wrong = [
        (size1, size2, proof, turned[0], after),
        (size1, size2, proof, before, turned[1]),
        (size1, size2, [*proof, bytes(32)], before, after),
        (size2 + 1, size1, proof, before, after),
        (0, size2, proof, EMPTY_ROOT, after),
    ]
    for at in range(len(proof)):
        one = (int.from_bytes(proof[at], "big") ^ 1 << bit).to_bytes(32, "big")
        wrong.append((size1, size2, [*proof[:at], one, *proof[at + 1 :]], before, after))
        wrong.append((size1, size2, [*proof[:at], *proof[at + 1 :]], before, after))
    for arguments in wrong:
        with pytest.raises(ProofError):
            verify_consistency(*arguments)


@given(st.integers(2, MOST), st.data())
def test_a_proof_cut_at_other_places_is_refused(size: int, data: st.DataObject) -> None:
    """The 64 bytes under the first node stay what they are: 31 are taken for the leaf, and 33 for its sibling."""
    index = data.draw(st.integers(0, size - 1))
    proof, head = prove_inclusion(HASHES, index, size), root(0, size)
    leaf, sibling = LEAVES[index], proof[0]
    cut = (leaf + sibling)[:31], (leaf + sibling)[31:]
    if index & 1 or index == size - 1:
        cut = (sibling + leaf)[33:], (sibling + leaf)[:33]
    with pytest.raises(ProofError, match="32 bytes"):
        verify_inclusion(cut[0], index, size, [cut[1], *proof[1:]], head)
    if size > 2:
        grown = prove_consistency(HASHES, size - 1, size)
        with pytest.raises(ProofError, match="32 bytes"):
            verify_consistency(size - 1, size, [*grown[:-1], grown[-1] + b"0"], root(0, size - 1), head)


@given(sizes(), st.data())
def test_what_grew_another_way_cannot_be_proven(pair: tuple[int, int], data: st.DataObject) -> None:
    """A fork: the smaller tree has another leaf than the larger one."""
    size1, size2 = pair
    forked = data.draw(st.integers(0, size1 - 1))
    tree = CompactRange()
    for index in range(size1):
        tree.append(hash_leaf(b"another") if index == forked else LEAVES[index])
    with pytest.raises(ProofError):
        verify_consistency(size1, size2, prove_consistency(HASHES, size1, size2), tree.root(), root(0, size2))


def test_the_good_ones_of_the_published_proofs_are_those_that_are_made() -> None:
    tree = json.loads((VECTORS / "rfc6962_tree8.json").read_text())
    levels = Levels(0)
    levels.hashes = dict(grow(CompactRange(), [hash_leaf(bytes.fromhex(text)) for text in tree["leaf_inputs_hex"]]))
    roots = [bytes.fromhex(text) for text in tree["root_hex_by_size"]]
    for level, row in enumerate(tree["node_hashes_hex_by_level"]):
        for index, published in enumerate(row):
            assert levels.hashes[level, index].hex() == published
    assert [root_at(levels, size) for size in range(9)] == roots
    inclusion = json.loads((VECTORS / "rfc6962_inclusion.json").read_text())
    consistency = json.loads((VECTORS / "rfc6962_consistency.json").read_text())
    assert (len(inclusion), len(consistency)) == (31, 22)
    made = 0
    for case in inclusion:
        if not case["wantErr"] and b64decode(case["root"]) in roots:
            expected = [b64decode(text) for text in case["proof"] or []]
            assert prove_inclusion(levels, case["leafIdx"], case["treeSize"]) == expected
            made += 1
    for case in consistency:
        if not case["wantErr"] and b64decode(case["root2"]) in roots:
            expected = [b64decode(text) for text in case["proof"] or []]
            assert prove_consistency(levels, case["size1"], case["size2"]) == expected
            made += 1
    assert made == sum(not case["wantErr"] for case in inclusion + consistency)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 5), (5, 5)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        prove_inclusion(HASHES, index, size)


@pytest.mark.parametrize(("size1", "size2"), [(0, 0), (0, 5), (6, 5), (-1, 5)])
def test_there_is_no_proof_of_growth_from_nothing_or_backwards(size1: int, size2: int) -> None:
    with pytest.raises(ValueError, match="cannot be shown"):
        consistency_spans(size1, size2)


def test_a_proof_asks_for_its_hashes_at_once() -> None:
    levels = Levels(MOST)
    prove_inclusion(levels, 77, 599)
    assert levels.asked == 1


def test_a_reader_that_gives_something_else_is_noticed() -> None:
    class Short(Levels):
        def read(self, places: object) -> list[bytes]:
            return [b"short"]

    class Few(Levels):
        def read(self, places: object) -> list[bytes]:
            return []

    for reader in (Short(1), Few(1)):
        with pytest.raises(ValueError, match="other ones than it was asked for"):
            prove_inclusion(reader, 0, 2)


@given(sizes())
def test_what_comes_into_being_is_told_beforehand(pair: tuple[int, int]) -> None:
    before, after = pair
    assert list(completed(0, before)) + list(completed(before, after)) == list(completed(0, after))
    tree = CompactRange()
    assert [place for place, _ in grow(tree, LEAVES[:after])] == list(completed(0, after))
    assert tree.root() == root(0, after)


@given(sizes())
def test_a_span_is_made_of_full_subtrees(pair: tuple[int, int]) -> None:
    _, size = pair
    places = full_subtrees(0, size)
    assert sum(1 << level for level, _ in places) == size
    assert fold(HASHES.read(places)) == root(0, size)
