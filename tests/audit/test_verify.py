"""The tamper matrix: each way of tampering is found, at the right record, in the right words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit.body import make_body
from govflow.audit.leaf import leaf_bytes, leaf_hash
from govflow.audit.merkle import CompactRange
from govflow.audit.record import GENESIS, Draft, Entry, Head
from govflow.audit.verify import Held, How, Outcome, Verdict, verify

AT = datetime(2026, 3, 1, tzinfo=UTC)
SIZE = 12


def chained(bodies: list[bytes]) -> list[Entry]:
    entries: list[Entry] = []
    prev = GENESIS
    for seq, body in enumerate(bodies):
        entries.append(Entry(seq, prev, body, leaf_hash(leaf_bytes(seq, prev, body))))
        prev = entries[-1].hash
    return entries


def bodies_of(tenant: str, size: int = SIZE) -> list[bytes]:
    """Two writers, turn about."""
    return [
        make_body(Draft("step.intent", tenant, AT), writer=f"w{n % 2}", writer_seq=n // 2, commitments={})
        for n in range(size)
    ]


def head_of(entries: list[Entry], tenant: str = "acme") -> Head:
    tree = CompactRange()
    for entry in entries:
        tree.append(bytes.fromhex(entry.hash[7:]))
    return Head(tenant, len(entries), entries[-1].hash if entries else GENESIS, "sha256:" + tree.root().hex())


BODIES = bodies_of("acme")
LOG = chained(BODIES)
HEAD = head_of(LOG)
FOREIGN = chained(bodies_of("rival"))


def found(entries: list[Entry], head: Head | None = HEAD) -> tuple[int | None, How | None]:
    verdict = verify(entries, head)
    assert verdict.outcome is Outcome.TAMPERED, verdict
    return verdict.seq, verdict.how


def test_an_untouched_log_is_verified_against_its_head() -> None:
    verdict = verify(LOG, HEAD)
    assert verdict == Verdict(
        Outcome.VERIFIED,
        "12 records verified against the head of 'acme' with 12 records.",
        12,
        "the head of 'acme' with 12 records",
        hash=HEAD.hash,
        root=HEAD.root,
    )


@pytest.mark.covers("S4-29")
@given(st.integers(0, SIZE - 1), st.data())
def test_an_altered_byte_is_found_at_its_record(k: int, data: st.DataObject) -> None:
    body = bytearray(LOG[k].body)
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    assert found([*LOG[:k], replace(LOG[k], body=bytes(body)), *LOG[k + 1 :]]) == (k, How.ALTERED)


@pytest.mark.parametrize("k", range(SIZE))
def test_an_altered_record_whose_hash_was_made_anew_is_found(k: int) -> None:
    body = LOG[k].body.replace(b"step.intent", b"step.absent")
    forged = replace(LOG[k], body=body, hash=leaf_hash(leaf_bytes(k, LOG[k].prev, body)))
    assert found([*LOG[:k], forged, *LOG[k + 1 :]]) == (k, How.ALTERED)


@pytest.mark.parametrize("k", range(SIZE - 1))
def test_a_removed_record_is_missing(k: int) -> None:
    assert found([*LOG[:k], *LOG[k + 1 :]]) == (k, How.MISSING)


@pytest.mark.parametrize("k", range(SIZE - 1))
def test_a_removed_record_is_missing_also_when_the_rest_is_renumbered(k: int) -> None:
    closed_up = [replace(entry, seq=entry.seq - 1) for entry in LOG[k + 1 :]]
    assert found([*LOG[:k], *closed_up]) == (k, How.MISSING)


@pytest.mark.parametrize("k", range(1, SIZE))
def test_an_inserted_record_is_found(k: int) -> None:
    body = LOG[k].body.replace(b"step.intent", b"step.absent")
    forged = Entry(k, LOG[k - 1].hash, body, leaf_hash(leaf_bytes(k, LOG[k - 1].hash, body)))
    pushed_on = [replace(entry, seq=entry.seq + 1) for entry in LOG[k:]]
    assert found([*LOG[:k], forged, *pushed_on]) in {(k, How.INSERTED), (k, How.DUPLICATE)}
    assert found([*LOG[: k + 1], forged, *LOG[k + 1 :]])[1] in {How.INSERTED, How.DUPLICATE}


@pytest.mark.parametrize("k", range(SIZE - 1))
def test_exchanged_records_are_reordered(k: int) -> None:
    assert found([*LOG[:k], LOG[k + 1], LOG[k], *LOG[k + 2 :]]) == (k, How.REORDERED)


@pytest.mark.parametrize("k", range(SIZE - 1))
def test_exchanged_records_are_reordered_also_when_they_are_renumbered(k: int) -> None:
    exchanged = [replace(LOG[k + 1], seq=k), replace(LOG[k], seq=k + 1)]
    assert found([*LOG[:k], *exchanged, *LOG[k + 2 :]]) == (k, How.REORDERED)


@pytest.mark.parametrize("k", range(SIZE - 1))
def test_a_repeated_record_is_a_duplicate(k: int) -> None:
    assert found([*LOG[: k + 1], LOG[k], *LOG[k + 1 :]]) == (k, How.DUPLICATE)


@pytest.mark.parametrize("k", range(SIZE))
def test_a_record_of_another_tenant_is_transplanted(k: int) -> None:
    assert found([*LOG[:k], FOREIGN[k], *LOG[k + 1 :]]) == (k, How.TRANSPLANTED)


@pytest.mark.parametrize("k", range(SIZE))
def test_a_cut_tail_is_truncated(k: int) -> None:
    assert found(LOG[:k]) == (k, How.TRUNCATED)


def test_records_behind_the_head_are_inserted() -> None:
    assert found(LOG, head_of(LOG[:8])) == (8, How.INSERTED)


def test_a_head_with_another_hash_is_altered() -> None:
    verdict = verify(LOG, replace(HEAD, hash=GENESIS))
    assert (verdict.seq, verdict.how) == (SIZE - 1, How.ALTERED)
    assert "another hash" in verdict.words


def test_a_head_with_another_root_is_altered() -> None:
    assert found(LOG, replace(HEAD, root=GENESIS)) == (SIZE - 1, How.ALTERED)


def test_a_record_lost_before_the_log_leaves_a_writer_gap() -> None:
    lost = chained([*bodies_of("acme")[:4], *bodies_of("acme")[5:]])
    verdict = verify(lost, head_of(lost))
    assert (verdict.outcome, verdict.seq, verdict.how) == (Outcome.TAMPERED, 5, How.WRITER_GAP)
    assert "writer w0 went from 2 to 3" in verdict.words


def test_a_record_sequenced_twice_is_a_duplicate() -> None:
    twice = chained([*bodies_of("acme"), bodies_of("acme")[3]])
    assert found(twice, head_of(twice)) == (SIZE, How.DUPLICATE)


def test_without_a_head_nothing_is_verified() -> None:
    """An attacker who cuts the tail of an export must not get a pass."""
    verdict = verify(LOG[:5], None)
    assert verdict.outcome is Outcome.CANNOT_JUDGE
    assert "without a head" in verdict.words


def test_without_a_head_tampering_is_still_found() -> None:
    assert found([*LOG[:3], *LOG[4:]], None) == (3, How.MISSING)


def test_further_checkpoints_are_held_to_and_named() -> None:
    def held(size: int, kept: str = "its drawer") -> Held:
        return Held(size, bytes.fromhex(head_of(LOG[:size]).root[7:]), kept)

    assert verify(LOG, HEAD, also=[held(1), held(7), held(SIZE)]).outcome is Outcome.VERIFIED
    cut = LOG[: SIZE - 3]
    shorter = verify(cut, head_of(cut), held(2, ""), also=[held(1), held(SIZE)])
    assert (shorter.seq, shorter.how) == (SIZE - 3, How.TRUNCATED)
    assert f"the checkpoint in its drawer covers {SIZE}" in shorter.words
    other = verify(LOG, HEAD, also=[held(1), held(7)._replace(root=bytes(32))])
    assert (other.seq, other.how) == (6, How.REWRITTEN)
    assert "not those of the checkpoint in its drawer" in other.words
    assert verify(LOG, None, also=[held(SIZE)]).outcome is Outcome.CANNOT_JUDGE, "it stands in for no head"


@pytest.mark.parametrize("k", range(SIZE))
@pytest.mark.parametrize("body", [b"{}", b'{"format":2}', b"null", b"\xff", b"[" * 1500 + b"]" * 1500])
def test_a_record_that_nobody_can_read_does_not_hide_that_it_was_altered(k: int, body: bytes) -> None:
    forged = replace(LOG[k], body=body, hash=leaf_hash(leaf_bytes(k, LOG[k].prev, body)))
    changed = [*LOG[:k], forged, *LOG[k + 1 :]]
    assert found(changed) == (k, How.ALTERED)
    held = Held(SIZE, bytes.fromhex(HEAD.root[7:]))
    outcome = verify(changed, None, held)
    assert (outcome.outcome, outcome.seq) == (Outcome.TAMPERED, k)


def test_behind_a_record_of_a_newer_format_the_rest_is_looked_at_too() -> None:
    newer = chained([body.replace(b'"format":1', b'"format":2') if n == 4 else body for n, body in enumerate(BODIES)])
    verdict = verify(newer, head_of(newer))
    assert (verdict.outcome, verdict.records) == (Outcome.CANNOT_JUDGE, 4)
    assert verdict.words.startswith("Record 4 cannot be read")
    assert found([*newer[:7], *newer[8:]], head_of(newer)) == (7, How.MISSING)


def test_a_newer_format_cannot_be_judged() -> None:
    newer = chained([LOG[0].body.replace(b'"format":1', b'"format":2')])
    verdict = verify(newer, head_of(newer))
    assert verdict.outcome is Outcome.CANNOT_JUDGE
    assert "format 2" in verdict.words


def test_an_empty_log_is_verified_against_an_empty_head() -> None:
    assert verify([], head_of([])).outcome is Outcome.VERIFIED


@given(st.permutations(range(6)))
def test_no_order_but_the_right_one_is_verified(order: list[int]) -> None:
    verdict = verify([LOG[n] for n in order], head_of(LOG[:6]))
    assert (verdict.outcome is Outcome.VERIFIED) == (list(order) == list(range(6)))
