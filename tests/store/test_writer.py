"""Nothing acknowledged is lost: kills, torn tails, full disks, many writers at once."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from govflow.audit.verify import Outcome
from govflow.errors import StoreError
from govflow.store import Store
from govflow.store.engine import Database
from govflow.store.spool import make_line, read_lines
from govflow.store.writer import Writer
from tests.store.things import NOW, a_draft, eventually, forked, reaped

KILLED = -signal.SIGKILL


def numbers(store: Store, tenant: str = "acme") -> list[tuple[int, int]]:
    payloads = [json.loads(entry.body)["payload"] for entry in store.entries(tenant)]
    return [(payload["who"], payload["n"]) for payload in payloads if "n" in payload]


@pytest.mark.covers("S2-094")
def test_records_acknowledged_before_a_kill_are_in_the_log(url: str, tmp_path: Path) -> None:
    """Eight processes append; half of them are killed at random; each tells a pipe what was acknowledged."""
    told = [tmp_path / f"told-{who}" for who in range(8)]

    def work(who: int) -> None:
        store = Store.open(url)
        with told[who].open("wb", buffering=0) as tell:
            for n in range(10**9 if who % 2 else 300):
                store.append(a_draft(payload={"who": who, "n": n}), durable=n % 20 == 19)
                tell.write(b".")
        store.close()

    children = [forked(lambda who=who: work(who)) for who in range(8)]  # type: ignore[misc]  # bound now
    dice = random.Random(7)
    for who in (1, 3, 5, 7):
        assert eventually(lambda who=who: told[who].exists() and told[who].stat().st_size > 100)  # type: ignore[misc]
        time.sleep(dice.random() / 20)
        os.kill(children[who], signal.SIGKILL)
    assert reaped(*children) == [0, KILLED] * 4
    with Store.open(url) as store:
        logged = numbers(store)
        for who in range(8):
            mine = [n for writer, n in logged if writer == who]
            acknowledged = told[who].stat().st_size
            assert sorted(mine) == list(range(len(mine))), "in the log once, without a gap"
            assert len(mine) in {acknowledged, acknowledged + 1}, "the kill may have come before the word"
            assert mine == sorted(mine), "one writer's records keep their order"
        verdict = store.verify("acme")
        assert (verdict.outcome, verdict.records) == (Outcome.VERIFIED, len(logged))
    assert list((tmp_path / "govflow.db.spool").iterdir()) == [], "spools of the dead are taken away"


def test_a_kill_before_the_flusher_came_loses_nothing(url: str) -> None:
    def work() -> None:
        store = Store.open(url)
        store._writer._interval = 60.0
        for n in range(50):
            store.append(a_draft(payload={"who": 0, "n": n}, values={"name": f"Miller {n}"}), durable=False)
        os.kill(os.getpid(), signal.SIGKILL)

    assert reaped(forked(work)) == [KILLED]
    with Store.open(url) as store:
        assert numbers(store) == [(0, n) for n in range(50)]
        body = json.loads(store.tail("acme", 1)[0].body)
        assert store.values.get(body["writer"], body["writer_seq"])["name"].value == "Miller 49"


def left_spool(url: str, tmp_path: Path, records: int) -> Path:
    """The spool of a process that died with this many records in it."""

    def work() -> None:
        store = Store.open(url)
        store._writer._interval = 60.0
        for n in range(records):
            store.append(a_draft(payload={"who": 0, "n": n}), durable=False)
        os._exit(0)

    reaped(forked(work))
    [path] = (tmp_path / "govflow.db.spool").iterdir()
    return path


@pytest.mark.parametrize("cut", [1, 7, 40, 200])
def test_a_torn_tail_was_never_acknowledged_and_is_mended(url: str, tmp_path: Path, cut: int) -> None:
    path = left_spool(url, tmp_path, 3)
    with path.open("ab") as spool:
        whole = path.read_bytes()
        spool.write(whole.splitlines(keepends=True)[-1][:-cut])
    with Store.open(url) as store:
        assert numbers(store) == [(0, 0), (0, 1), (0, 2)]
        assert store.verify("acme").outcome is Outcome.VERIFIED
    assert not path.exists()


def test_a_spool_drained_twice_is_in_the_log_once(url: str, tmp_path: Path) -> None:
    path = left_spool(url, tmp_path, 5)
    copy = path.read_bytes()
    with Store.open(url) as store:
        path.write_bytes(copy)  # as if the drainer had been killed between its commit and the removal
        store.flush()
        assert len(numbers(store)) == 5
        assert store.verify("acme").outcome is Outcome.VERIFIED


def test_a_damaged_line_is_reported_kept_and_shows_as_a_gap(url: str, tmp_path: Path) -> None:
    path = left_spool(url, tmp_path, 5)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"step.intent", b"step.absent")
    path.write_bytes(b"".join(lines))
    with Store.open(url) as store:
        assert [n for _, n in numbers(store)] == [0, 1, 3, 4]
        report = json.loads(store.tail("acme", 1)[0].body)
        assert (report["event"], report["payload"]["lines_lost"]) == ("spool.damaged", 1)
        assert "something was lost" in store.verify("acme").words
    assert path.with_name(path.name + ".damaged").exists()


def test_the_spool_of_a_living_process_is_drained_and_left_to_it(url: str, tmp_path: Path) -> None:
    with Store.open(url) as mine, Store.open(url) as reader:
        mine._writer._interval = 60.0
        mine.append(a_draft(payload={"who": 0, "n": 0}), durable=False)
        assert numbers(reader) == [(0, 0)]
        mine.append(a_draft(payload={"who": 0, "n": 1}), durable=True)
        assert numbers(reader) == [(0, 0), (0, 1)]
        assert len(list((tmp_path / "govflow.db.spool").iterdir())) == 1


@pytest.mark.covers("S2-094")
def test_a_full_backlog_slows_the_writer_down_and_drops_nothing(url: str) -> None:
    database = Database(Path(url.removeprefix("sqlite:///")))
    writer = Writer(database, database.path and database.path.with_name("spool"), backlog=10, interval=60.0)
    for n in range(95):
        writer.append(a_draft(payload={"who": 0, "n": n}), durable=False)
        assert len(writer._pending) <= 10
    writer.close()
    database.close()
    with Store.open(url) as store:
        assert numbers(store) == [(0, n) for n in range(95)]


def test_a_full_backlog_before_a_broken_database_refuses(url: str, raw: sqlite3.Connection) -> None:
    database = Database(Path(url.removeprefix("sqlite:///")))
    folder = Path(url.removeprefix("sqlite:///")).with_name("govflow.db.spool")
    writer = Writer(database, folder, backlog=10, interval=60.0)
    raw.execute("ALTER TABLE audit_head RENAME TO elsewhere")
    for n in range(10):
        writer.append(a_draft(payload={"who": 0, "n": n}), durable=False)
    with pytest.raises(StoreError):
        writer.append(a_draft(payload={"who": 0, "n": 10}), durable=False)
    raw.execute("ALTER TABLE elsewhere RENAME TO audit_head")
    writer.append(a_draft(payload={"who": 0, "n": 10}), durable=False)
    writer.close()
    database.close()
    with Store.open(url) as store:
        assert numbers(store) == [(0, n) for n in range(11)], "what was acknowledged meanwhile is there"


def test_a_full_disk_is_refused_and_leaves_no_half_line(url: str) -> None:
    """A limit on the size of files stops a write half way, as a full disk does."""
    code = (
        "import resource, signal, sys\n"
        "from govflow.errors import StoreError\n"
        "from govflow.store import Store\n"
        "from tests.store.things import a_draft\n"
        "store = Store.open(sys.argv[1]); store._writer._interval = 60.0\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "store.append(a_draft(payload={'who': 0, 'n': 0}), durable=False)\n"
        "size = store._writer._spool.path.stat().st_size\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))\n"
        "try: store.append(a_draft(payload={'who': 0, 'n': 1}), durable=False)\n"
        "except StoreError as refused: print('refused', refused.mend)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "store.append(a_draft(payload={'who': 0, 'n': 2}), durable=False)\n"
        "import os; os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert "Free space" in done.stdout
    with Store.open(url) as store:
        assert numbers(store) == [(0, 0), (0, 2)]
        assert store.verify("acme").outcome is Outcome.VERIFIED


def test_threads_append_to_one_log(store: Store) -> None:
    def work(who: int) -> None:
        for n in range(100):
            store.append(a_draft(payload={"who": who, "n": n}), durable=n % 25 == 0)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logged = numbers(store)
    for who in range(8):
        assert [n for writer, n in logged if writer == who] == list(range(100))
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_an_interrupted_append_leaves_no_gap_and_no_twin(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may come between the write and the count: the number may be taken, so its stream ends there."""
    with Store.open(url) as store, Store.open(url) as other:
        store._writer._interval = 60.0
        store.append(a_draft(payload={"who": 0, "n": 0}), durable=False)
        spool = store._writer._spool
        assert spool is not None
        write = spool.append

        def interrupted(line: bytes) -> None:
            write(line)
            raise KeyboardInterrupt

        monkeypatch.setattr(spool, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.append(a_draft(payload={"who": 0, "n": 1}), durable=False)
        monkeypatch.undo()
        store.append(a_draft(payload={"who": 0, "n": 2}), durable=False)
        assert numbers(other) == [(0, 0), (0, 1), (0, 2)], "from the file, which holds the interrupted one too"
        store.append(a_draft(payload={"who": 0, "n": 3}), durable=True)
        assert numbers(store)[3:] == [(0, 3)]
        assert store.verify("acme").outcome is Outcome.VERIFIED


@pytest.mark.parametrize("worked", [True, False])
def test_a_commit_that_fails_leaves_no_gap_and_no_twin(
    store: Store, monkeypatch: pytest.MonkeyPatch, worked: bool
) -> None:
    """An error from COMMIT does not tell whether it worked."""
    store.append(a_draft(payload={"who": 0, "n": 0}), durable=True)
    execute = store._db.execute

    def failing(statement: str, parameters: tuple[object, ...] = ()) -> sqlite3.Cursor:
        if statement == "COMMIT":
            if worked:
                execute(statement)
            raise sqlite3.OperationalError("disk I/O error")
        return execute(statement, parameters)

    monkeypatch.setattr(store._db, "execute", failing)
    with pytest.raises(StoreError, match="disk I/O error"):
        store.append(a_draft(payload={"who": 0, "n": 1}), durable=True)
    monkeypatch.undo()
    store.append(a_draft(payload={"who": 0, "n": 2}), durable=True)
    assert numbers(store) == [(0, 0), (0, 1), (0, 2)] if worked else [(0, 0), (0, 2)]
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_an_interrupted_transaction_leaves_nothing(store: Store) -> None:
    def interrupted() -> None:
        with store._writer.transaction() as transaction:
            transaction.record(a_draft(payload={"who": 0, "n": 1}))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    store.append(a_draft(payload={"who": 0, "n": 2}), durable=True)
    assert numbers(store) == [(0, 2)]
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_a_forked_child_does_not_keep_the_spool_of_its_dead_parent_alive(url: str, tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    def parent() -> None:
        store = Store.open(url)
        store._writer._interval = 60.0
        store.append(a_draft(payload={"who": 0, "n": 0}), durable=False)
        child = forked(lambda: time.sleep(30))
        pid.write_text(str(child))
        os._exit(0)

    reaped(forked(parent))
    try:
        with Store.open(url) as store:
            assert numbers(store) == [(0, 0)]
        assert list((tmp_path / "govflow.db.spool").iterdir()) == []
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_writers_queue_for_the_lock_file(store: Store, url: str) -> None:
    store.append(a_draft(), durable=True)
    with open(url.removeprefix("sqlite:///") + ".lock", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        writing = threading.Thread(target=lambda: store.append(a_draft(), durable=True))
        writing.start()
        writing.join(0.1)
        assert writing.is_alive()
        fcntl.flock(file, fcntl.LOCK_UN)
        writing.join(5)
        assert not writing.is_alive()


def test_a_line_survives_the_spool_unchanged() -> None:
    values = (("name", bytes(16), '"tab\\t"'),)
    body = (
        b'{"at":"2026-03-01T12:00:00.000000Z","event":"step.intent","format":1,"payload":{},"severity":"info",'
        b'"subject":"s","tenant":"t","writer":"w","writer_seq":3}'
    )
    [record], bad = read_lines(make_line(body, values))
    assert (record.body, record.values, record.at, record.writer_seq, bad) == (body, values, NOW, 3, 0)
