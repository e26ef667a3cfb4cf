"""What only a server has: connections that end, locks that wait, rights of users, an order of its own."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from govflow.audit.verify import Outcome
from govflow.errors import StoreError
from govflow.store import Store
from govflow.store.holds import Hold
from govflow.store.location import spool_folder
from govflow.store.postgres import WRITE_LOCK
from govflow.store.tables import METADATA
from tests.servers import SERVER, a_database, url_of
from tests.store.things import a_draft, eventually, forked, reaped

pytestmark = pytest.mark.once


@pytest.fixture
def store(postgresql_url: str) -> Iterator[Store]:
    with Store.open(postgresql_url) as opened:
        yield opened


@pytest.fixture
def owner(postgresql_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with closing(psycopg.connect(postgresql_url, autocommit=True)) as connection:
        yield connection


Owner = psycopg.Connection[tuple[object, ...]]


def end_all_others(owner: Owner) -> None:
    """As a restart of the server does."""
    owner.execute(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_connections_that_the_server_ended_are_made_again(store: Store, owner: Owner) -> None:
    store.append(a_draft(), durable=True)
    watch = store.watch()
    assert watch.moved()
    assert not watch.moved()
    end_all_others(owner)
    store.append(a_draft(), durable=True)
    assert watch.moved()
    end_all_others(owner)
    assert store.verify("acme").records == 2
    watch.close()


def test_a_transaction_whose_connection_ends_leaves_nothing(store: Store, owner: Owner) -> None:
    store.append(a_draft(), durable=True)

    def cut() -> None:
        with store._writer.transaction() as transaction:
            transaction.record(a_draft())
            end_all_others(owner)

    with pytest.raises(StoreError):
        cut()
    store.append(a_draft(), durable=True)
    verdict = store.verify("acme")
    assert (verdict.outcome, verdict.records) == (Outcome.VERIFIED, 2)


def test_a_hold_that_was_lost_with_its_connection_is_taken_again(store: Store, owner: Owner) -> None:
    assert store.holds.take("run-1", Hold.RUN)
    end_all_others(owner)
    assert store.holds.take("run-2", Hold.RUN)
    assert held_elsewhere(owner) == 2
    for run in ("run-1", "run-2"):
        store.holds.give_back(run, Hold.RUN)
    assert held_elsewhere(owner) == 0


def held_elsewhere(owner: Owner) -> int:
    [row] = owner.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return int(str(row[0]))


def test_one_process_holds_a_run_until_it_is_killed(postgresql_url: str, store: Store) -> None:
    reader, writer = os.pipe()

    def other() -> None:
        with Store.open(postgresql_url) as mine:
            os.write(writer, b"1" if mine.holds.take("run-1", Hold.RUN) else b"0")
            signal.pause()

    child = forked(other)
    assert os.read(reader, 1) == b"1"
    assert store.holds.is_held("run-1", Hold.RUN)
    assert not store.holds.take("run-1", Hold.RUN)
    assert not store.holds.is_held("run-1", Hold.QUESTION), "another part of it"
    os.kill(child, signal.SIGKILL)
    reaped(child)
    assert eventually(lambda: not store.holds.is_held("run-1", Hold.RUN), 60)
    assert store.holds.take("run-1", Hold.RUN)
    assert store.holds.take("run-1", Hold.RUN), "one process may hold it as often as it likes"
    store.holds.give_back("run-1", Hold.RUN)
    assert reaped(forked(lambda: refused(postgresql_url))) == [0]
    store.holds.give_back("run-1", Hold.RUN)


def refused(url: str) -> None:
    with Store.open(url) as mine:
        assert not mine.holds.take("run-1", Hold.RUN)


def test_writers_queue_for_the_advisory_lock(store: Store, owner: Owner) -> None:
    owner.execute(f"SELECT pg_advisory_lock({WRITE_LOCK})")
    writing = threading.Thread(target=lambda: store.append(a_draft(), durable=True))
    writing.start()
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    assert eventually(lambda: owner.execute(waiting).fetchone() == (1,), 60)
    assert store.head("acme").size == 0, "readers wait for nobody"
    owner.execute(f"SELECT pg_advisory_unlock({WRITE_LOCK})")
    writing.join(240)
    assert store.head("acme").size == 1


def test_a_commit_waits_for_the_disk_though_the_server_says_it_need_not(postgresql_url: str, owner: Owner) -> None:
    owner.execute(f"ALTER DATABASE {postgresql_url.rpartition('/')[2]} SET synchronous_commit = off")
    with Store.open(postgresql_url) as store, store._writer.transaction(durable=False) as transaction:
        shown = transaction.connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
    assert shown == "on"


def test_every_text_is_ordered_by_its_bytes(owner: Owner, store: Store) -> None:
    """A migration that adds a text column to PostgreSQL has to say so."""
    other = owner.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type IN ('text', 'character varying') AND collation_name IS DISTINCT FROM 'C'"
        " AND table_name = ANY(%s)",
        [list(METADATA.tables)],
    ).fetchall()
    assert other == []


def test_the_driver_of_the_url_does_not_matter(postgresql_url: str) -> None:
    """Prefect's own URL names asyncpg."""
    with Store.open(postgresql_url.replace("postgresql://", "postgresql+asyncpg://")) as store:
        store.append(a_draft(), durable=True)
    assert spool_folder("postgresql+asyncpg://a@h/d") == spool_folder("postgresql://b:secret@h:5432/d")
    assert spool_folder("postgresql://h/d") != spool_folder("postgresql://h/e")


