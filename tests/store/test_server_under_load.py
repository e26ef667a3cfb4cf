"""A server that ends connections, and a line that is cut, while threads write: what was acknowledged is there once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from govflow.audit.verify import Outcome
from govflow.errors import StoreError
from govflow.store import Store
from tests.cut_line import CutLine
from tests.store.things import a_draft, eventually

THREADS = 8
TIMES = 12

pytestmark = pytest.mark.once
Record = tuple[int, int]


class Writers:
    """Threads that write durable records until they are told to end, and what each record's thread was told."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._end = threading.Event()
        self.acknowledged: list[Record] = []
        self.refused: list[Record] = []
        self._threads = [threading.Thread(target=self._write, args=(who,)) for who in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def _write(self, who: int) -> None:
        n = 0
        while not self._end.is_set():
            try:
                self._store.append(a_draft(payload={"who": who, "n": n}), durable=True)
            except StoreError:
                self.refused.append((who, n))
            else:
                self.acknowledged.append((who, n))
            n += 1

    def go_on(self) -> bool:
        """Whether each thread has had a record acknowledged after now."""
        before = len(self.acknowledged)
        return eventually(lambda: len({who for who, _ in self.acknowledged[before:]}) == THREADS, 60)

    def ended(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


def played(store: Store, trouble: Callable[[Writers], object]) -> Writers:
    """Writers that meet the trouble again and again, and go on after each."""
    writers = Writers(store)
    try:
        for _ in range(TIMES):
            assert writers.go_on()
            trouble(writers)
        assert writers.go_on()
    finally:
        writers.ended()
    return writers


def each_acknowledged_is_there_once(store: Store, writers: Writers) -> None:
    payloads = [json.loads(entry.body)["payload"] for entry in store.entries("acme")]
    found = Counter((payload["who"], payload["n"]) for payload in payloads)
    assert set(found.values()) == {1}
    assert found.keys() >= set(writers.acknowledged)
    assert found.keys() <= {*writers.acknowledged, *writers.refused}
    verdict = store.verify("acme")
    assert (verdict.outcome, verdict.records) == (Outcome.VERIFIED, len(found))


def test_a_server_that_ends_connections_under_load(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = 0
    in_the_midst: list[StoreError] = []

    def end_all(_writers: Writers) -> None:
        nonlocal ended
        rows = owner.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
        ended += sum(bool(row[0]) for row in rows)

    with closing(psycopg.connect(postgresql_url, autocommit=True)) as owner, Store.open(postgresql_url) as store:
        append = store._db.append_at_once

        def seen(*arguments: Any) -> bool:
            try:
                return append(*arguments)
            except StoreError as error:
                in_the_midst.append(error)
                raise

        monkeypatch.setattr(store._db, "append_at_once", seen)
        writers = played(store, end_all)
        each_acknowledged_is_there_once(store, writers)
    assert ended >= TIMES
    assert in_the_midst, "some were in the midst of a statement"


def test_a_line_that_is_cut_under_load(postgresql_url: str) -> None:
    with CutLine(postgresql_url) as line:

        def cut(writers: Writers) -> None:
            line.cut()
            before = len(writers.refused)
            assert eventually(lambda: len(writers.refused) >= before + THREADS, 60), "nobody can write"
            line.mend()

        with Store.open(line.url) as store:
            writers = played(store, cut)
            each_acknowledged_is_there_once(store, writers)
        assert line.passed > TIMES
