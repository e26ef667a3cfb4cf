"""What a page of the inbox costs where there are 100,000 requests: each view, each filter, a search, and deep in.

On SQLite, and on PostgreSQL where a server answers at GOVFLOW__POSTGRESQL, ``postgresql://postgres@127.0.0.1:5432``
where nothing is said. Twice for each: with requests in every state, and with all of them pending. The requests are
inserted in bulk, as their rows are, with documents of the usual size.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, insert, text

from benchmarks.report import Result

REQUESTS = 100_000
TIMES = 40
GOAL_MS = 50.0
_SERVER = "postgresql://postgres@127.0.0.1:5432"
_TENANT = "acme"
_START = 1_750_000_000_000_000  # microseconds since the epoch
_HOUR = 3_600_000_000
_STATES = ("exercised", "approved", "denied", "expired", "revoked", "voided", "pending")
_SHARES = (70, 2, 8, 10, 3, 2, 5)
_SOME = 2_000  # rows in one statement


def run(requests: int = REQUESTS) -> list[Result]:
    """Measure both databases, with requests in every state and with pending ones only."""
    results = []
    for what, pending in (("every state", False), ("all pending", True)):
        results += _on_sqlite(requests, what, pending)
        results += _on_postgresql(requests, what, pending)
    return results


def _on_sqlite(requests: int, what: str, pending: bool) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/govflow.db"
        return _on(url, f"SQLite, {requests:,} requests, {what}", requests, pending)


def _on_postgresql(requests: int, what: str, pending: bool) -> list[Result]:
    import psycopg

    server = os.environ.get("GOVFLOW__POSTGRESQL", _SERVER)
    name = f"govflow_bench_{os.getpid()}"
    try:
        owner = psycopg.connect(f"{server}/postgres", autocommit=True)
    except psycopg.OperationalError as error:
        print(f"no PostgreSQL at {server}: {error}", file=sys.stderr)
        return []
    with closing(owner):
        owner.execute(f"CREATE DATABASE {name}")
        try:
            url = f"{server}/{name}"
            return _on(url, f"PostgreSQL, {requests:,} requests, {what}", requests, pending)
        finally:
            owner.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _on(url: str, where: str, requests: int, pending: bool) -> list[Result]:
    from govflow.store.location import open_database

    with closing(open_database(url)) as database:
        with database.transaction(durable=False) as connection:
            fill(connection, requests, pending=pending)
        with database.reading() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("VACUUM ANALYZE"))  # as autovacuum does a minute later
            return _measured(connection, where, requests)


def _measured(connection: Connection, where: str, requests: int) -> list[Result]:
    results = []
    for what, look in _looks(connection, requests):
        rows = look()  # plans are made, pages are cached
        took = []
        for _ in range(TIMES):
            start = time.perf_counter()
            look()
            took.append((time.perf_counter() - start) * 1000)
        p95 = statistics.quantiles(took, n=20)[-1]
        detail = {"p50_ms": round(statistics.median(took), 2), "longest_ms": round(max(took), 2), "rows": rows}
        results.append(Result(f"{where}: {what}, p95", p95, "ms", GOAL_MS, detail=detail))
    return results


def _looks(connection: Connection, requests: int) -> Iterator[tuple[str, Callable[[], int]]]:
    from govflow.approval.models import RequestState
    from govflow.store.inbox import counts_of, page_of
    from govflow.store.inbox_members import Right

    bob: dict[str, Any] = {"selectors": frozenset({"user:bob", "role:owner", "role:reviewer"}), "person": "bob"}
    rita: dict[str, Any] = {
        "selectors": frozenset({"user:rita", "role:owner"}),
        "person": "rita",
    }  # asked for every second one
    by_dora = (Right(frozenset({"user:dora", "role:security"}), "dora"),)

    def page(**asked: Any) -> Callable[[], int]:
        return lambda: len(page_of(connection, _TENANT, **{**bob, **asked}).rows)

    middle = requests // 2
    for view in ("mine", "all", "decided"):
        yield view, page(view=view)
        yield f"{view}, deep", page(view=view, before=middle)
        yield f"{view}, search that finds all", page(view=view, search="Flights")
        yield f"{view}, search that finds one", page(view=view, search=f"run-{requests // 7:08}")
        yield f"{view}, search that finds nothing", page(view=view, search="no_such%thing")
        yield f"{view}, tier of one in a thousand", page(view=view, tier=3)
        yield f"{view}, one flow", page(view=view, flow="flights-17")
    yield "mine, of who requested every second one", page(**rita)
    yield "mine, with a delegation", page(through=by_dora)
    yield "all, one state", page(view="all", state=RequestState.PENDING)
    yield "all, one state and a search that finds nothing", page(view="all", state=RequestState.PENDING, search="zzz")
    yield (
        "all, a state that is rare and a search that finds all",
        page(view="all", state=RequestState.APPROVED, search="flights"),
    )
    yield "counts of the tabs", lambda: len(counts_of(connection, _TENANT, **bob))


def fill(connection: Connection, requests: int, *, pending: bool) -> None:
    """Insert so many requests of one tenant, with listings, selectors, and a vote for each tenth."""
    from govflow.store import tables

    chance = random.Random(7)
    states = ["pending"] * requests if pending else chance.choices(_STATES, _SHARES, k=requests)
    for start in range(0, requests, _SOME):
        numbers = range(start, min(start + _SOME, requests))
        rows = [_request(number, states[number]) for number in numbers]
        connection.execute(insert(tables.APPROVAL_REQUEST), rows)
        connection.execute(insert(tables.APPROVAL_LISTING), [_listing(row) for row in rows])
        asked = [one for row in rows if row["state"] == "pending" for one in _selectors(row)]
        if asked:
            connection.execute(insert(tables.APPROVAL_SELECTOR), asked)
        connection.execute(insert(tables.APPROVAL_VOTE), [_vote(row) for row in rows[::10]])


def _request(number: int, state: str) -> dict[str, Any]:
    opened = _START + number * 1_000_000
    digest = "sha256:" + f"{number:064x}"
    return {
        "request_id": f"req-{number:08}",
        "ordinal": number,
        "tenant": _TENANT,
        "flow": f"flights-{number % 40}",
        "run_id": f"run-{number // 3:08}",
        "step_id": f"flights-{number % 40}/delete_old_rows#0",
        "map_index": number % 3,
        "ir_hash": digest,
        "policy_digest": digest,
        "parameters_digest": digest,
        "document": '{"summary": {"shown": "' + "x" * 2500 + '"}}',
        "expires_at": opened + _HOUR,
        "state": state,
        "state_at": opened,
        "requester": "rita" if number % 2 else "sam",
        "tier": 3 if number % 1000 == 0 else 2,
        "rule": "two-owners",
    }


def _listing(row: dict[str, Any]) -> dict[str, Any]:
    shown = {"action": "data:delete", "resource": f"dataset://acme/warehouse/{row['flow']}/{row['ordinal'] % 977}"}
    words = (row["flow"], row["step_id"], row["run_id"], row["requester"], *shown.values())
    same = {name: row[name] for name in ("tenant", "ordinal", "request_id", "flow", "tier", "rule")}
    search = " ".join(words)
    return {**same, **shown, "barred": f"\n{row['requester']}\n", "search": search, "created_at": row["state_at"]}


def _selectors(row: dict[str, Any]) -> list[dict[str, Any]]:
    same = {name: row[name] for name in ("tenant", "ordinal", "request_id")}
    number = row["ordinal"]
    names = ["role:owner", "role:security" if number % 50 == 0 else "role:reviewer"]
    return [{**same, "selector": name} for name in [*names, *(["*"] if number % 500 == 0 else [])]]


def _vote(row: dict[str, Any]) -> dict[str, Any]:
    said = {"principal": "bob", "ordinal": 0, "assurance": "benchmark", "decision": "approve", "reason": ""}
    return {"request_id": row["request_id"], "at": row["state_at"], **said}
