"""Writing to a log: what a caller waits for, beside a write of as many bytes and an fdatasync on the same disk.

Floors and a durable record are measured in turns, so that a busy minute slows all. A floor is as long as what SQLite
adds to its WAL for a record, the pages of the table and of its indexes. What a log in a file of its own would pay is to
append these bytes. SQLite does the same until its WAL has its length, and then writes over it, which the disk does in
half the time: so both are measured, and beside the second also the floor of writing over blocks that are there. On
PostgreSQL the disk is the server's, and the floor is one page of a file here.

Where many wait, a batch has as many records as there was time for, so there is no block of the same size: what a page
took to be appended and synced just before and just after stands beside the figure, as ``fdatasync_us``.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from benchmarks.audit_records import TENANT, draft
from benchmarks.databases import postgresql, sqlite
from benchmarks.report import Result, median_with_interval
from govflow.audit.record import Draft
from govflow.audit.template import Template
from govflow.audit.verify import Outcome
from govflow.store import Store

TURNS = 200
SIZED = 50
PAGE = 4096  # the least that either database writes
SPOOLED = 50_000
WAITERS = 64
OF_EACH = 200
ROUNDS = 5
PROCESSES = THREADS = 8
CROWDED_SECONDS = 5.0
GOAL_FAIR = 0.8
GOAL_DURABLE = 2.0  # times the floor
GOAL_CALLER_US = 10.0
GOAL_WAITERS = {"SQLite": 12_000.0, "PostgreSQL": 25_000.0}  # records a second


def run() -> list[Result]:
    """Measure both databases."""
    with sqlite() as url:
        results = _on(url, "SQLite")
    with postgresql() as server:
        return results + (_on(server, "PostgreSQL") if server else [])


def _on(url: str, name: str) -> list[Result]:
    with closing(Store.open(url)) as store:
        results = _durable(store, name, url, grown=False)
        results += _durable(store, name, url, grown=True) if name == "SQLite" else []
        results += _spooled(store, name)
        results += [_coroutines(store, name), _together(store, name)]
        results += _crowd(url, name)
        if store.verify(TENANT).outcome is not Outcome.VERIFIED:
            raise RuntimeError("the log that was written does not verify")
        return results


@contextmanager
def _floor(block: bytes, *, grown: bool) -> Iterator[Callable[[int], float]]:
    """Seconds that a turn takes to write and sync a block; ``grown``: in a file that has its length already."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.open(Path(folder) / "floor", os.O_RDWR | os.O_CREAT)

        def write(turn: int) -> float:
            began = time.perf_counter()
            os.pwrite(file, block, turn * len(block))
            os.fdatasync(file)
            return time.perf_counter() - began

        try:
            for turn in range(TURNS if grown else 0):
                os.pwrite(file, block, turn * len(block))
            os.fsync(file)
            yield write
        finally:
            os.close(file)


def _page_us() -> float:
    """What one page takes to be appended and synced, in microseconds: the median of some."""
    with _floor(b"x" * PAGE, grown=False) as append:
        return round(statistics.median(append(turn) for turn in range(SIZED)) * 1e6, 1)


def _bytes_of_a_record(store: Store, url: str, *, grown: bool) -> int:
    """What one durable record adds to the WAL of SQLite; a page elsewhere. ``grown``: have the WAL grow before."""
    if not url.startswith("sqlite"):
        return PAGE
    wal = Path(url.removeprefix("sqlite:///") + "-wal")
    sizes = [wal.stat().st_size]
    for number in range(SIZED):
        store.append(draft(number), durable=True)
        sizes.append(wal.stat().st_size)
    numbers = count()
    while grown and sizes[-1] > sizes[-SIZED]:  # as long as it grew for any of the last so many
        store.append(draft(next(numbers)), durable=True)
        sizes.append(wal.stat().st_size)
    added = [after - before for before, after in pairwise(sizes) if after > before]
    return max(PAGE, round(statistics.mean(added)))


def _durable(store: Store, name: str, url: str, *, grown: bool) -> list[Result]:
    block = b"x" * _bytes_of_a_record(store, url, grown=grown)
    appended, over, records = [], [], []
    with _floor(block, grown=False) as append, _floor(block, grown=True) as write_over:
        for turn in range(TURNS):
            record = draft(turn)
            appended.append(append(turn))
            over.append(write_over(turn))
            began = time.perf_counter()
            store.append(record, durable=True)
            records.append(time.perf_counter() - began)
    state = ", its WAL has its length" if grown else ", its WAL grows" if name == "SQLite" else ""
    goal = GOAL_DURABLE if name == "SQLite" else None
    metric = f"{name}: a durable record beside as many bytes"
    beside = _beside(f"{metric} appended and synced{state}", records, appended, len(block), goal)
    return [beside, _beside(f"{metric} written over and synced{state}", records, over, len(block))][: 1 + grown]


def _beside(metric: str, records: list[float], floors: list[float], length: int, goal: float | None = None) -> Result:
    ratio, low, high = median_with_interval([ours / theirs for ours, theirs in zip(records, floors, strict=True)])
    detail = {
        "interval": [round(low, 3), round(high, 3)],
        "bytes": length,
        "floor_us": round(statistics.median(floors) * 1e6, 1),
        "record_us": round(statistics.median(records) * 1e6, 1),
    }
    return Result(metric, ratio, "ratio", goal, detail=detail)


