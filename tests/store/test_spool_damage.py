"""What the log says of a spool with lines that cannot be read."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from govflow.store import Store
from tests.store.test_writer import left_spool


def test_a_damaged_spool_that_is_taken_up_twice_is_reported_once(url: str, tmp_path: Path) -> None:
    path = left_spool(url, tmp_path, 5)
    damaged = path.read_bytes().replace(b'"n":2', b'"n":7')
    path.write_bytes(damaged)
    with Store.open(url) as store:
        path.write_bytes(damaged)  # as if whoever took it up had been killed before it had its other name
        store.flush()
        events = [json.loads(entry.body)["event"] for entry in store.entries("acme")]
    assert Counter(events) == {"step.intent": 4, "spool.damaged": 1}
