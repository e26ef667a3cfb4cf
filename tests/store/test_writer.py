"""Nothing acknowledged is lost: kills, torn tails, full disks, many writers at once."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from mmap import mmap
from pathlib import Path

import pytest

from govflow.audit.body import make_body
from govflow.audit.template import Template
from govflow.audit.verify import Outcome
from govflow.errors import StoreError
from govflow.store import Store
from govflow.store import writer as writer_module
from govflow.store.engine import Rows
from govflow.store.lines import make_line, read_lines, sparse_line
from govflow.store.location import open_database, spool_folder
from govflow.store.spool import Spool
from govflow.store.times import micros
from govflow.store.writer import Writer
from tests.store.seen_raw import Raw
from tests.store.things import NOW, a_draft, eventually, forked, reaped

pytestmark = pytest.mark.once

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
    assert list(spool_folder(url).iterdir()) == [], "spools of the dead are taken away"


@pytest.mark.covers("S2-094")
def test_a_kill_at_any_instant_of_storing_loses_nothing(url: str, tmp_path: Path) -> None:
    """Writers that do nothing but store, while their spools grow and are emptied, each killed at a random time."""
    dice = random.Random(11)
    for who in range(10):
        told = tmp_path / f"told-{who}"
        told.write_bytes(bytes(8))

        def work(who: int = who, told: Path = told) -> None:
            store = Store.open(url)
            store._writer._interval = 0.002 if who % 2 else 60.0
            with told.open("r+b") as file, mmap(file.fileno(), 8) as acknowledged:
                for n in range(10**9):
                    payload = {"who": who, "n": n, "long": "x" * (n * 37 % 3_000)}
                    store.append(a_draft(tenant=f"t{who}", payload=payload), durable=False)
                    acknowledged[:] = struct.pack("<q", n + 1)

        child = forked(work)
        assert eventually(lambda told=told: told.read_bytes() != bytes(8))  # type: ignore[misc]  # bound now
        time.sleep(dice.random() / 12)
        os.kill(child, signal.SIGKILL)
        assert reaped(child) == [KILLED]
        with Store.open(url) as store:
            mine = [n for _, n in numbers(store, f"t{who}")]
            [acknowledged] = struct.unpack("<q", told.read_bytes())
            assert mine == list(range(len(mine))), "in order, once, without a gap"
            assert len(mine) in {acknowledged, acknowledged + 1}, "the kill may have come before the word"
            assert store.verify(f"t{who}").outcome is Outcome.VERIFIED
    assert list(spool_folder(url).iterdir()) == [], "nothing was taken for damaged"


def test_what_an_interrupted_append_left_is_wiped(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "mine")
    first, second = make_line(b'{"a":1}', ()), make_line(b'{"b":2}', ())
    spool.append(first)
    spool._map[len(first) : len(first) + 40] = b"y" * 39 + b"\n"
    spool._touched = len(first) + 40  # the signal came before the line was counted
    spool.append(second)
    assert spool.path.read_bytes().rstrip(b"\0") == first + second
    spool.empty()
    spool.append(second)
    assert spool.path.read_bytes().rstrip(b"\0") == second
    spool.close(remove=True)


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


def a_template(tenant: str = "acme", **payload: object) -> Template:
    return Template(a_draft("step.intent", tenant, payload=payload))


def filled(store: Store, tenant: str = "acme") -> list[str]:
    return [json.loads(entry.body)["payload"]["task_run_id"] for entry in store.entries(tenant)]


@pytest.mark.covers("S2-094")
def test_filled_templates_survive_a_kill_at_any_instant(url: str, tmp_path: Path) -> None:
    """The short lines of a spool that is emptied all the time, among long ones, with a form that is told anew."""
    dice = random.Random(13)
    for who in range(10):
        told = tmp_path / f"told-{who}"
        told.write_bytes(bytes(8))

        def work(who: int = who, told: Path = told) -> None:
            store = Store.open(url)
            store._writer._interval = 0.002 if who % 2 else 60.0
            forms = [a_template(f"tenant-{who}", form=form) for form in range(3)]
            with told.open("r+b") as file, mmap(file.fileno(), 8) as acknowledged:
                for n in range(10**9):
                    if n % 5:
                        store.fill(forms[n % 3], 1, f"run-{n}")
                    else:
                        store.append(
                            a_draft(tenant=f"tenant-{who}", payload={"task_run_id": f"run-{n}"}), durable=False
                        )
                    acknowledged[:] = struct.pack("<q", n + 1)

        child = forked(work)
        assert eventually(lambda told=told: told.read_bytes() != bytes(8))  # type: ignore[misc]  # bound now
        time.sleep(dice.random() / 12)
        os.kill(child, signal.SIGKILL)
        assert reaped(child) == [KILLED]
        with Store.open(url) as store:
            mine = filled(store, f"tenant-{who}")
            [acknowledged] = struct.unpack("<q", told.read_bytes())
            assert mine == [f"run-{n}" for n in range(len(mine))], "in order, once, without a gap"
            assert len(mine) in {acknowledged, acknowledged + 1}, "the kill may have come before the word"
            assert store.verify(f"tenant-{who}").outcome is Outcome.VERIFIED
    assert list(spool_folder(url).iterdir()) == [], "nothing was taken for damaged"


def test_a_filled_template_is_the_record_that_would_have_been_written(url: str) -> None:
    template = a_template(share="100 %", text="%b % %%")
    with Store.open(url) as store:
        store.fill(template, 7, "0d6d1b62-29d2-4ac5-a7e5-6f0d6f4a3d1c")
        spooled = next(iter(read_lines(next(spools(url)).read_bytes()).records))
        [entry] = store.entries("acme")
    assert entry.body == spooled.body
    body = json.loads(entry.body)
    made = template.written(datetime.fromisoformat(body["at"]), 7, "0d6d1b62-29d2-4ac5-a7e5-6f0d6f4a3d1c")
    assert entry.body == make_body(made, writer=body["writer"], writer_seq=0, commitments={})


def test_a_spool_that_was_emptied_is_told_its_forms_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "_KEEP", 0)
    template = a_template()
    with Store.open(url) as store:
        for n in range(3):
            store.fill(template, 1, f"run-{n}")
            assert read_lines(next(spools(url)).read_bytes()).bad == 0
            assert len(filled(store)) == n + 1


def test_a_short_line_whose_form_is_missing_is_reported(url: str) -> None:
    line = sparse_line(3, micros(NOW), 1, "run-1", "host.1.s1", 0)
    assert read_lines(line) == ([], 1)


def spools(url: str) -> Iterator[Path]:
    return spool_folder(url).iterdir()


def left_spool(url: str, tmp_path: Path, records: int) -> Path:
    """The spool of a process that died with this many records in it."""

    def work() -> None:
        store = Store.open(url)
        store._writer._interval = 60.0
        for n in range(records):
            store.append(a_draft(payload={"who": 0, "n": n}), durable=False)
        os._exit(0)

    reaped(forked(work))
    [path] = spool_folder(url).iterdir()
    path.write_bytes(path.read_bytes().rstrip(b"\0"))
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
        assert len(list(spool_folder(url).iterdir())) == 1


@pytest.mark.covers("S2-094")
def test_a_full_backlog_slows_the_writer_down_and_drops_nothing(url: str, tmp_path: Path) -> None:
    database = open_database(url)
    writer = Writer(database, tmp_path / "spool", backlog=10, interval=60.0)
    for n in range(95):
        writer.append(a_draft(payload={"who": 0, "n": n}), durable=False)
        assert len(writer._pending) <= 10
    writer.close()
    database.close()
    with Store.open(url) as store:
        assert numbers(store) == [(0, n) for n in range(95)]


def test_a_full_backlog_before_a_broken_database_refuses(url: str, raw: Raw) -> None:
    database = open_database(url)
    folder = spool_folder(url)
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
    """A limit on the size of files lets the spool grow no more, as a full disk does."""
    code = (
        "import resource, signal, sys\n"
        "from govflow.errors import StoreError\n"
        "from govflow.store import Store\n"
        "from tests.store.things import a_draft\n"
        "def add(n): store.append(a_draft(payload={'who': 0, 'n': n, 'long': 'x' * 100_000}), durable=False)\n"
        "store = Store.open(sys.argv[1]); store._writer._interval = 60.0\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "add(0)\n"
        "size = store._writer._spool.path.stat().st_size\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))\n"
        "n = 1\n"
        "try:\n"
        "    while n < 1000: add(n); n += 1\n"
        "except StoreError as refused: print(n, refused.mend)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "add(1000)\n"
        "import os; sys.stdout.flush(); os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert "Free space" in done.stdout
    refused = int(done.stdout.split()[0])
    with Store.open(url) as store:
        assert numbers(store) == [(0, n) for n in (*range(refused), 1000)]
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

    def failing(statement: str, parameters: tuple[object, ...] = ()) -> Rows:
        if statement == "COMMIT":
            if worked:
                execute(statement)
            raise store._db.failures[-1]("disk I/O error")
        return execute(statement, parameters)

    monkeypatch.setattr(store._db, "execute", failing)
    with pytest.raises(StoreError, match="disk I/O error"), store._writer.transaction() as transaction:
        transaction.record(a_draft(payload={"who": 0, "n": 1}))
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
        child = forked(lambda: time.sleep(600))
        pid.write_text(str(child))
        os._exit(0)

    reaped(forked(parent))
    try:
        with Store.open(url) as store:
            assert numbers(store) == [(0, 0)]
        assert list(spool_folder(url).iterdir()) == []
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_writers_queue_for_the_lock_file(sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store, ExitStack() as held:
        store.append(a_draft(), durable=True)
        file = held.enter_context(open(sqlite_url.removeprefix("sqlite:///") + ".lock", "rb"))
        fcntl.flock(file, fcntl.LOCK_EX)
        writing = threading.Thread(target=lambda: store.append(a_draft(), durable=True))
        writing.start()
        writing.join(0.1)
        assert writing.is_alive()
        fcntl.flock(file, fcntl.LOCK_UN)
        writing.join(240)
        assert not writing.is_alive()


def test_a_line_survives_the_spool_unchanged() -> None:
    values = (("name", bytes(16), '"tab\\t"'),)
    body = (
        b'{"at":"2026-03-01T12:00:00.000000Z","event":"step.intent","format":1,"payload":{},"severity":"info",'
        b'"subject":"s","tenant":"t","writer":"w","writer_seq":3}'
    )
    [record], bad = read_lines(make_line(body, values))
    assert (record.body, record.values, record.at, record.writer_seq, bad) == (body, values, micros(NOW), 3, 0)
