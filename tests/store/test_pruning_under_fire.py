"""Pruning beside everything else: other pruners, writers and readers, and kills in the midst of it."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from govflow.audit.verify import Outcome
from govflow.store import Store
from govflow.store import pruning as pruning_module
from govflow.store.pruned import EVENT
from tests.store.crash_writer import write
from tests.store.test_pruning import CUT, OLD, pruning
from tests.store.test_seals import seal
from tests.store.things import a_draft, eventually, forked, reaped

TILES = 32
RECORDS = 256 * TILES + 100
KILLS = 8

pytestmark = pytest.mark.once


def aged(url: str) -> None:
    """Old records under a checkpoint."""
    with Store.open(url) as store:
        with store._writer.transaction() as transaction:
            for number in range(RECORDS):
                transaction.record(a_draft(at=OLD, payload={"old": number}, values={"email": f"{number}@example.org"}))
        seal(store)


def prune_slowly(url: str, told: Path) -> Callable[[], None]:
    """A process that prunes a tile at a time, and says how far it is."""

    def work() -> None:
        pruning_module.AT_ONCE = 256  # type: ignore[misc]  # more transactions to be killed in
        with Store.open(url) as store, told.open("wb", buffering=0) as tell:

            def say(done: int, total: int) -> None:
                tell.write(b"%d of %d\n" % (done, total))

            store.pruning.prune("acme", CUT, pruning(), say)

    return work


def write_on(url: str, told: Path, who: int) -> Callable[[], None]:
    """A process that appends records in every way there is, and says which were acknowledged."""

    def work() -> None:
        store = Store.open(url)
        store._writer._interval = 0.002 * who
        with told.open("wb", buffering=0) as tell:
            write(store, 10**9, lambda text: tell.write(text.encode()), who)

    return work


def what_is_left(url: str) -> tuple[int, Counter[Any], list[dict[str, Any]]]:
    """Where a log begins, what is in it from there on, and what its records of pruning say. It verifies."""
    with Store.open(url) as store:
        verdict = store.verify("acme")
        assert verdict.outcome is Outcome.VERIFIED, verdict.words
        begins = store.pruning.begins_at("acme")
        entries = list(store.entries("acme"))
        assert [entry.seq for entry in entries] == list(range(begins, begins + len(entries)))
        bodies = [json.loads(entry.body) for entry in entries]
        said = [body["payload"] for body in bodies if body["event"] == EVENT]
        found = [json.dumps(body["payload"], sort_keys=True) for body in bodies if body["event"] != EVENT]
        with_values = {(body["writer"], body["writer_seq"]) for body in bodies if "commitments" in body}
        values = store.values.between("acme", 0, entries[-1].seq)
        assert values.keys() == with_values, "values go with their records, and only with them"
        return begins, Counter(found), said


def no_gaps(said: list[dict[str, Any]], begins: int) -> None:
    """Each pruning begins where the one before ended, and the last ends where the log begins."""
    ends = [one["first"] + one["records"] for one in said]
    assert [one["first"] for one in said] == [0, *ends[:-1]]
    assert ends[-1:] == [begins][: len(ends)]
    assert [one["until"] for one in said] == ends


def acknowledged(told: Path, who: int) -> set[str]:
    lines = told.read_text().split("\n")[:-1]
    assert not [line for line in lines if line.startswith("-")], "no write was refused"
    return {json.dumps({"who": who, "n": int(line[1:])}, sort_keys=True) for line in lines}


@contextmanager
def writers(url: str, folder: Path) -> Iterator[dict[int, Path]]:
    """Two processes that write until they are killed."""
    told = {who: folder / f"written-{who}" for who in (1, 2)}
    children = [forked(write_on(url, path, who)) for who, path in told.items()]
    try:
        assert eventually(lambda: all(path.exists() and path.stat().st_size > 20 for path in told.values()))
        yield told
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
        assert reaped(*children) == [-signal.SIGKILL] * len(children)


def test_two_prune_beside_writers_and_readers(url: str, tmp_path: Path) -> None:
    aged(url)
    verdicts: list[Outcome] = []
    done = threading.Event()

    def verify_on() -> None:
        with Store.open(url) as store:
            while not done.is_set():
                verdicts.append(store.verify("acme").outcome)

    with writers(url, tmp_path) as written:
        pruners = [forked(prune_slowly(url, tmp_path / f"pruned-{who}")) for who in range(2)]
        reader = threading.Thread(target=verify_on)
        reader.start()
        assert reaped(*pruners) == [0, 0]
        done.set()
        reader.join()
    assert set(verdicts) == {Outcome.VERIFIED}, "whoever looks meanwhile sees a log that is whole"
    begins, found, said = what_is_left(url)
    assert begins == 256 * TILES
    assert len(said) == TILES, "each tile was pruned by one of them"
    no_gaps(said, begins)
    for who, path in written.items():
        assert acknowledged(path, who) <= found.keys()
    assert set(found.values()) == {1}
    assert sum(line.startswith('{"old"') for line in found) == RECORDS - begins


@pytest.mark.timeout(900)
def test_pruners_that_are_killed_leave_a_log_that_verifies_and_the_next_goes_on(url: str, tmp_path: Path) -> None:
    aged(url)
    dice = random.Random(23)
    begins = 0
    with writers(url, tmp_path) as written:
        for number in range(KILLS):
            told = tmp_path / f"pruned-{number}"
            child = forked(prune_slowly(url, told))
            assert eventually(lambda told=told: told.exists() and told.stat().st_size > 0)  # type: ignore[misc]
            time.sleep(dice.random() / 30)
            os.kill(child, signal.SIGKILL)
            reaped(child)
            before, (begins, _, said) = begins, what_is_left(url)
            no_gaps(said, begins)
            assert begins >= before + 256, "the one before stopped nobody"
            if begins == 256 * TILES:
                break
    begins, found, said = what_is_left(url)
    no_gaps(said, begins)
    for who, path in written.items():
        assert acknowledged(path, who) <= found.keys()
    assert set(found.values()) == {1}
    assert sum(line.startswith('{"old"') for line in found) == RECORDS - begins
    with Store.open(url) as store:
        store.pruning.prune("acme", CUT, pruning())
    assert what_is_left(url)[0] == 256 * TILES


def test_a_pruner_that_is_interrupted_leaves_a_log_that_verifies(url: str) -> None:
    aged(url)

    def interrupted(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with Store.open(url) as store:
        with pytest.MonkeyPatch.context() as small:
            small.setattr(pruning_module, "AT_ONCE", 512)
            with pytest.raises(KeyboardInterrupt):
                store.pruning.prune("acme", CUT, pruning(), interrupted)
        store.append(a_draft(at=OLD + timedelta(days=1), payload={"old": RECORDS}), durable=True)
    begins, _, said = what_is_left(url)
    assert (begins, len(said)) == (512, 1)
