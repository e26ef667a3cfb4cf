"""Threads that wait for durable records share transactions, and each is told what became of its own record."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from govflow.audit.body import parse_body
from govflow.audit.record import Draft
from govflow.audit.verify import Outcome
from govflow.errors import CanonicalError, StoreError, UnusableText
from govflow.store import Store
from govflow.store.new_records import Unnumbered
from tests.store.things import a_draft, eventually, together

MANY = 24


class Counted:
    """How many transactions a store began, all of them with the write lock."""

    def __init__(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, before: Callable[[int], None] = lambda number: None
    ) -> None:
        self.count = 0
        begin = store._db._begin

        def counting(durable: bool) -> None:
            self.count += 1
            before(self.count)
            begin(durable)

        monkeypatch.setattr(store._db, "_begin", counting)


def test_records_that_wait_at_once_share_a_transaction(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(store, monkeypatch)
    acks = [one.result() for one in together(store, [a_draft(payload={"n": n}) for n in range(MANY)])]
    assert counted.count == 2, "the one that kept them waiting, and one for all of them"
    assert all(ack.durable for ack in acks)
    entries = list(store.entries("acme"))
    for number, ack in enumerate(acks):
        assert ack.seq is not None
        assert parse_body(entries[ack.seq].body)["payload"] == {"n": number}, "each thread has the place of its own"
    assert sorted(ack.writer_seq for ack in acks) == list(range(MANY))
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_each_thread_sees_its_own_records_in_order(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:

        def write(who: int) -> list[int]:
            drafts = [a_draft(subject=f"s{who}", payload={"n": n}) for n in range(20)]
            return [store.append(draft, durable=True).seq or 0 for draft in drafts]

        places = list(pool.map(write, range(8)))
    assert all(a < b for of_one in places for a, b in pairwise(of_one))
    assert sorted(place for of_one in places for place in of_one) == list(range(160))
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_what_is_no_record_is_refused_before_anybody_waits_for_it(store: Store) -> None:
    bad = a_draft(payload={"n": float("nan")})
    late = Draft("step.intent", "acme", datetime(2026, 1, 1))  # noqa: DTZ001 - a time that no record can have
    nul = a_draft(subject="ada\0")
    for draft, error in ((bad, CanonicalError), (late, ValueError), (nul, UnusableText)):
        with pytest.raises(error):
            store.append(draft, durable=True)
        with pytest.raises(error):
            store.append(draft, durable=False)
        with pytest.raises(error):
            asyncio.run(store.aappend(draft))
    assert not store._writer._together._queue
    assert store.append(a_draft(), durable=True).seq == 0
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_a_log_whose_head_is_broken_stops_no_other(store: Store) -> None:
    for tenant in ("acme", "globex"):
        store.append(a_draft(tenant=tenant), durable=True)
    with store._writer.transaction() as at:
        at.connection.exec_driver_sql("UPDATE audit_head SET size = 77 WHERE tenant = 'acme'")
    futures = together(store, [a_draft(tenant=tenant) for tenant in ("acme", "globex", "acme", "globex")])
    told = [one.exception() for one in futures]
    assert [type(one) for one in told] == [StoreError, type(None), StoreError, type(None)]
    assert told[0] is not told[2], "a traceback belongs to one thread"


def test_a_database_that_refuses_is_told_to_all_and_the_next_try_works(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = True

    def before(number: int) -> None:
        if refuse and number > 1:
            raise StoreError("no", mend="later", details={"a": 1})

    Counted(store, monkeypatch, before)
    for one in together(store, [a_draft() for _ in range(5)]):
        with pytest.raises(StoreError, match="no") as told:
            one.result()
        assert (told.value.mend, told.value.details) == ("later", {"a": 1})
    refuse = False
    assert store.append(a_draft(), durable=True).seq == 0


def test_whoever_is_interrupted_while_writing_leaves_nobody_waiting(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def before(number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    Counted(store, monkeypatch, before)
    ends = [one.exception() for one in together(store, [a_draft() for _ in range(6)])]
    assert [type(one) for one in ends].count(KeyboardInterrupt) == 1
    assert ends.count(None) == 5
    assert store.head("acme").size == 5


def test_whoever_is_interrupted_after_taking_others_records_leaves_them_to_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = store._writer._commits
    numbered = commits._numbered
    once = threading.Event()

    def interrupted(records: list[Unnumbered]) -> Any:
        if len(records) > 1 and not once.is_set():
            once.set()
            raise KeyboardInterrupt
        return numbered(records)

    monkeypatch.setattr(commits, "_numbered", interrupted)
    ends = [one.exception() for one in together(store, [a_draft() for _ in range(6)])]
    assert [type(one) for one in ends].count(KeyboardInterrupt) == 1
    assert ends.count(None) == 5, "nothing had happened to theirs"
    assert store.append(a_draft(), durable=True).seq == 5
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_whoever_nobody_roused_looks_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    group = store._writer._together
    monkeypatch.setattr(group, "_rouse_next", lambda: None)  # as if it was interrupted right there
    with ThreadPoolExecutor(2) as pool, group._writing:
        waits = pool.submit(store.append, a_draft(), durable=True)
        assert eventually(lambda: len(group._queue) == 1)
        group._writing.release()
        try:
            assert waits.result(timeout=60).seq == 0
        finally:
            group._writing.acquire()


def test_a_thread_inside_a_transaction_is_refused_whoever_writes_meanwhile(store: Store) -> None:
    with ThreadPoolExecutor(1) as pool:
        with store._writer.transaction():
            other = pool.submit(store.append, a_draft(), durable=True)
            assert eventually(lambda: len(store._writer._together._queue) == 1)
            with pytest.raises(RuntimeError, match="open in this thread already"):
                store.append(a_draft(), durable=True)
        assert other.result().seq == 0


def test_what_was_taken_and_never_written_is_written_by_its_own_thread(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = store._writer._together
    with ThreadPoolExecutor(1) as pool, group._writing:
        waits = pool.submit(store.append, a_draft(), durable=True)
        assert eventually(lambda: len(group._queue) == 1)
        group._queue.clear()  # as by somebody who was interrupted right then
        group._writing.release()
        try:
            assert waits.result(timeout=60).seq == 0
        finally:
            group._writing.acquire()
