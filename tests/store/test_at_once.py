"""PostgreSQL: durable records go in one statement; where that fails or is not known, none is lost or there twice."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from govflow.audit.body import parse_body
from govflow.audit.record import Draft
from govflow.audit.verify import Outcome
from govflow.errors import StoreError
from govflow.store import Store, postgres, postgres_append
from tests.store.things import a_draft


class Statements:
    """What a store has run: how often it began a transaction, and how often it wrote at once, and so succeeded."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.transactions = 0
        self.tried = 0
        self.at_once = 0
        begin, append = store._db._begin, store._db.append_at_once

        def begun(durable: bool) -> None:
            self.transactions += 1
            begin(durable)

        def appended(*arguments: Any) -> bool:
            self.tried += 1
            done = append(*arguments)
            self.at_once += done
            return done

        monkeypatch.setattr(store._db, "_begin", begun)
        monkeypatch.setattr(store._db, "append_at_once", appended)

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.transactions, self.tried, self.at_once


@pytest.fixture
def written(postgresql_url: str) -> Any:
    """A store whose process knows where the log ends, and keeps what it spools."""
    with Store.open(postgresql_url) as store:
        store._writer._interval = 60.0
        store.append(a_draft(payload={"n": 0}), durable=True)
        yield store


def numbers(store: Store) -> list[int]:
    assert store.verify("acme").outcome is Outcome.VERIFIED
    return [parse_body(entry.body)["payload"]["n"] for entry in store.entries("acme")]


def numbered(number: int, **about: Any) -> Draft:
    return a_draft(payload={"n": number}, **about)