def _spooled(store: Store, name: str) -> list[Result]:
    """What a caller of tier 0 pays: a record made from the template of its step."""
    template, fill = Template(draft(0)), store.fill
    fill(template, 1, "warm")
    began, cpu = time.perf_counter(), time.thread_time()
    for _ in range(SPOOLED // 10):  # as many as may wait before a caller brings them to the log
        fill(template, 1, "01a20741-e4f1-7229-9dc8-317e7a9150b0")
    caller, wall = time.thread_time() - cpu, time.perf_counter() - began
    store.flush()
    began = time.perf_counter()
    for number in range(SPOOLED):
        store.append(draft(number), durable=False)
    store.flush()
    through = SPOOLED / (time.perf_counter() - began)
    each = SPOOLED // 10
    detail = {"records": each, "wall_us": round(wall / each * 1e6, 2)}
    return [
        Result(f"{name}: caller of a spooled record, CPU", caller / each * 1e6, "us", GOAL_CALLER_US, detail=detail),
        Result(f"{name}: records through the spool into the log", through, "records/s", detail={"records": SPOOLED}),
    ]


def _crowd(url: str, name: str) -> list[Result]:
    """Processes of threads that each wait for their own durable records, for the same time: who gets how many."""
    spawn = multiprocessing.get_context("spawn")
    begin = spawn.Barrier(PROCESSES)
    before = _page_us()
    told: multiprocessing.SimpleQueue[tuple[int, float]] = spawn.SimpleQueue()
    processes = [spawn.Process(target=_one_of_the_crowd, args=(url, begin, told)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    counts, waits = zip(*(told.get() for _ in processes), strict=True)
    for process in processes:
        process.join()
    crowd = f"{PROCESSES} processes of {THREADS} threads"
    detail = {"counts": sorted(counts), "worst_wait_ms": round(max(waits) * 1e3, 1)}
    synced = {"fdatasync_us": [before, _page_us()]}
    return [
        Result(
            f"{name}: {crowd}, least of a process to most", min(counts) / max(counts), "ratio", GOAL_FAIR, True, detail
        ),
        Result(f"{name}: {crowd}, durable records", sum(counts) / CROWDED_SECONDS, "records/s", detail=synced),
    ]


def _one_of_the_crowd(url: str, begin: Any, told: Any) -> None:
    counts, waits = [0] * THREADS, [0.0] * THREADS
    with closing(Store.open(url)) as store:
        store.append(draft(0), durable=True)
        begin.wait()
        end = time.perf_counter() + CROWDED_SECONDS

        def write(who: int) -> None:
            while (began := time.perf_counter()) < end:
                store.append(draft(counts[who]), durable=True)
                waits[who] = max(waits[who], time.perf_counter() - began)
                counts[who] += 1

        threads = [threading.Thread(target=write, args=(who,)) for who in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    told.put((sum(counts), max(waits)))


def _drafts() -> Iterator[Draft]:
    """What the waiters are going to write, made before they are timed, in the order of time."""
    return iter([draft(number) for number in range(WAITERS * OF_EACH)])


def _coroutines(store: Store, name: str) -> Result:
    """Coroutines that each wait for their own durable record, again and again: what async tasks of tier 2 do."""
    drafts, waits = _drafts(), [0.0] * WAITERS

    async def write(who: int) -> None:
        for _ in range(OF_EACH):
            began = time.perf_counter()
            await store.aappend(next(drafts))
            waits[who] = max(waits[who], time.perf_counter() - began)

    async def all_of_them() -> None:
        await asyncio.gather(*(write(who) for who in range(WAITERS)))

    rounds, before = [], _page_us()
    for _ in range(ROUNDS):
        drafts = _drafts()
        began = time.perf_counter()
        asyncio.run(all_of_them())
        rounds.append(WAITERS * OF_EACH / (time.perf_counter() - began))
    detail = {
        "records": WAITERS * OF_EACH,
        "rounds": sorted(map(round, rounds)),
        "worst_wait_ms": round(max(waits) * 1e3, 1),
        "fdatasync_us": [before, _page_us()],
    }
    metric = f"{name}: durable records of {WAITERS} coroutines that wait"
    return Result(metric, statistics.median(rounds), "records/s", GOAL_WAITERS[name], at_least=True, detail=detail)


def _together(store: Store, name: str) -> Result:
    """Threads that do the same: waking one costs more than writing its record."""
    drafts, waits = _drafts(), list[float]()

    def write() -> None:
        longest = 0.0
        for _ in range(OF_EACH):
            began = time.perf_counter()
            store.append(next(drafts), durable=True)
            longest = max(longest, time.perf_counter() - began)
        waits.append(longest)

    threads = [threading.Thread(target=write) for _ in range(WAITERS)]
    before = _page_us()
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    each = WAITERS * OF_EACH / (time.perf_counter() - began)
    synced = {"fdatasync_us": [before, _page_us()]}
    detail = {"records": WAITERS * OF_EACH, "worst_wait_ms": round(max(waits) * 1e3, 1), **synced}
    metric = f"{name}: durable records of {WAITERS} threads that wait"
    return Result(metric, each, "records/s", detail=detail)
