"""Processes with many threads each, and the workers of a pool, write to one log: nothing is lost or linked wrongly."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest

from govflow.audit.verify import Outcome
from govflow.store import Store
from tests.store.things import a_draft, forked, reaped

PROCESSES = THREADS = 8
OF_EACH = 12

pytestmark = pytest.mark.once


def written(store: Store, who: str, durable: bool) -> None:
    for n in range(OF_EACH):
        store.append(a_draft(payload={"who": who, "n": n}), durable=durable or n % 3 == 2)


def in_the_log(url: str) -> Counter[str]:
    """How many records of each writer there are, once the log is found to be whole and each writer's in order."""
    with Store.open(url) as store:
        payloads = [json.loads(entry.body)["payload"] for entry in store.entries("acme")]
        assert store.verify("acme").outcome is Outcome.VERIFIED
    for who in {payload["who"] for payload in payloads}:
        assert [payload["n"] for payload in payloads if payload["who"] == who] == list(range(OF_EACH))
    return Counter(payload["who"] for payload in payloads)


@pytest.mark.parametrize("durable", [True, False])
def test_eight_processes_of_eight_threads_write_one_whole_log(url: str, durable: bool) -> None:
    def work(process: int) -> None:
        with Store.open(url) as store:
            threads = [
                threading.Thread(target=written, args=(store, f"{process}.{thread}", durable))
                for thread in range(THREADS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    children = [forked(lambda process=process: work(process)) for process in range(PROCESSES)]  # type: ignore[misc]  # bound now
    assert reaped(*children) == [0] * PROCESSES
    assert in_the_log(url) == {f"{p}.{t}": OF_EACH for p in range(PROCESSES) for t in range(THREADS)}


def _in_a_pool(url: str, who: str) -> None:
    with Store.open(url) as store:
        written(store, who, durable=False)


def test_the_workers_of_a_process_pool_write_one_whole_log(url: str) -> None:
    names = [f"job-{number}" for number in range(12)]
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_in_a_pool, [url] * len(names), names))
    assert in_the_log(url) == dict.fromkeys(names, OF_EACH)
