"""Opening a store, and the whole interface of the log."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from govflow.audit.record import GENESIS, Log
from govflow.audit.verify import How, Outcome
from govflow.errors import CanonicalError, SchemaNewer, StoreError, VocabularyError
from govflow.store import Store
from govflow.store.statements import run
from govflow.store.tables import METADATA
from tests.store.seen_raw import REFUSALS, Raw
from tests.store.things import a_draft, eventually, forked, reaped

pytestmark = pytest.mark.once


def as_log(store: Log) -> Log:
    return store


def test_a_new_database_and_its_folders_are_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "govflow.db"
    with Store.open(f"sqlite:///{path}") as store:
        store.append(a_draft(), durable=False)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir() if file.is_file()}
        assert set(modes.values()) == {0o600}
        assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)} == {0o700}
        assert [stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new/folder/govflow.db.spool").iterdir()] == [
            0o600
        ]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "cannot be read"),
        ("sqlite://", r"Store\.memory"),
        ("sqlite:///:memory:", r"Store\.memory"),
        ("mysql://localhost/x", "nothing in mysql databases"),
        ("postgresql://nobody:canary-pass@127.0.0.1:1/x", "Is the server up"),
        ("sqlite:////proc/nowhere/govflow.db", "writable for this user"),
    ],
)
def test_a_url_that_cannot_be_opened_says_why_and_what_to_do(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as refused:
        Store.open(url)
    assert "canary-pass" not in str(refused.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("nothing that SQLite knows\n" * 100)
    with pytest.raises(StoreError, match="no SQLite database"):
        Store.open(f"sqlite:///{path}")
    assert path.read_text() == "nothing that SQLite knows\n" * 100


def test_a_newer_schema_is_refused(url: str, raw: Raw) -> None:
    raw.execute("UPDATE govflow_alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaNewer, match="9999"):
        Store.open(url)


def test_opening_a_current_database_does_not_import_alembic(url: str) -> None:
    code = (
        "import sys; from govflow.store import Store; Store.open(sys.argv[1]).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_records_get_their_places_in_order(store: Store) -> None:
    log = as_log(store)
    first = log.append(a_draft(payload={"n": 0}), durable=False)
    second = log.append(a_draft(payload={"n": 1}), durable=True)
    third = log.append(a_draft(payload={"n": 2}), durable=False)
    assert (first.durable, first.seq) == (False, None)
    assert (second.durable, second.seq) == (True, 1), "what was spooled before comes before"
    assert third.writer_seq == first.writer_seq + 1
    entries = list(store.entries("acme"))
    assert [entry.seq for entry in entries] == [0, 1, 2]
    assert [entry.prev for entry in entries] == [GENESIS, entries[0].hash, entries[1].hash]
    assert [b'"n":%d' % n in entry.body for n, entry in enumerate(entries)] == [True] * 3
    assert store.verify("acme").outcome is Outcome.VERIFIED
    assert store.head("acme").size == 3
    assert list(store.entries("acme", 2)) == entries[2:]


def test_tenants_have_logs_of_their_own(store: Store) -> None:
    for n in range(5):
        store.append(a_draft(tenant="acme"), durable=n % 2 == 0)
        store.append(a_draft(tenant="rival"), durable=False)
    assert store.tenants() == ["acme", "rival"]
    assert [store.verify(tenant).records for tenant in store.tenants()] == [5, 5]
    assert [store.verify(tenant).outcome for tenant in store.tenants()] == [Outcome.VERIFIED] * 2
    assert store.head("nobody").size == 0


def test_tail_gives_the_last_records_oldest_first(store: Store) -> None:
    for n in range(6):
        store.append(a_draft("step.intent" if n % 2 else "step.outcome", run_id=f"run-{n // 3}"), durable=False)
    assert [entry.seq for entry in store.tail("acme", 2)] == [4, 5]
    assert [entry.seq for entry in store.tail("acme", 9, run_id="run-0")] == [0, 1, 2]
    assert [entry.seq for entry in store.tail("acme", 9, run_id="run-1", event="step.intent")] == [3, 5]


def test_a_record_that_cannot_be_is_not_appended(store: Store) -> None:
    for durable in (False, True):
        with pytest.raises(CanonicalError, match=r"step\.intent\.payload\.x"):
            store.append(a_draft(payload={"x": float("nan")}), durable=durable)
        with pytest.raises(VocabularyError):
            store.append(a_draft("step.unheard"), durable=durable)
        store.append(a_draft(), durable=durable)
    assert store.verify("acme").records == 2
    assert store.verify("acme").outcome is Outcome.VERIFIED, "a refused record leaves no gap"


def test_the_flusher_brings_spooled_records_to_the_log_by_itself(store: Store, raw: Raw) -> None:
    store.append(a_draft(), durable=False)
    assert eventually(lambda: raw.execute("SELECT count(*) FROM audit_record").fetchone()[0] == 1)


IN_ANOTHERS_PLACE = (
    "INTO audit_record SELECT tenant, 1, prev, hash, body, 'w', 9, event, subject, run_id, at, rule"
    " FROM audit_record WHERE seq = 1"
)
WITH_ANOTHERS_NUMBER = (
    "INTO audit_record SELECT tenant, 9, prev, hash, body, writer, writer_seq, event, subject, run_id, at, rule"
    " FROM audit_record WHERE seq = 1"
)


@pytest.mark.covers("S4-29")
@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE audit_record SET subject = 'eve' WHERE seq = 1", "append-only"),
        ("UPDATE audit_record SET event = 'run.closed'", "append-only"),
        ("DELETE FROM audit_record", "append-only"),
        (f"INSERT OR REPLACE {IN_ANOTHERS_PLACE}", "append-only"),
        (f"INSERT OR REPLACE {WITH_ANOTHERS_NUMBER}", "append-only"),
        ("TRUNCATE audit_record", "append-only"),
        (f"INSERT {IN_ANOTHERS_PLACE}", "append-only|audit_record_pkey"),
        (f"INSERT {WITH_ANOTHERS_NUMBER}", "append-only|uq_audit_record_writer"),
        (f"INSERT {IN_ANOTHERS_PLACE} ON CONFLICT (tenant, seq) DO UPDATE SET at = 0", "append-only"),
    ],
)
def test_the_database_refuses_to_change_a_record(store: Store, raw: Raw, statement: str, says: str) -> None:
    for _ in range(3):
        store.append(a_draft(), durable=True)
    unknown = "OR REPLACE" if not raw.is_sqlite else "TRUNCATE"  # to the other kind of database
    with pytest.raises(REFUSALS, match="syntax error" if unknown in statement else says):
        raw.execute(statement)
    assert store.verify("acme").outcome is Outcome.VERIFIED


@pytest.mark.covers("S4-29")
def test_a_record_changed_past_the_triggers_is_found(store: Store, raw: Raw) -> None:
    for _ in range(5):
        store.append(a_draft(payload={"approved_by": "bob"}), durable=True)
    changed = "CAST(replace(CAST(body AS TEXT), 'bob', 'eve') AS BLOB)"
    if not raw.is_sqlite:
        changed = "convert_to(replace(convert_from(body, 'UTF8'), 'bob', 'eve'), 'UTF8')"
    raw.without_triggers("audit_record", f"UPDATE audit_record SET body = {changed} WHERE seq = 3")
    verdict = store.verify("acme")
    assert (verdict.outcome, verdict.seq, verdict.how) == (Outcome.TAMPERED, 3, How.ALTERED)


def test_records_cut_from_the_end_are_found(store: Store, raw: Raw) -> None:
    for _ in range(5):
        store.append(a_draft(), durable=True)
    raw.without_triggers("audit_record", "DELETE FROM audit_record WHERE seq > 2")
    verdict = store.verify("acme")
    assert (verdict.outcome, verdict.seq, verdict.how) == (Outcome.TAMPERED, 3, How.TRUNCATED)


def test_the_store_works_after_a_fork(url: str) -> None:
    with Store.open(url) as store:
        store.append(a_draft(payload={"in": "parent"}), durable=False)

        def child() -> None:
            store.append(a_draft(payload={"in": "child"}), durable=False)
            store.append(a_draft(payload={"in": "child"}), durable=True)
            store.append(a_draft(payload={"in": "child, left in its spool"}), durable=False)

        assert reaped(*[forked(child) for _ in range(3)]) == [0, 0, 0]
        store.append(a_draft(payload={"in": "parent"}), durable=True)
        verdict = store.verify("acme")
        assert (verdict.outcome, verdict.records) == (Outcome.VERIFIED, 2 + 3 * 3)


def test_a_store_in_memory_keeps_the_same_rules() -> None:
    with Store.memory() as store:
        assert store.append(a_draft(), durable=False).seq == 0
        assert store.append(a_draft(), durable=True).seq == 1
        assert store.verify("acme").outcome is Outcome.VERIFIED
        assert [entry.seq for entry in store.entries("acme")] == [0, 1]


def test_a_store_without_a_spool_commits_before_it_acknowledges(url: str, raw: Raw) -> None:
    with Store.open(url, direct=True) as store:
        assert store.append(a_draft(), durable=False).seq == 0
        assert raw.execute("SELECT count(*) FROM audit_record").fetchone()[0] == 1


def test_a_closed_store_acknowledges_nothing(url: str) -> None:
    store = Store.open(url)
    store.close()
    for durable in (False, True):
        with pytest.raises(StoreError, match="closed"):
            store.append(a_draft(), durable=durable)


def test_a_database_that_is_gone_acknowledges_nothing_durable(store: Store, raw: Raw) -> None:
    store.append(a_draft(), durable=True)
    raw.execute("DROP TABLE audit_head")
    with pytest.raises(StoreError, match="audit_head"):
        store.append(a_draft(), durable=True)


def test_our_tables_stay_out_of_an_applications_metadata() -> None:
    assert METADATA.tables
    assert not set(METADATA.tables) & set(SQLModel.metadata.tables)


def test_a_store_that_is_forgotten_lets_its_process_end(url: str) -> None:
    code = (
        "import sys; from datetime import datetime, UTC; from govflow.store import Store\n"
        "from govflow.audit.record import Draft\n"
        "store = Store.open(sys.argv[1])\n"
        "for _ in range(100): store.append(Draft('step.intent', 'acme', datetime.now(UTC)), durable=False)\n"
    )
    subprocess.run([sys.executable, "-c", code, url], check=True, timeout=240, env={**os.environ})
    with Store.open(url) as store:
        assert store.verify("acme").records == 100


def test_a_head_that_was_set_back_to_nothing_is_told(store: Store) -> None:
    store.append(a_draft(), durable=True)
    with store._writer.transaction() as transaction:
        run(transaction.connection, "UPDATE audit_head SET size=0, hash=?, peaks=?", (bytes(32), b""))
    with pytest.raises(StoreError, match="tampered"):
        store.append(a_draft(), durable=True)
