"""A log is held to the checkpoints in its own database: whoever forgot them, or could not sign others, is found."""

from __future__ import annotations

from functools import partial
from itertools import islice

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govflow.audit.checkpoint import Checkpoint, origin_of, sign_checkpoint
from govflow.audit.leaf import leaf_bytes, leaf_digest
from govflow.audit.merkle import CompactRange
from govflow.audit.spans import Held
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.audit.verify import How, Outcome, Verdict
from govflow.services.verify_in_processes import in_processes
from govflow.store import Store, stored_checkpoints, verifying
from tests.store.seen_raw import Raw, raw_sqlite
from tests.store.test_pruning import CUT, old, pruning
from tests.store.test_seals import NAME, PRIVATE, grown, opened, seal

SIZES = (5, 9, 16, 17, 30)
"""Records of the log when a checkpoint was made; some more follow."""
SIZE = 33


@pytest.fixture(autouse=True)
def small_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a log of a few records has several."""
    monkeypatch.setattr(verifying, "SPAN", 8)


def written(store: Store) -> list[Held]:
    made = []
    for size in SIZES:
        grown(store, size - store.head("acme").size)
        made.append(Held(*opened(seal(store))))
        store.flush()
    grown(store, SIZE - SIZES[-1])
    grown(store, 3, "rival")
    store.flush()
    return made


def rewritten(store: Store, raw: Raw, k: int, cut: int = SIZE) -> None:
    """Change a record, and make all hashes and the head anew, as whoever holds the database can; ``cut`` remain."""
    rows = raw.execute("SELECT seq, body FROM audit_record WHERE tenant = 'acme' ORDER BY seq").fetchall()
    prev, tree = bytes(32), CompactRange()
    raw.without_triggers("audit_record", "DELETE FROM audit_record WHERE tenant = 'acme' AND seq >= " + str(cut))
    for seq, stored in rows[:cut]:
        body = bytes(stored).replace(b'"n":', b'"m":') if seq == k else bytes(stored)
        digest = leaf_digest(leaf_bytes(seq, "sha256:" + prev.hex(), body))
        raw.execute(
            "UPDATE audit_record SET prev = ?, hash = ?, body = ? WHERE tenant = 'acme' AND seq = ?",
            (prev, digest, body, seq),
        )
        prev = digest
        tree.append(digest)
    raw.execute(
        "UPDATE audit_head SET size = ?, hash = ?, peaks = ? WHERE tenant = 'acme'", (cut, prev, tree.to_bytes())
    )


def found(verdict: Verdict) -> tuple[int | None, How | None]:
    return verdict.seq, verdict.how


@pytest.mark.covers("S4-29")
def test_a_log_that_leads_to_all_of_them_is_verified_and_it_is_said(store: Store) -> None:
    made = written(store)
    verdict = store.verify("acme")
    assert (verdict.outcome, verdict.records) == (Outcome.VERIFIED, SIZE)
    assert verdict.words.endswith("5 checkpoints in its own database agree.")
    since = store.verify_since("acme", made[2])
    assert since.outcome is Outcome.VERIFIED and "2 checkpoints in its own database agree." in since.words
    assert "checkpoint" not in store.verify("rival").words


@pytest.mark.parametrize(("k", "named"), [(0, 4), (4, 4), (5, 8), (15, 15), (16, 16), (20, 29)])
def test_what_was_rewritten_before_one_of_them_is_found_at_that_one(store: Store, raw: Raw, k: int, named: int) -> None:
    written(store)
    rewritten(store, raw, k)
    verdict = store.verify("acme")
    assert found(verdict) == (named, How.REWRITTEN), verdict
    assert "not those of the checkpoint in its own database" in verdict.words


def test_what_was_rewritten_behind_the_last_is_the_bound(store: Store, raw: Raw) -> None:
    written(store)
    rewritten(store, raw, 31)
    assert store.verify("acme").outcome is Outcome.VERIFIED


@pytest.mark.parametrize("left", [29, 16, 1, 0])
def test_a_log_that_was_set_back_with_its_head_is_truncated(store: Store, raw: Raw, left: int) -> None:
    made = written(store)
    rewritten(store, raw, -1, left)
    verdict = store.verify("acme")
    assert found(verdict) == (left, How.TRUNCATED), verdict
    assert "the checkpoint in its own database covers 30" in verdict.words
    if left > made[0].size:
        assert found(store.verify_since("acme", made[0])) == (left, How.TRUNCATED)


def test_set_back_and_grown_on_it_is_rewritten(store: Store, raw: Raw) -> None:
    made = written(store)
    rewritten(store, raw, 20)
    assert found(store.verify_since("acme", made[3])) == (29, How.REWRITTEN)


def test_of_a_pruned_log_those_behind_what_is_gone_are_held_to(store: Store, raw: Raw) -> None:
    for count in (100, 500):  # one checkpoint is of records that go, one is not
        old(store, count)
        seal(store)
    grown(store, 3)
    store.pruning.prune("acme", CUT, pruning())
    assert store.verify("acme").outcome is Outcome.VERIFIED
    assert "1 checkpoint in its own database agrees." in store.verify("acme").words
    put(raw, 600, note(600, bytes(32)))
    assert found(store.verify("acme")) == (599, How.REWRITTEN)


def put(raw: Raw, size: int, note: str) -> None:
    raw.without_triggers("audit_checkpoint", "UPDATE audit_checkpoint SET note = note")
    raw.execute("UPDATE audit_checkpoint SET note = ? WHERE tenant = 'acme' AND size = ?", (note, size))


def note(size: int, root: bytes, origin: str = origin_of(NAME, "acme")) -> str:
    return str(sign_checkpoint(Checkpoint(origin, size, root), PRIVATE))


def test_a_row_that_says_another_thing_is_named_after_the_records(store: Store, raw: Raw) -> None:
    made = {held.size: held.root for held in written(store)}
    for text, how in (
        (note(16, bytes(32)), How.REWRITTEN),
        (note(15, made[16]), How.ALTERED),
        (note(16, made[16], origin_of(NAME, "rival")), How.ALTERED),
        ("no note", How.ALTERED),
    ):
        put(raw, 16, text)
        verdict = store.verify("acme")
        assert (verdict.outcome, *found(verdict)) == (Outcome.TAMPERED, 15, how), (text, verdict)
        assert (verdict.hash, verdict.root) == (None, None)
    raw.without_triggers("audit_record", "UPDATE audit_record SET subject = 'eve' WHERE tenant = 'acme' AND seq = 20")
    assert found(store.verify("acme")) == (20, How.ALTERED), "a record tells more than a row beside it"


@pytest.mark.parametrize(
    ("change", "seq"),
    [
        ("UPDATE audit_checkpoint SET note = CAST(x'ff' AS TEXT) WHERE size = 9", 8),
        ("UPDATE audit_checkpoint SET note = x'00' WHERE size = 9", 8),
        ("UPDATE audit_checkpoint SET size = 'nine' WHERE size = 9", 0),
        ("UPDATE audit_origin SET name = 'another'", 4),
        ("UPDATE audit_origin SET name = 'no name'", 4),
    ],
)
def test_whatever_stands_there_is_a_verdict(sqlite_url: str, change: str, seq: int) -> None:
    with Store.open(sqlite_url) as store, raw_sqlite(sqlite_url) as raw:
        written(store)
        for table in ("audit_checkpoint", "audit_origin"):
            raw.without_triggers(table, f"UPDATE {table} SET {'note = note' if 'check' in table else 'name = name'}")
        raw.execute(change)
        assert found(store.verify("acme")) == (seq, How.ALTERED)


KEY = VerifierKey(origin_of(NAME, "acme"), Kind.NOTE, PRIVATE.public_key().public_bytes_raw())
NEWER = Ed25519PrivateKey.generate()
NEWER_KEY = VerifierKey(KEY.name, Kind.NOTE, NEWER.public_key().public_bytes_raw())


@pytest.mark.covers("S4-29")
def test_whoever_has_the_key_is_told_that_it_signed_them(store: Store) -> None:
    made = written(store)
    for verdict in (store.verify("acme", keys=[NEWER_KEY, KEY]), store.verify_since("acme", made[2], keys=[KEY])):
        assert verdict.outcome is Outcome.VERIFIED and verdict.root
        assert "in its own database agree, signed by the keys that were given. No checkpoint covers the last 3:" in (
            verdict.words
        )
    seal(store)
    assert store.verify("acme", keys=[KEY]).words.endswith("signed by the keys that were given.")
    assert "signed" not in store.verify("acme").words


def test_one_that_another_key_signed_cannot_be_judged_until_that_is_there(store: Store, raw: Raw) -> None:
    made = written(store)
    for size in (16, 30):
        root = next(held.root for held in made if held.size == size)
        put(raw, size, str(sign_checkpoint(Checkpoint(KEY.name, size, root), NEWER)))
    assert store.verify("acme").outcome is Outcome.VERIFIED
    verdict = store.verify("acme", keys=[KEY])
    assert (verdict.outcome, verdict.root) == (Outcome.CANNOT_JUDGE, None)
    assert verdict.words.startswith("2 checkpoints, the last of 30 records, in its own database are signed by none")
    verdict = store.verify_since("acme", made[2], keys=[KEY])
    assert verdict.outcome is Outcome.CANNOT_JUDGE
    assert verdict.words.startswith("The checkpoint of 30 records in its own database is signed by none")
    assert store.verify("acme", keys=[KEY, NEWER_KEY]).outcome is Outcome.VERIFIED


def test_who_made_records_and_checkpoints_anew_without_the_key_is_found(store: Store, raw: Raw) -> None:
    written(store)
    rewritten(store, raw, 0)
    for size in SIZES:
        put(raw, size, str(sign_checkpoint(Checkpoint(KEY.name, size, root_of(store, size)), NEWER)))
    assert store.verify("acme").outcome is Outcome.VERIFIED, "who does not ask for signatures is not told of any"
    verdict = store.verify("acme", keys=[KEY])
    assert verdict.outcome is Outcome.CANNOT_JUDGE
    assert verdict.words.startswith("5 checkpoints, the last of 30 records, in its own database are signed by none")


def test_a_signature_of_the_key_that_is_none_is_tampering(store: Store, raw: Raw) -> None:
    made = {held.size: held.root for held in written(store)}
    signed, forged = note(16, made[16]), note(9, made[9])
    put(raw, 16, signed.rpartition("\u2014")[0] + "\u2014" + forged.rpartition("\u2014")[2])
    assert store.verify("acme").outcome is Outcome.VERIFIED
    assert found(store.verify("acme", keys=[KEY])) == (15, How.ALTERED)


def test_without_any_checkpoint_there_is_nothing_that_the_key_signed(store: Store) -> None:
    grown(store, 5)
    store.flush()
    verdict = store.verify("acme", keys=[KEY])
    assert verdict.outcome is Outcome.CANNOT_JUDGE
    assert verdict.words.startswith("What is missing: a checkpoint in its own database")
    held = Held(5, bytes.fromhex(store.head("acme").root.removeprefix("sha256:")))
    assert store.verify("acme", held, keys=[KEY]).outcome is Outcome.VERIFIED, "one that was kept elsewhere is one"


def root_of(store: Store, size: int) -> bytes:
    tree = CompactRange()
    for entry in islice(store.entries("acme"), size):
        tree.append(bytes.fromhex(entry.hash.removeprefix("sha256:")))
    return tree.root()


def test_where_there_are_very_many_the_newest_is_held_to_always(
    store: Store, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(store)
    monkeypatch.setattr(stored_checkpoints, "_MOST", 2)
    monkeypatch.setattr(stored_checkpoints, "_AT_ONCE", 1)
    assert store.verify("acme").words.endswith("2 of 5 checkpoints in its own database agree.")
    rewritten(store, raw, 29)
    assert found(store.verify("acme")) == (29, How.REWRITTEN)


def test_several_processes_hold_it_to_them_too(store: Store, raw: Raw, url: str) -> None:
    written(store)
    checker = in_processes(partial(verifying.check_part, url), 2)
    assert store.verify("acme", None, checker) == store.verify("acme")
    rewritten(store, raw, 10)
    assert found(store.verify("acme", None, checker)) == (15, How.REWRITTEN)
