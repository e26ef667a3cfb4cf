"""Asking a log: how long a page of records takes by run, subject, rule, event and time.

The log is written by the store's own writer first; what a record cost then is printed at several sizes, so that growth
shows. On SQLite, and on PostgreSQL where a server answers.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

from sqlalchemy import text

from benchmarks.audit_records import BEGAN, OF_A_RUN, PEOPLE, RULES, TENANT, draft
from benchmarks.databases import postgresql, sqlite
from benchmarks.report import Result
from govflow.store import Store
from govflow.store.audit_search import Wanted

RECORDS = 1_000_000
GOAL_MS = 50.0
LOOKS = 100
_BATCH = 1_000


def run(records: int = RECORDS) -> list[Result]:
    """Grow logs to so many records, and ask them."""
    with sqlite() as url:
        results = _on(url, "SQLite", records)
    with postgresql() as server:
        return results + (_on(server, "PostgreSQL", records) if server else [])


def _on(url: str, name: str, records: int) -> list[Result]:
    with closing(Store.open(url)) as store:
        grown = [_grown(store, name, size) for size in (records // 100, records // 10, records)]
        if name != "SQLite":  # what the server does by itself within minutes
            with store._writer.transaction() as transaction:
                transaction.connection.execute(text("ANALYZE audit_record"))
        return grown + _asked(store, name, records)


def _grown(store: Store, name: str, size: int) -> Result:
    """Bring the log to this size; what each of the last tenth of its records cost."""
    began, counted = time.perf_counter(), store.head(TENANT).size
    for start in range(counted, size, _BATCH):
        if start <= size - size // 10 < start + _BATCH:
            began, counted = time.perf_counter(), start
        with store._writer.transaction(durable=False) as transaction:
            for number in range(start, min(start + _BATCH, size)):
                transaction.record(draft(number))
    each = (time.perf_counter() - began) / max(size - counted, 1) * 1e6
    return Result(f"{name}: write a record, in batches, log of {size:,}", each, "us", detail={"batch": _BATCH})


def _asked(store: Store, name: str, records: int) -> list[Result]:
    draw = random.Random(1)

    def at() -> timedelta:
        return timedelta(seconds=draw.randrange(records))

    kinds: dict[str, Callable[[], Wanted]] = {
        "run": lambda: Wanted(run_id=f"run-{draw.randrange(records // OF_A_RUN)}"),
        "subject": lambda: Wanted(subject=f"person-{draw.randrange(PEOPLE)}"),
        "a subject that is not there": lambda: Wanted(subject="nobody"),
        "rule": lambda: Wanted(rule=f"rule-{draw.randrange(RULES)}"),
        "a rule that is not there": lambda: Wanted(rule="none"),
        "event": lambda: Wanted(event="approval.vote"),
        "events that begin alike": lambda: Wanted(event="approval."),
        "events that begin alike and are not there": lambda: Wanted(event="plan."),
        "time": lambda: Wanted(until=BEGAN + at()),
        "run and event": lambda: Wanted(run_id=f"run-{draw.randrange(records // OF_A_RUN)}", event="run.closed"),
        "an hour and subject": lambda: _hour(at(), f"person-{draw.randrange(PEOPLE)}"),
    }
    return [_looks(store, f"{name}: a page of 50 by {kind}, p95", wanted, records) for kind, wanted in kinds.items()]


def _hour(start: timedelta, subject: str) -> Wanted:
    return Wanted(subject=subject, since=BEGAN + start, until=BEGAN + start + timedelta(hours=1))


def _looks(store: Store, metric: str, wanted: Callable[[], Wanted], records: int) -> Result:
    took = []
    for _ in range(LOOKS):
        one = wanted()
        began = time.perf_counter()
        store.audit_search.page(TENANT, one, before=None, limit=50)
        took.append((time.perf_counter() - began) * 1e3)
    took.sort()
    detail = {"records": records, "looks": LOOKS, "median": round(took[LOOKS // 2], 3), "longest": round(took[-1], 3)}
    return Result(metric, took[int(LOOKS * 0.95) - 1], "ms", GOAL_MS, detail=detail)
