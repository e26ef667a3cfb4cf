"""Coroutines that wait for durable records share transactions, with each other and with threads."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from govflow.audit.body import parse_body
from govflow.audit.record import Ack, Draft
from govflow.audit.verify import Outcome
from govflow.errors import StoreError
from govflow.store import Store
from tests.store.test_group_commit import Counted
from tests.store.things import a_draft, eventually

MANY = 24


async def awaited(store: Store, drafts: list[Draft]) -> list[Ack | BaseException]:
    """Have all of them appended by coroutines that wait already when the first may be written."""
    free, held = threading.Event(), threading.Event()

    def hold() -> None:
        with store._writer.transaction():
            held.set()
            free.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    tasks = [asyncio.ensure_future(store.aappend(draft)) for draft in drafts]
    while len(store._writer._awaited._open) < len(drafts):
        await asyncio.sleep(0.001)
    free.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    holder.join()
    return ends


def test_they_share_a_transaction_and_each_has_its_own_place(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(store, monkeypatch)
    acks = asyncio.run(awaited(store, [a_draft(payload={"n": n}) for n in range(MANY)]))
    assert counted.count == 2, "the one that kept them waiting, and one for all of them"
    entries = list(store.entries("acme"))
    for number, ack in enumerate(acks):
        assert isinstance(ack, Ack)
        assert ack.durable
        assert ack.seq is not None
        assert parse_body(entries[ack.seq].body)["payload"] == {"n": number}
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_a_database_that_refuses_is_told_to_all_and_the_next_try_works(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = True

    def before(number: int) -> None:
        if refuse and number > 1:
            raise StoreError("no", mend="later")

    Counted(store, monkeypatch, before)
    ends = asyncio.run(awaited(store, [a_draft() for _ in range(5)]))
    assert [type(one) for one in ends] == [StoreError] * 5
    assert len({id(one) for one in ends}) == 5, "a traceback belongs to one"
    refuse = False
    assert asyncio.run(store.aappend(a_draft())).seq == 0


def test_threads_and_coroutines_of_several_loops_write_to_one_log(store: Store) -> None:
    async def write(who: int) -> None:
        for number in range(15):
            await store.aappend(a_draft(subject=f"c{who}", payload={"n": number}))

    async def all_of(who: int) -> None:
        await asyncio.gather(*(write(who * 8 + one) for one in range(8)))

    def as_thread(who: int) -> None:
        for number in range(15):
            store.append(a_draft(subject=f"t{who}", payload={"n": number}), durable=True)

    with ThreadPoolExecutor(6) as pool:
        ends = [pool.submit(asyncio.run, all_of(who)) for who in range(2)]
        ends += [pool.submit(as_thread, who) for who in range(4)]
        for end in ends:
            end.result(60)
    bodies = [parse_body(entry.body) for entry in store.entries("acme")]
    assert len(bodies) == (16 + 4) * 15
    for subject in {body["subject"] for body in bodies}:
        assert [body["payload"]["n"] for body in bodies if body["subject"] == subject] == list(range(15))
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_the_loop_goes_on_while_they_wait(store: Store) -> None:
    async def ticking() -> int:
        ticks = 0
        waits = asyncio.ensure_future(awaited(store, [a_draft()]))
        while not waits.done():
            await asyncio.sleep(0.001)
            ticks += 1
        return ticks

    assert asyncio.run(ticking()) > 1


def test_one_that_is_cancelled_keeps_nobody_waiting(store: Store) -> None:
    async def some() -> list[object]:
        tasks = [asyncio.ensure_future(store.aappend(a_draft(payload={"n": n}))) for n in range(6)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    ends = asyncio.run(some())
    assert [type(one) for one in ends].count(Ack) == 5
    assert isinstance(ends[2], asyncio.CancelledError)
    assert store.head("acme").size in {5, 6}, "cancelling is too late once it was taken"
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_a_loop_that_was_closed_stops_nobody(store: Store) -> None:
    async def leave() -> None:
        asyncio.ensure_future(store.aappend(a_draft()))  # noqa: RUF006 - nobody waits for it
        await asyncio.sleep(0)

    asyncio.run(leave())
    assert isinstance(asyncio.run(store.aappend(a_draft())), Ack)


def test_what_was_taken_and_never_written_is_written_later(store: Store) -> None:
    group = store._writer._together

    async def lost() -> Ack:
        with group._writing:
            waits = asyncio.ensure_future(store.aappend(a_draft()))
            while not group._queue:
                await asyncio.sleep(0.001)
            group._queue.clear()  # as by somebody who was interrupted right then
        return await asyncio.wait_for(waits, 60)

    assert asyncio.run(lost()).seq == 0


def test_the_thread_ends_when_nobody_waits_and_another_begins(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govflow.store.awaited_commit.PATIENCE", 0.01)
    asyncio.run(store.aappend(a_draft()))
    assert eventually(lambda: store._writer._awaited._thread is None)
    asyncio.run(store.aappend(a_draft()))
    assert store.head("acme").size == 2


def test_a_child_after_a_fork_writes_with_a_thread_of_its_own(url: str) -> None:
    with Store.open(url) as store:
        asyncio.run(store.aappend(a_draft()))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                asyncio.run(store.aappend(a_draft(subject="child")))
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        asyncio.run(store.aappend(a_draft()))
        assert store.head("acme").size == 3
        assert store.verify("acme").outcome is Outcome.VERIFIED


def test_a_store_that_was_closed_says_so(url: str) -> None:
    store = Store.open(url)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        asyncio.run(store.aappend(a_draft()))


def test_whoever_is_inside_a_transaction_is_refused(store: Store) -> None:
    with store._writer.transaction(), pytest.raises(RuntimeError, match="open in this thread already"):
        asyncio.run(store.aappend(a_draft()))
