"""Writers that are killed again and again under load. ``GOVFLOW__KILLS=500`` kills so many; without it a few."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from govflow.audit.verify import Outcome
from govflow.store import Store
from govflow.store.location import spool_folder
from tests.store.crash_writer import write
from tests.store.things import eventually, forked, reaped

KILLS = int(os.environ.get("GOVFLOW__KILLS", "24"))
AT_ONCE = 4

pytestmark = pytest.mark.once


def killed_in_the_midst(url: str, told: dict[int, Path], dice: random.Random) -> None:
    """Writers of one log, each killed at a time of its own."""

    def writer(who: int) -> Callable[[], None]:
        def work() -> None:
            store = Store.open(url)
            store._writer._interval = 0.001 * (who % 3)
            with told[who].open("wb", buffering=0) as tell:
                write(store, 10**9, lambda text: tell.write(text.encode()), who)

        return work

    children = [forked(writer(who)) for who in told]
    assert eventually(lambda: all(path.exists() and path.stat().st_size > 20 for path in told.values()))
    for child in dice.sample(children, len(children)):
        time.sleep(dice.random() / 30)
        os.kill(child, signal.SIGKILL)
    assert reaped(*children) == [-signal.SIGKILL] * len(children)


@pytest.mark.timeout(1800)
def test_whatever_was_acknowledged_before_a_kill_is_in_the_log_once(url: str, tmp_path: Path) -> None:
    dice = random.Random(17)
    everything: Counter[tuple[int, int]] = Counter()
    start = 0
    for first in range(0, KILLS, AT_ONCE):
        told = {who: tmp_path / f"told-{who}" for who in range(first, first + AT_ONCE)}
        killed_in_the_midst(url, told, dice)
        with Store.open(url) as store:
            store.flush()
            for entry in store.entries("acme", start):
                payload = json.loads(entry.body)["payload"]
                everything[payload["who"], payload["n"]] += 1
                start = entry.seq + 1
        for who, path in told.items():
            lines = path.read_text().split("\n")[:-1]
            assert not [line for line in lines if line.startswith("-")], "no write was refused"
            acknowledged = {(who, int(line[1:])) for line in lines}
            assert acknowledged <= everything.keys(), acknowledged - everything.keys()
    assert set(everything.values()) == {1}
    with Store.open(url) as store:
        verdict = store.verify("acme")
    assert (verdict.outcome, verdict.records) == (Outcome.VERIFIED, len(everything))
    assert list(spool_folder(url).iterdir()) == [], "spools of the dead are taken away, and none is damaged"
    print(f"{KILLS} kills, {len(everything)} records")