def test_what_nothing_stands_against_goes_in_one_statement(written: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Statements(written, monkeypatch)
    written.append(numbered(1), durable=False)
    ack = written.append(numbered(2, values={"name": "Ada"}), durable=True)
    assert seen.counts == (0, 1, 1)
    assert (ack.seq, ack.durable) == (2, True)
    assert [one.value for one in written.values.get(ack.writer, ack.writer_seq).values()] == ["Ada"]
    assert numbers(written) == [0, 1, 2], "behind what was spooled before"
    assert not written._writer._pending


def test_where_another_has_written_the_new_end_is_looked_up(
    written: Store, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Statements(written, monkeypatch)
    with Store.open(postgresql_url) as other:
        other.append(numbered(1), durable=True)
    assert written.append(numbered(2), durable=True).seq == 2
    assert seen.counts == (1, 1, 0)
    assert written.append(numbered(3), durable=True).seq == 3
    assert seen.counts == (2, 1, 0), "others write: it is not tried"
    assert written.append(numbered(4), durable=True).seq == 4
    assert seen.counts == (2, 2, 1), "nobody did since the last time"
    assert numbers(written) == [0, 1, 2, 3, 4]


def test_where_another_has_the_write_lock_it_is_waited_for(written: Store, postgresql_url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from tests.store.things import eventually

    waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM"
    waiting += " pg_database WHERE datname = current_database())"
    with ThreadPoolExecutor(1) as pool, psycopg.connect(postgresql_url, autocommit=True) as look:
        with Store.open(postgresql_url) as other, other._writer.transaction() as at:
            at.record(numbered(1))
            append = pool.submit(written.append, numbered(2), durable=True)
            assert eventually(lambda: look.execute(waiting).fetchone() is not None)
        assert append.result().seq == 2
    assert numbers(written) == [0, 1, 2]


def test_a_spool_that_another_has_brought_to_the_log_is_not_brought_again(written: Store, postgresql_url: str) -> None:
    written.append(numbered(1), durable=False)
    with Store.open(postgresql_url) as other:
        assert other.head("acme").size == 2, "it has read the spool of a living process"
    written.append(numbered(2), durable=True)
    assert numbers(written) == [0, 1, 2]


def test_a_connection_that_was_ended_while_idle_is_opened_anew(written: Store, postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url, autocommit=True) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'govflow' AND datname = current_database()"
        )
    assert written.append(numbered(1), durable=True).seq == 1
    assert numbers(written) == [0, 1]


@pytest.mark.parametrize("before", [True, False], ids=["before it was done", "after it was done"])
def test_a_connection_that_broke_meanwhile_has_nothing_written_twice(
    written: Store, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    append = postgres_append.append
    broken: list[bool] = []

    def breaking(raw: psycopg.Connection[Any], *rest: Any) -> bool:
        if broken:
            return append(raw, *rest)
        broken.append(True)
        if not before:
            append(raw, *rest)
        raw.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(postgres_append, "append", breaking)
    written.append(numbered(1), durable=False)
    ack = written.append(numbered(2), durable=True)
    assert ack.seq == 2
    assert written.append(numbered(3), durable=True).seq == 3
    assert written.append(numbered(4), durable=True).writer_seq == ack.writer_seq + 2, "no number is left out"
    assert numbers(written) == [0, 1, 2, 3, 4]


def test_whoever_cannot_know_says_so(written: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    append = postgres_append.append

    def broken(raw: psycopg.Connection[Any], *rest: Any) -> bool:
        append(raw, *rest)
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    def away(durable: bool) -> None:
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(postgres_append, "append", broken)
    with monkeypatch.context() as down:
        down.setattr(written._db, "_begin", away)
        with pytest.raises(StoreError):
            written.append(numbered(1), durable=True)
    monkeypatch.setattr(postgres_append, "append", append)
    written.append(numbered(2), durable=True)
    assert numbers(written) == [0, 1, 2], "it was there; and no number of the stream is missing, or there twice"


def test_what_interrupts_it_leaves_no_gap(written: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    append = postgres_append.append

    def interrupted(*arguments: Any) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(postgres_append, "append", interrupted)
    with pytest.raises(KeyboardInterrupt):
        written.append(numbered(1), durable=True)
    monkeypatch.setattr(postgres_append, "append", append)
    written.append(numbered(2), durable=True)
    assert numbers(written) == [0, 2]


def test_what_the_server_refuses_is_told_and_leaves_no_gap(written: Store, postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE audit_record ADD CONSTRAINT none CHECK (subject <> 'nobody')")
        with pytest.raises(StoreError, match="none"):
            written.append(numbered(1, subject="nobody"), durable=True)
        owner.execute("ALTER TABLE audit_record DROP CONSTRAINT none")
    written.append(numbered(2), durable=True)
    assert numbers(written) == [0, 2]


def test_a_table_that_somebody_keeps_locked_is_not_waited_for_for_ever(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_BEGIN", postgres._BEGIN.replace(str(postgres.LOCK_WAIT_MS), "200"))
    monkeypatch.setattr(postgres, "LOCK_WAIT_MS", 200)
    with Store.open(postgresql_url) as store:
        store.append(numbered(0), durable=True)
        with psycopg.connect(postgresql_url) as owner:
            owner.execute("LOCK TABLE audit_record")
            with pytest.raises(StoreError, match="lock timeout"):
                store.append(numbered(1), durable=True)
        store.append(numbered(2), durable=True)
        assert numbers(store) == [0, 2]


def test_peaks_that_somebody_changed_are_not_written_over(written: Store, postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url, autocommit=True) as owner:
        owner.execute("UPDATE audit_head SET peaks = ''")
    with pytest.raises(StoreError, match="tampered"):
        written.append(numbered(1), durable=True)


def test_it_waits_for_the_disk_whatever_the_server_was_told(written: Store, postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url, autocommit=True) as owner:
        name = owner.info.dbname
        owner.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        owner.execute(
            "CREATE FUNCTION lazy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF current_setting('synchronous_commit') = 'off' THEN RAISE EXCEPTION 'lazy'; END IF; RETURN NEW; END $$"
        )
        owner.execute("CREATE TRIGGER lazy AFTER INSERT ON audit_record FOR EACH ROW EXECUTE FUNCTION lazy()")
    with Store.open(postgresql_url) as store:
        with store._db.reading() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "off", "else it shows nothing"
        store.append(numbered(1), durable=True)
        store.append(numbered(2), durable=True)
        assert numbers(store) == [0, 1, 2]
