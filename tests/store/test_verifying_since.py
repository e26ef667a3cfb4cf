"""Only what follows a trusted checkpoint is read, and it has to follow it."""

from __future__ import annotations

import pytest

from govflow.audit.spans import Held
from govflow.audit.verify import How, Outcome
from govflow.store import Store
from tests.store.seen_raw import Raw
from tests.store.test_seals import grown, opened, seal


def sealed_then_grown(store: Store, before: int = 300, after: int = 20) -> Held:
    grown(store, before)
    held = Held(*opened(seal(store)))
    grown(store, after)
    store.flush()
    return held


@pytest.mark.parametrize("before", [1, 2, 255, 256, 300])
def test_what_follows_is_verified_and_the_rest_is_not_read(store: Store, raw: Raw, before: int) -> None:
    held = sealed_then_grown(store, before)
    if before > 2:  # not read: only a verification of the whole log sees it
        raw.without_triggers("audit_record", "UPDATE audit_record SET subject = 'eve' WHERE seq = 0")
    verdict = store.verify_since("acme", held)
    assert (verdict.outcome, verdict.records) == (Outcome.VERIFIED, before + 20)
    assert verdict.words.endswith(f"Not read again were the first {before} records, which the checkpoint covers.")
    assert f"a checkpoint of {before} records" in verdict.words
    whole = store.verify("acme", held)
    assert (whole.outcome, whole.root) == ((Outcome.TAMPERED, None) if before > 2 else (Outcome.VERIFIED, verdict.root))


def test_it_goes_on_from_a_checkpoint_that_is_not_the_newest_and_needs_no_records_behind_it(store: Store) -> None:
    held = sealed_then_grown(store, 70)
    newest = Held(*opened(seal(store)))
    whole = store.verify("acme")
    for one in (held, newest):
        assert store.verify_since("acme", one).root == whole.root


@pytest.mark.parametrize(
    ("statement", "seq", "how"),
    [
        ("UPDATE audit_record SET subject = 'eve' WHERE seq = 305", 305, How.ALTERED),
        ("UPDATE audit_record SET writer = 'eve' WHERE seq = 300", 300, How.ALTERED),
        ("DELETE FROM audit_record WHERE seq = 300", 300, How.MISSING),
        ("DELETE FROM audit_record WHERE seq = 319", 319, How.TRUNCATED),
        ("DELETE FROM audit_record WHERE seq >= 290", 300, How.TRUNCATED),
    ],
)
def test_what_was_done_behind_it_is_named(store: Store, raw: Raw, statement: str, seq: int, how: How) -> None:
    held = sealed_then_grown(store)
    raw.without_triggers("audit_record", statement)
    verdict = store.verify_since("acme", held)
    assert (verdict.seq, verdict.how) == (seq, how), verdict


def test_where_the_database_does_not_lead_to_it_every_record_is_read(store: Store, raw: Raw) -> None:
    held = sealed_then_grown(store)
    other = Held(held.size, bytes(32))
    verdict = store.verify_since("acme", other)
    assert (verdict.seq, verdict.how) == (299, How.REWRITTEN)
    assert verdict.words.endswith("so every record was read.")
    for damage in ("UPDATE audit_tile SET width = 3", "DELETE FROM audit_tile"):
        raw.without_triggers("audit_tile", damage)
        assert store.verify_since("acme", held).words.endswith("so every record was read.")
    assert store.verify_since("acme", held).outcome is Outcome.VERIFIED
    assert store.verify_since("acme", Held(400, held.root)).how is How.TRUNCATED


def test_a_writer_whose_last_record_was_taken_away_is_not_believed(store: Store, raw: Raw) -> None:
    held = sealed_then_grown(store)
    raw.without_triggers("audit_record", "DELETE FROM audit_record WHERE seq >= 200 AND seq < 300")
    verdict = store.verify_since("acme", held)
    assert verdict.outcome is Outcome.TAMPERED
