"""Looking for records: what is found is what a walk over the whole log would find, page by page, on every database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from govflow.store import Store, audit_search
from govflow.store.audit_search import Wanted
from tests.store.things import NOW, a_draft

EVENTS = ("step.intent", "step.outcome", "run.opened")
PEOPLE = ("rita", "bob", "carol")
RULES = (None, "low", "high")
TIMES = (None, NOW + timedelta(seconds=7), NOW + timedelta(seconds=23))


def grown(store: Store, tenant: str = "acme", count: int = 60) -> None:
    for n in range(count):
        rule = RULES[n % 3]
        draft = a_draft(
            EVENTS[n % 3 if n % 5 else 0],
            tenant,
            at=NOW + timedelta(seconds=(n * 17) % 31),  # a record of a spool comes after others of its time
            subject=PEOPLE[n % 4 % 3],
            run_id=f"run-{n // 10}" if n % 7 else None,
            payload={"n": n} | ({"rule": rule} if rule else {"rule": 5} if n % 2 else {}),
        )
        store.append(draft, durable=False)
    store.flush()


def walked(store: Store, wanted: Wanted, tenant: str = "acme") -> list[int]:
    """What is wanted, by reading all of it."""
    found = []
    for entry in store.entries(tenant):
        body = json.loads(entry.body)
        at = datetime.fromisoformat(body["at"])
        fits = (
            wanted.run_id in (None, body.get("run_id"))
            and wanted.subject in (None, body["subject"])
            and (wanted.event in (None, body["event"]) or (wanted.event == "step." and body["event"][:5] == "step."))
            and (wanted.rule is None or wanted.rule == body["payload"].get("rule"))
            and (wanted.since is None or at >= wanted.since)
            and (wanted.until is None or at < wanted.until)
        )
        if fits:
            found.append((at if wanted.by_time else NOW, entry.seq))
    return [seq for _, seq in sorted(found, reverse=True)]


def paged(store: Store, wanted: Wanted, limit: int) -> Iterator[int]:
    before = None
    while True:
        page = store.audit_search.page("acme", wanted, before=before, limit=limit)
        assert len(page.entries) <= limit
        yield from (entry.seq for entry in page.entries)
        if page.next is None:
            return
        before = page.next


@pytest.mark.parametrize("looked", [5, 20_000])
def test_a_search_finds_what_a_walk_finds(store: Store, monkeypatch: pytest.MonkeyPatch, looked: int) -> None:
    monkeypatch.setattr(audit_search, "LOOKED", looked)
    grown(store)
    grown(store, "globex", 10)
    several = product((None, "run-2"), (None, "rita", "nobody"), (None, "step.intent", "step."), RULES, TIMES, TIMES)
    for number, (run_id, subject, event, rule, since, until) in enumerate(several):
        wanted = Wanted(run_id, subject, event, since, until, rule)
        assert list(paged(store, wanted, 1 + number % 9)) == walked(store, wanted), wanted


def test_a_place_that_no_page_named_has_nothing_behind_it_where_times_are_asked_for(store: Store) -> None:
    grown(store, count=3)
    assert store.audit_search.page("acme", Wanted(since=NOW), before=77, limit=5).entries == ()
    late = store.audit_search.page("acme", Wanted(until=NOW + timedelta(seconds=17)), before=1, limit=5)
    assert [entry.seq for entry in late.entries] == [2, 0], "the place is later than all that is wanted"


@pytest.mark.covers("S2-096")
def test_sqlite_finds_by_an_index_where_there_is_one(sqlite_url: str) -> None:
    for column in ("run_id", "subject", "event", "rule"):
        statement = f"SELECT body FROM audit_record WHERE tenant='a' AND {column}='x' ORDER BY seq DESC LIMIT 9"
        with Store.open(sqlite_url) as store, store._db.reading() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
        assert [row[3] for row in plan] == [
            f"SEARCH audit_record USING INDEX ix_audit_record_{column.removesuffix('_id')} ({column}=? AND tenant=?)"
        ]


def test_records_that_were_there_before_have_their_rule(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, text

    import govflow.store

    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(govflow.store.__file__).with_name("migrations")))
        config.attributes["connection"] = connection
        command.upgrade(config, "0009")
        bodies = [b'{"payload":{"rule":"low"}}', b'{"payload":{}}', b"no record", b'{"payload":{"rule":7}}']
        for seq, body in enumerate(bodies):
            row = {"seq": seq, "body": body}
            connection.execute(
                text(
                    "INSERT INTO audit_record VALUES ('acme', :seq, x'00', x'00', :body, 'w', :seq, 'e', 's', 'r', 1)"
                ),
                row,
            )
        connection.commit()
    engine.dispose()
    with Store.open(f"sqlite:///{tmp_path / 'old.db'}") as store, store._db.reading() as connection:
        rules = connection.exec_driver_sql("SELECT rule FROM audit_record ORDER BY seq").scalars().all()
        assert rules == ["low", None, None, None]
        with pytest.raises(Exception, match="append-only"):
            connection.exec_driver_sql("UPDATE audit_record SET rule = 'x'")