def test_a_database_without_utf8_is_refused() -> None:
    with a_database() as name:
        odd = f"{name}_latin"
        with closing(psycopg.connect(f"{SERVER}/postgres", autocommit=True)) as connection:
            connection.execute(f"CREATE DATABASE {odd} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
            try:
                with pytest.raises(StoreError, match="LATIN1"):
                    Store.open(url_of(odd))
            finally:
                connection.execute(f"DROP DATABASE {odd} WITH (FORCE)")


def test_many_that_open_a_new_database_at_one_moment_all_get_it() -> None:
    with a_database() as name:

        def opens() -> None:
            with Store.open(url_of(name), direct=True) as store:
                store.append(a_draft(), durable=True)

        assert reaped(*[forked(opens) for _ in range(6)]) == [0] * 6
        with Store.open(url_of(name), direct=True) as store:
            assert store.verify("acme").records == 6


RIGHTS = """
GRANT USAGE ON SCHEMA public TO {user};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user};
REVOKE UPDATE, DELETE ON audit_record, permit, permit_revocation FROM {user};
REVOKE INSERT, UPDATE, DELETE ON audit_pruned, audit_pruned_writer FROM {user};
"""


def test_a_user_who_does_not_own_the_tables_can_work_and_cannot_rewrite_the_log(
    postgresql_url: str, store: Store, owner: Owner
) -> None:
    """Triggers stop mistakes; against the owner of the tables nothing does, so a flow need not be it."""
    user = f"govflow_runner_{os.getpid()}"
    store.append(a_draft(), durable=True)
    owner.execute(f"CREATE ROLE {user} LOGIN")
    try:
        owner.execute(RIGHTS.format(user=user))
        mine = postgresql_url.replace("postgres@", f"{user}@")
        with Store.open(mine) as limited:
            limited.append(a_draft(), durable=True)
            assert limited.verify("acme").records == 2
        with closing(psycopg.connect(mine, autocommit=True)) as raw:
            for statement in (
                "UPDATE audit_record SET event = 'x'",
                "DELETE FROM audit_record",
                "TRUNCATE audit_record",
                "ALTER TABLE audit_record DISABLE TRIGGER USER",
                "DROP TABLE audit_record",
                "INSERT INTO audit_pruned VALUES ('acme', 256, '', '', '')",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    raw.execute(statement)
    finally:
        owner.execute(f"DROP OWNED BY {user}; DROP ROLE {user}")
