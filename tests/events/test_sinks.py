"""Publishing is news: it reaches every sink that works, and costs a run nothing when one does not."""

from __future__ import annotations

import json
import logging
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govflow.audit.record import Ack, Draft
from govflow.events.envelope import Envelope, envelope_of
from govflow.events.sinks import FanOut, JsonlSink, ListSink
from govflow.store import Store
from tests.store.things import eventually, forked, reaped


def an_envelope(n: int = 0) -> Envelope:
    draft = Draft("ir.validated_pass", "acme", datetime(2026, 3, 1, tzinfo=UTC), payload={"n": n})
    envelope = envelope_of(draft, Ack("w", n, durable=False))
    assert envelope is not None
    return envelope


class Broken:
    def send(self, envelope: Envelope) -> None:
        raise ConnectionError("bus down")


class Stuck:
    def __init__(self) -> None:
        self.began, self.go = threading.Event(), threading.Event()

    def send(self, envelope: Envelope) -> None:
        self.began.set()
        self.go.wait(240)


def test_every_sink_gets_every_envelope_in_order() -> None:
    one, two = ListSink(), ListSink()
    fan_out = FanOut([one, two])
    for n in range(100):
        fan_out.publish(an_envelope(n))
    assert fan_out.flush(240)
    assert one.envelopes == two.envelopes == [an_envelope(n) for n in range(100)]
    assert fan_out.lost == 0


@pytest.mark.covers("S5-53")
def test_a_broken_bus_neither_stops_a_run_nor_its_records(caplog: pytest.LogCaptureFixture) -> None:
    working = ListSink()
    fan_out = FanOut([Broken(), working])
    with Store.memory() as store:
        for n in range(5):
            draft = Draft("ir.validated_pass", "acme", datetime(2026, 3, 1, tzinfo=UTC), payload={"n": n})
            fan_out.publish(envelope_of(draft, store.append(draft, durable=True)))
        assert fan_out.flush(240)
        assert store.head("acme").size == 5
    assert len(working.envelopes) == 5
    assert fan_out.lost == 5
    said = [record for record in caplog.records if record.name == "govflow.events"]
    assert [record.levelno for record in said] == [logging.WARNING], "a failure is said once"


def test_a_stuck_sink_does_not_hold_up_a_run_or_the_other_sinks() -> None:
    stuck, working = Stuck(), ListSink()
    fan_out = FanOut([stuck, working], capacity=4)
    for n in range(20):
        fan_out.publish(an_envelope(n))
        assert stuck.began.wait(240)
        assert eventually(lambda n=n: len(working.envelopes) == n + 1)  # type: ignore[misc]  # bound now
    assert not fan_out.flush(0.01), "one is in the stuck sink's hands, four wait for it"
    assert fan_out.lost == 20 - 1 - 4
    stuck.go.set()
    assert fan_out.flush(240)
    assert fan_out.lost == 15


@pytest.mark.covers("S5-57")
def test_without_sinks_nothing_happens() -> None:
    threads = threading.active_count()
    fan_out = FanOut()
    fan_out.publish(an_envelope())
    fan_out.publish(None)
    assert fan_out.flush(240)
    assert threading.active_count() == threads


def test_a_file_of_lines_is_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    fan_out = FanOut([JsonlSink(path)])
    for n in range(3):
        fan_out.publish(an_envelope(n))
    assert fan_out.flush(240)
    lines = path.read_text().splitlines()
    assert [json.loads(line)["payload"]["n"] for line in lines] == [0, 1, 2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_publishing_works_after_a_fork(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    fan_out = FanOut([JsonlSink(path)])
    fan_out.publish(an_envelope(0))
    assert fan_out.flush(240)

    def child() -> None:
        fan_out.publish(an_envelope(1))
        assert fan_out.flush(240)

    assert reaped(forked(child)) == [0]
    assert len(path.read_text().splitlines()) == 2
