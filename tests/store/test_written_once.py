"""Whatever is raised while threads share a transaction, at COMMIT or after it: no record is written a second time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from govflow.audit.body import parse_body
from govflow.audit.verify import Outcome
from govflow.errors import StoreError
from govflow.store import Store
from govflow.store.new_records import Unnumbered
from tests.store.things import a_draft, together

COUNT = 6


def after_commit(store: Store, monkeypatch: pytest.MonkeyPatch, fail: Callable[[], None], *, known: bool) -> None:
    """Have ``fail`` called when the shared transaction is committed: once the writer knows it, or before."""
    execute, spooled = store._db.execute, store._writer._commits._spooled
    commits: list[str] = []

    def executed(statement: str, parameters: Any = ()) -> Any:
        rows = execute(statement, parameters)
        if statement == "COMMIT":
            commits.append(statement)
            if len(commits) == 2 and not known:  # the first is of the transaction that keeps all of them waiting
                fail()
        return rows

    def forgotten(drained: int) -> None:
        spooled.forget(drained)
        if len(commits) == 2 and known:
            fail()

    monkeypatch.setattr(store._db, "execute", executed)
    monkeypatch.setattr(store._writer._commits, "_spooled", replace(spooled, forget=forgotten))


def raising(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def ends_of(store: Store) -> list[int | BaseException]:
    """What each thread that appended a record was told: the place of it, or an error."""
    ends = together(store, [a_draft(payload={"n": n}) for n in range(COUNT)])
    return [one.exception() or one.result().seq or 0 for one in ends]


def each_once(store: Store) -> None:
    numbers = [parse_body(entry.body)["payload"]["n"] for entry in store.entries("acme")]
    assert sorted(numbers) == list(range(COUNT)), "all in the log, and each of them once"
    assert store.verify("acme").outcome is Outcome.VERIFIED


@pytest.mark.parametrize("error", [RuntimeError("odd"), StoreError("odd")], ids=["other", "store"])
def test_an_error_after_commit_takes_nothing_back(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    after_commit(store, monkeypatch, raising(error), known=True)
    assert sorted(ends_of(store), key=str) == list(range(COUNT)), "each has its place: that is what became of it"
    each_once(store)


def test_an_error_at_commit_leaves_it_open_and_nothing_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_commit(store, monkeypatch, raising(RuntimeError("odd")), known=False)
    ends = ends_of(store)
    assert all(isinstance(one, StoreError) and "not known" in str(one) for one in ends), ends
    each_once(store)


def test_whoever_is_interrupted_after_commit_tells_the_others_their_places(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_commit(store, monkeypatch, raising(KeyboardInterrupt()), known=True)
    ends = ends_of(store)
    assert sum(isinstance(one, KeyboardInterrupt) for one in ends) == 1
    assert len({one for one in ends if isinstance(one, int)}) == COUNT - 1
    each_once(store)


def test_whoever_is_interrupted_twice_has_nothing_written_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    group = store._writer._together
    write = group._write

    def interrupted(taken: list[Any], *more: Any) -> None:
        write(taken, *more)
        for one in taken:
            one.ack = None  # as if it came before the first was told, ...
        taken.clear()  # ... and again before anybody was told that it had come
        raise KeyboardInterrupt

    monkeypatch.setattr(group, "_write", interrupted)
    ends = ends_of(store)
    assert sum(isinstance(one, KeyboardInterrupt) for one in ends) == 1
    assert sum(isinstance(one, StoreError) and "not known" in str(one) for one in ends) == COUNT - 1
    each_once(store)


def test_a_record_that_is_written_alone_is_not_written_again_either(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_commit(store, monkeypatch, raising(RuntimeError("odd")), known=True)
    numbered = store._writer._commits._numbered

    def picky(records: list[Unnumbered]) -> Any:
        if any(record.draft.subject == "bad" for record in records):
            raise TypeError("no record")
        return numbered(records)

    monkeypatch.setattr(store._writer._commits, "_numbered", picky)
    ends = together(store, [a_draft(subject="bad"), *(a_draft(payload={"n": n}) for n in range(COUNT))])
    assert [type(one.exception()).__name__ for one in ends] == ["TypeError", *["NoneType"] * COUNT]
    each_once(store)


def test_what_a_coroutine_waits_for_and_may_be_written_is_not_written_again(store: Store) -> None:
    group = store._writer._together

    async def wait() -> None:
        with group._writing:
            drafts = [a_draft(payload={"n": n}) for n in (*range(COUNT), -1)]
            *others, waits = [asyncio.create_task(store.aappend(draft)) for draft in drafts]
            await asyncio.sleep(0)
            group._queue[-1].tried = True  # it was put back after somebody was interrupted twice
        await asyncio.gather(*others)
        with pytest.raises(StoreError, match="not known"):
            await asyncio.wait_for(waits, 60)

    asyncio.run(wait())
    each_once(store)
