"""Two stores of one database in one process: SQLite's locks belong to the process, not to the connection."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govflow.audit.record import Draft
from govflow.errors import StoreError
from govflow.store import Store

pytestmark = pytest.mark.once

ELSEWHERE = """
import sys
from datetime import UTC, datetime
from govflow.audit.record import Draft
from govflow.store import Store

with Store.open(sys.argv[1]) as store:
    store.append(Draft("run.closed", "default", datetime.now(UTC), run_id=sys.argv[2]), durable=True)
"""


def seen(store: Store) -> list[str]:
    return [entry.body.decode().partition('"run_id":"')[2].partition('"')[0] for entry in store.entries("default")]


def test_what_another_process_writes_is_seen_after_a_second_store_was_opened_here(tmp_path: Path) -> None:
    """A second look at the file by hand would drop the first one's locks: the other process would take away its WAL."""
    url = f"sqlite:///{tmp_path / 'govflow.db'}"

    def write_elsewhere(run: str) -> None:
        subprocess.run([sys.executable, "-c", ELSEWHERE, url, run], check=True)

    with Store.open(url) as first:
        first.append(Draft("run.opened", "default", datetime.now(UTC), run_id="here"), durable=True)
        with Store.open(url) as second:
            assert seen(second) == ["here"]
            write_elsewhere("one")
            write_elsewhere("two")
            assert seen(first) == seen(second) == ["here", "one", "two"]
        first.append(Draft("run.closed", "default", datetime.now(UTC), run_id="here"), durable=True)
        write_elsewhere("three")
        assert seen(first) == ["here", "one", "two", "here", "three"]
    with Store.open(url) as later:
        assert seen(later) == ["here", "one", "two", "here", "three"]
        assert later.verify("default").outcome == "verified"


def test_many_that_open_a_new_file_at_one_moment_all_get_it(tmp_path: Path) -> None:
    """SQLite fails the switch to WAL at once where two try it, however long the busy timeout."""
    failed: list[str] = []
    for turn in range(20):
        gate = threading.Barrier(8)

        def arrive(url: str, gate: threading.Barrier = gate) -> None:
            gate.wait()
            try:
                Store.open(url).close()
            except StoreError as error:
                failed.append(str(error))

        url = f"sqlite:///{tmp_path / str(turn) / 'govflow.db'}"
        threads = [threading.Thread(target=arrive, args=(url,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
