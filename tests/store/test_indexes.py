"""Rows that an index of the database hides: every record is whole, and a search does not show one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from govflow.audit.spans import Held
from govflow.audit.verify import How, Outcome
from govflow.services.verify_audit import LogVerdict, verify_log, worst
from govflow.settings import Settings
from govflow.store import Store
from tests.store.seen_raw import Raw, raw_sqlite
from tests.store.test_seals import opened, seal
from tests.store.things import a_draft

INDEXES = ("run", "event", "rule", "subject", "at")


def written(url: str) -> None:
    with Store.open(url) as store:
        for number in range(8):
            for tenant in ("acme", "rival"):
                run = f"run-{number % 2}"
                draft = a_draft(tenant=tenant, run_id=run, subject="ann", payload={"n": number, "rule": "risky"})
                store.append(draft, durable=True)


def told_otherwise(raw: Raw, index: str, altered: str) -> None:
    """Make an index anew from ``altered``, and have the database say that it is as it was."""
    (said,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
    raw.execute(f"DROP INDEX {index}")
    raw.execute(altered.format(said))
    raw.execute("PRAGMA writable_schema = ON")
    raw.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (said, index))
    raw.execute("PRAGMA writable_schema = RESET")


def verdicts(url: str) -> dict[str, LogVerdict]:
    return {one.tenant: one for one in verify_log(Settings(), url.removeprefix("sqlite:///"))}


@pytest.mark.parametrize("name", INDEXES)
def test_a_record_that_an_index_leaves_out_is_named(sqlite_url: str, name: str) -> None:
    written(sqlite_url)
    assert worst(list(verdicts(sqlite_url).values())) is Outcome.VERIFIED
    with raw_sqlite(sqlite_url) as raw:
        (said,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = ?", (f"ix_audit_record_{name}",)).fetchone()
        and_where = "AND" if " WHERE " in said.upper() else "WHERE"
        told_otherwise(raw, f"ix_audit_record_{name}", f"{{}} {and_where} NOT (tenant = 'rival' AND seq = 5)")
    found = verdicts(sqlite_url)
    assert found["acme"].verdict.outcome is Outcome.VERIFIED
    verdict = found["rival"].verdict
    assert (verdict.outcome, verdict.seq, verdict.how) == (Outcome.TAMPERED, 5, How.HIDDEN)
    words = f"Record 5 of rival is hidden from searches: the index ix_audit_record_{name} does not hold it as it is."
    assert verdict.words == words


def test_so_is_one_that_an_index_has_under_another_name(sqlite_url: str) -> None:
    written(sqlite_url)
    with raw_sqlite(sqlite_url) as raw:
        altered = (
            "CREATE INDEX ix_audit_record_subject ON audit_record"
            " (CASE seq WHEN 3 THEN 'eve' ELSE subject END, tenant, seq)"
        )
        told_otherwise(raw, "ix_audit_record_subject", altered)
    verdict = verdicts(sqlite_url)["acme"].verdict
    assert (verdict.outcome, verdict.seq, verdict.how) == (Outcome.TAMPERED, 3, How.HIDDEN)


def test_an_index_that_somebody_adds_and_that_tells_the_truth_changes_nothing(sqlite_url: str) -> None:
    written(sqlite_url)
    with raw_sqlite(sqlite_url) as raw:
        raw.execute("CREATE INDEX theirs ON audit_record (writer, at) WHERE seq <> 3")
    assert worst(list(verdicts(sqlite_url).values())) is Outcome.VERIFIED


def test_what_follows_a_checkpoint_is_read_without_looking_through_all_that_is_before(sqlite_url: str) -> None:
    """Else the short way would take as long as the long one; the page says what it leaves out."""
    written(sqlite_url)
    with Store.open(sqlite_url) as store:
        held = Held(*opened(seal(store)))
    with raw_sqlite(sqlite_url) as raw:
        told_otherwise(raw, "ix_audit_record_at", "{} WHERE seq <> 3")
    path = sqlite_url.removeprefix("sqlite:///")
    short, whole = (verify_log(Settings(), path, "acme", held, since=since)[0].verdict for since in (True, False))
    assert (short.outcome, whole.outcome) == (Outcome.VERIFIED, Outcome.TAMPERED)
    assert "Not read again were the first 8 records" in short.words


def test_a_file_that_cannot_be_read_through_is_not_verified(sqlite_url: str) -> None:
    written(sqlite_url)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with raw_sqlite(sqlite_url) as raw:
        size = raw.execute("PRAGMA page_size").fetchone()[0]
        page = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_audit_record_event'").fetchone()[0]
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : page * size] = bytes(size)
    path.write_bytes(data)
    assert worst(list(verdicts(sqlite_url).values())) is Outcome.TAMPERED


def test_of_what_nobody_touched_nothing_is_hidden(store: Store) -> None:
    store.append(a_draft(tenant="acme", payload={}), durable=True)
    assert store.hidden_row() is None


TAKEN = {
    "its head": "DELETE FROM audit_head WHERE tenant = 'rival'",
    "its head and records": "DELETE FROM audit_head WHERE tenant = 'rival'; DELETE FROM audit_record"
    " WHERE tenant = 'rival'",
}


@pytest.mark.parametrize("statements", TAKEN.values(), ids=TAKEN)
def test_a_log_of_which_the_head_is_gone_is_not_passed_over(sqlite_url: str, statements: str) -> None:
    written(sqlite_url)
    with Store.open(sqlite_url) as store:
        assert store.tenants() == ["acme", "rival"]
        note = "INSERT INTO audit_checkpoint VALUES ('rival', 8, 'x', 0)"
    with raw_sqlite(sqlite_url) as raw:
        raw.execute(note)
        for table in ("audit_head", "audit_record"):
            raw.without_triggers(table, "SELECT 1")
        for statement in statements.split("; "):
            raw.execute(statement)
    found = verdicts(sqlite_url)
    assert found["acme"].verdict.outcome is Outcome.VERIFIED
    assert found["rival"].verdict.outcome is Outcome.TAMPERED


def test_what_is_not_there_is_no_pass(store: Store) -> None:
    store.append(a_draft(tenant="acme", payload={}), durable=True)
    verdict = store.verify("nosuch")
    assert verdict.outcome is Outcome.CANNOT_JUDGE
    assert verdict.words == "What is missing: the log. Nothing in this database is of the tenant 'nosuch'."


@pytest.mark.parametrize("name", ["CAST(X'ff' AS TEXT)", "X'00ff'"])
def test_a_name_that_is_no_text_keeps_no_other_log_from_its_verdict(sqlite_url: str, name: str) -> None:
    written(sqlite_url)
    with raw_sqlite(sqlite_url) as raw:
        raw.execute(f"INSERT INTO audit_head SELECT {name}, size, hash, peaks FROM audit_head WHERE tenant = 'acme'")
    found = verdicts(sqlite_url)
    assert found["acme"].verdict.outcome is found["rival"].verdict.outcome is Outcome.VERIFIED
    assert len(found) == 3 and worst(list(found.values())) is Outcome.CANNOT_JUDGE


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_head SET size = 29.5",
        "UPDATE audit_head SET size = 9e999",
        "UPDATE audit_head SET size = 'many'",
        "UPDATE audit_head SET peaks = 1000000000000",
        "UPDATE audit_origin SET name = CAST(X'ff' AS TEXT)",
    ],
)
def test_whatever_stands_there_is_a_verdict(sqlite_url: str, statement: str) -> None:
    written(sqlite_url)
    with raw_sqlite(sqlite_url) as raw:
        for table in ("audit_head", "audit_origin", "audit_checkpoint"):
            raw.without_triggers(table, "SELECT 1")
        raw.execute("INSERT INTO audit_checkpoint VALUES ('acme', 8, 'x', 0)")
        raw.execute(statement)
    assert worst(list(verdicts(sqlite_url).values())) is Outcome.TAMPERED
