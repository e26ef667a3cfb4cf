"""Pruning: old records go in whole tiles, what is left can be verified, and nothing that is needed goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from govflow.audit.leaf import leaf_bytes, leaf_digest
from govflow.audit.merkle import verify_inclusion
from govflow.audit.record import Draft
from govflow.audit.spans import Held
from govflow.audit.verify import How, Outcome
from govflow.errors import StoreError
from govflow.store import Store
from govflow.store import pruning as pruning_module
from govflow.store.pruned import EVENT
from tests.store.seen_raw import REFUSALS, Raw, raw_sqlite
from tests.store.test_seals import opened, seal
from tests.store.things import NOW, a_draft

OLD = NOW - timedelta(days=100)
CUT = NOW - timedelta(days=90)


def old(store: Store, count: int, **more: Any) -> None:
    for number in range(count):
        store.append(a_draft(at=OLD, payload={"n": number}, **more), durable=False)


def pruning(**more: Any) -> Draft:
    return a_draft(EVENT, subject="olga", at=NOW, payload={"reason": "over 90 days"}, **more)


@pytest.fixture
def aged(store: Store) -> Store:
    """600 old records under a checkpoint, and 5 young ones behind it."""
    old(store, 600, values={"email": "ann@example.org"})
    seal(store)
    for number in range(5):
        store.append(a_draft(payload={"n": number}), durable=False)
    store.flush()
    return store


def held_by(store: Store) -> Held:
    newest = store.seals.newest("acme")
    assert newest is not None
    return Held(*opened(newest))


def test_whole_tiles_go_and_the_rest_verifies(aged: Store, raw: Raw) -> None:
    head, held = aged.head("acme"), held_by(aged)
    went = aged.pruning.prune("acme", CUT, pruning())
    assert (went.first, went.until) == (0, 512)
    places = [row[0] for row in raw.execute("SELECT seq FROM audit_record ORDER BY seq").fetchall()]
    assert places == list(range(512, 606)), "the one more is the record of the pruning"
    assert raw.execute("SELECT count(*) FROM audit_value").fetchone()[0] == 600 - 512
    said = aged.tail("acme", 1)[0]
    assert head.hash == said.prev, "nothing else has changed"
    verdict = aged.verify("acme")
    assert verdict.outcome is Outcome.VERIFIED
    assert verdict.words.startswith("Records 512 to 605 verified against the head of 'acme' with 606 records.")
    assert "Records 0 to 511 are not there: olga pruned them on 2026-03-01, as record 605 says." in verdict.words
    assert verdict.records == 94
    assert aged.verify("acme", held).outcome is Outcome.VERIFIED
    assert aged.verify_since("acme", held).outcome is Outcome.VERIFIED


def test_what_is_kept_has_its_proofs_and_the_log_grows_and_is_pruned_again(aged: Store) -> None:
    aged.pruning.prune("acme", CUT, pruning())
    old(aged, 500)
    seal(aged)
    again = aged.pruning.prune("acme", CUT, pruning())
    assert (again.first, again.until) == (512, 512), "young records stand before the old ones"
    later = aged.pruning.prune("acme", NOW + timedelta(days=1), pruning())
    assert (later.first, later.until) == (512, 1024)
    assert aged.verify("acme").outcome is Outcome.VERIFIED
    newest = seal(aged)
    included = aged.seals.prove("acme", 1030)
    size, root = opened(newest)
    entry = included.entry
    leaf = leaf_digest(leaf_bytes(entry.seq, entry.prev, entry.body))
    verify_inclusion(leaf, 1030, size, included.hashes, root)


def test_every_checkpoint_ever_signed_can_still_be_held_against_it(store: Store) -> None:
    helds = []
    for count in (100, 156, 300, 200):
        old(store, count)
        seal(store)
        helds.append(held_by(store))
    store.pruning.prune("acme", CUT, pruning())
    assert store.pruning.begins_at("acme") == 512
    for held in helds:
        for verdict in (store.verify("acme", held), store.verify_since("acme", held)):
            assert verdict.outcome is Outcome.VERIFIED, (held.size, verdict.words)
        forged = Held(held.size, bytes(32))
        for verdict in (store.verify("acme", forged), store.verify_since("acme", forged)):
            assert (verdict.outcome, verdict.how, verdict.seq) == (Outcome.TAMPERED, How.REWRITTEN, held.size - 1)


@pytest.mark.parametrize(
    ("limit", "kept_by"),
    [
        ("sealed", "no checkpoint covers it"),
        ("young", "it is not old enough"),
        ("run", "its run went on after that"),
        ("run held", "the legal hold h-1 of olga is on it: a case"),
        ("subject held", "the legal hold h-1 of olga is on it: a case"),
    ],
)
def test_what_is_needed_stays(store: Store, limit: str, kept_by: str) -> None:
    old(store, 300)
    if limit == "sealed":
        seal(store)
    more = {"run": {"run_id": "r"}, "run held": {"run_id": "r"}, "subject held": {"subject": "ann"}}.get(limit, {})
    store.append(a_draft(at=NOW if limit == "young" else OLD, **more), durable=False)
    old(store, 400)
    if limit == "run":
        store.append(a_draft(run_id="r"), durable=False)
    if limit != "sealed":
        seal(store)
    if "held" in limit:
        of = {"run_id": "r"} if limit == "run held" else {"subject": "ann"}
        placed = {"hold_id": "h-1", "reason": "a case", **of}
        store.legal_holds.place(a_draft("hold.placed", subject="olga", payload=placed))
    found = store.pruning.prunable("acme", CUT)
    assert (found.until, found.kept_by) == (256, kept_by)
    assert store.pruning.prune("acme", CUT, pruning()) == found
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_a_hold_on_all_keeps_all_and_one_that_is_old_keeps_itself(store: Store) -> None:
    old(store, 300)
    hold = a_draft("hold.placed", subject="olga", at=OLD, payload={"hold_id": "h-1", "reason": "x", "run_id": "none"})
    store.legal_holds.place(hold)
    old(store, 300)
    seal(store)
    assert store.pruning.prunable("acme", CUT).until == 256, "else nobody would know of the hold"
    store.legal_holds.place(a_draft("hold.placed", subject="olga", payload={"hold_id": "h-2", "reason": "all"}))
    assert store.pruning.prune("acme", CUT, pruning()).records == 0
    assert store.tail("acme", 1, event=EVENT) == [], "nothing went, so nothing is said"


def test_a_hold_that_comes_in_the_midst_keeps_what_is_left(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning_module, "AT_ONCE", 256)
    old(store, 1100)
    seal(store)
    seen: list[int] = []

    def told(done: int, total: int) -> None:
        seen.append(done)
        assert total == 1024
        if done == 512:
            hold = {"hold_id": "h-1", "reason": "now"}
            store.legal_holds.place(a_draft("hold.placed", subject="olga", payload=hold))

    went = store.pruning.prune("acme", CUT, pruning(), told)
    assert (went.until, seen) == (512, [256, 512])
    assert "h-1" in went.kept_by
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_other_tenants_keep_theirs(aged: Store) -> None:
    for number in range(300):
        aged.append(a_draft(tenant="globex", at=OLD, payload={"n": number}), durable=False)
    aged.pruning.prune("acme", CUT, pruning())
    assert len(list(aged.entries("globex"))) == 300
    assert aged.verify("globex").outcome is Outcome.VERIFIED


def test_a_spool_that_is_read_again_brings_nothing_back(aged: Store) -> None:
    first = next(iter(aged.entries("acme")))
    aged.pruning.prune("acme", NOW + timedelta(days=1), pruning())
    writer = aged._writer
    from govflow.audit.body import parse_body
    from govflow.store.lines import make_line, read_lines
    from govflow.store.log import sequence

    body = parse_body(first.body)
    assert body["writer_seq"] == 0
    [again] = read_lines(make_line(first.body, ())).records
    with writer.transaction():
        assert sequence(writer._db, [again]) == {}
    assert aged.verify("acme").outcome is Outcome.VERIFIED


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_record WHERE seq = 512",
        "DELETE FROM audit_record WHERE seq >= 512",
        "UPDATE audit_record SET subject = 'eve' WHERE seq = 512",
        "UPDATE audit_pruned SET until = 1024",
        "DELETE FROM audit_pruned",
        "TRUNCATE audit_pruned",
    ],
)
def test_the_database_lets_nothing_else_go(aged: Store, raw: Raw, statement: str) -> None:
    aged.pruning.prune("acme", CUT, pruning())
    with pytest.raises(REFUSALS, match="append-only" if not raw.is_sqlite or "TRUN" not in statement else "syntax"):
        raw.execute(statement)
    assert aged.verify("acme").outcome is Outcome.VERIFIED


def test_records_that_went_without_a_word_are_missing(aged: Store, raw: Raw) -> None:
    row = raw.execute("SELECT tenant, hash, prev FROM audit_record WHERE seq = 255").fetchone()
    peaks = b"\0" * 32
    raw.execute("INSERT INTO audit_pruned VALUES (?, 256, ?, ?, ?)", (row[0], row[1], row[2], peaks))
    raw.execute("DELETE FROM audit_record WHERE seq < 256")
    verdict = aged.verify("acme")
    assert (verdict.outcome, verdict.how, verdict.seq) == (Outcome.TAMPERED, How.MISSING, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_record WHERE seq = 512",
        "UPDATE audit_pruned SET peaks = substr(peaks, 2) || substr(peaks, 1, 1)",
        "UPDATE audit_pruned SET last = before",
        "UPDATE audit_pruned SET until = 256",
        "UPDATE audit_pruned_writer SET next = next - 1",
        "DELETE FROM audit_pruned_writer",
        "DELETE FROM audit_pruned",
    ],
)
def test_what_is_kept_of_them_cannot_be_changed_unseen(aged: Store, raw: Raw, statement: str) -> None:
    aged.pruning.prune("acme", CUT, pruning())
    raw.without_triggers(statement.split()[2 if statement.startswith("DELETE") else 1], statement)
    verdict = aged.verify("acme")
    assert verdict.outcome is Outcome.TAMPERED
    assert verdict.seq in {0, 512}
    assert aged.verify("acme", held_by(aged)).outcome is Outcome.TAMPERED


@pytest.mark.parametrize(
    "change",
    [
        "audit_pruned SET until = 8.5",
        "audit_pruned SET last = 100000000000000",
        "audit_pruned SET peaks = 9e999",
        "audit_pruned_writer SET next = 9e999",
        "audit_pruned_writer SET writer = CAST(X'ff' AS TEXT)",
        "audit_record SET body = 100000000000000 WHERE event = 'log.pruned'",
    ],
)
def test_whatever_stands_there_is_a_verdict(sqlite_url: str, change: str) -> None:
    with Store.open(sqlite_url) as store, raw_sqlite(sqlite_url) as raw:
        old(store, 600)
        seal(store)
        store.pruning.prune("acme", CUT, pruning())
        raw.without_triggers(change.split(maxsplit=1)[0], f"UPDATE {change}")
        assert store.verify("acme").outcome is Outcome.TAMPERED


def test_what_stands_before_the_beginning_was_inserted(aged: Store, raw: Raw) -> None:
    first = next(iter(aged.entries("acme")))
    columns = "tenant, prev, hash, body, writer, writer_seq, event, subject, run_id, at, rule"
    values = raw.execute(f"SELECT {columns} FROM audit_record WHERE seq = 3").fetchone()
    aged.pruning.prune("acme", CUT, pruning())
    marks = ", ".join("?" * len(values))
    raw.execute(f"INSERT INTO audit_record (seq, {columns}) VALUES (3, {marks})", tuple(values))
    verdict = aged.verify("acme")
    assert verdict.outcome is Outcome.TAMPERED
    assert verdict.seq == 3
    assert first.seq == 0


def test_a_head_that_cannot_be_read_is_named_and_not_what_went(aged: Store, raw: Raw) -> None:
    aged.pruning.prune("acme", CUT, pruning())
    raw.execute("UPDATE audit_head SET size = 7")
    verdict = aged.verify("acme")
    assert (verdict.outcome, verdict.how, verdict.seq) == (Outcome.TAMPERED, How.ALTERED, 605)
    assert "head" in verdict.words


def test_tampering_does_not_go_with_what_was_tampered_with(aged: Store, raw: Raw) -> None:
    raw.without_triggers("audit_record", "UPDATE audit_record SET subject = 'eve' WHERE seq = 7")
    with pytest.raises(StoreError, match="Records 0 to 511 of 'acme' are not as they were written"):
        aged.pruning.prune("acme", CUT, pruning())
    assert aged.pruning.begins_at("acme") == 0
    assert len(list(aged.entries("acme"))) == 605


def test_a_record_that_the_database_refuses_keeps_all(aged: Store, raw: Raw) -> None:
    with raw.refuse_records(EVENT), pytest.raises(StoreError):
        aged.pruning.prune("acme", CUT, pruning())
    assert len(list(aged.entries("acme"))) == 605
    assert aged.verify("acme").outcome is Outcome.VERIFIED
    assert aged.pruning.prune("acme", CUT, pruning()).records == 512


def test_no_other_record_stands_for_it(aged: Store) -> None:
    with pytest.raises(ValueError, match=r"log\.pruned"):
        aged.pruning.prune("acme", CUT, a_draft())
