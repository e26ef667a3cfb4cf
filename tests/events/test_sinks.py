"""Publishing is news: it reaches every sink that works, and costs a run nothing when one does not."""

from __future__ import annotations

import json
import logging
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govflow.audit.record import Ack, Draft
from govflow.errors import SettingsError
from govflow.events.callable_sink import CallableSink
from govflow.events.envelope import Envelope, envelope_of
from govflow.events.sinks import FanOut, JsonlSink, ListSink, Route, SinkStats
from govflow.ir.canonical import canonical
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


@pytest.mark.covers("S1-34")
def test_a_line_is_canonical_and_whole_after_one_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonlSink(path, sync=True)
    sink.send(an_envelope(0))
    with path.open("ab") as torn:
        torn.write(b'{"id":"w:1","me')  # the disk was full
    sink.send(an_envelope(2))
    first, cut, last = path.read_bytes().splitlines()
    assert cut == b'{"id":"w:1","me'
    for line, n in ((first, 0), (last, 2)):
        assert line == canonical(json.loads(line))
        assert json.loads(line)["payload"]["n"] == n


KILLED = """
import sys
from pathlib import Path
from govflow.events.sinks import JsonlSink
from tests.events.test_sinks import an_envelope
sink, n = JsonlSink(Path(sys.argv[1]), sync=True), 0
while True:
    sink.send(an_envelope(n))
    print(n, flush=True)
    n += 1
"""


@pytest.mark.covers("S1-34")
def test_no_line_that_was_written_is_lost_to_a_kill(tmp_path: Path) -> None:
    path, said = tmp_path / "events.jsonl", -1
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        ) as writing:
            assert writing.stdout is not None
            for _ in range(20):
                said = int(writing.stdout.readline())
            writing.kill()
            said = max([said, *map(int, writing.stdout.read().splitlines())])
        numbers = [json.loads(line)["payload"]["n"] for line in path.read_text().splitlines()]
        assert numbers[: said + 1] == list(range(said + 1))
        path.unlink()


def test_a_function_that_is_imported_late_is_imported_at_the_first_envelope() -> None:
    sys.modules.pop("tests.events.late_sink", None)
    fan_out = FanOut([CallableSink.late("tests.events.late_sink:take"), CallableSink.late("no_such_module_here:x")])
    assert "tests.events.late_sink" not in sys.modules
    fan_out.publish(an_envelope(7))
    assert fan_out.flush(240)
    from tests.events.late_sink import taken

    assert taken == [an_envelope(7)]
    assert [(stats.delivered, stats.failed) for stats in fan_out.stats()] == [(1, 0), (0, 1)]


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


def test_a_sink_gets_the_events_that_it_asked_for() -> None:
    passed, dags, none = ListSink(), ListSink(), ListSink()
    fan_out = FanOut([Route(passed, ("ir.validated_", "x.")), Route(dags, ("ir.dag_",)), Route(none, ())])
    fan_out.publish(an_envelope())
    assert fan_out.flush(240)
    assert (len(passed.envelopes), len(dags.envelopes), len(none.envelopes)) == (1, 0, 0)


@pytest.mark.covers("S1-35")
def test_high_water_is_told_once_and_what_overflows_is_counted() -> None:
    stuck, told = Stuck(), list[SinkStats]()
    fan_out = FanOut([Route(stuck, high_water=0.5, on_high_water=told.append)], capacity=4)
    fan_out.publish(an_envelope())
    assert stuck.began.wait(240)
    for n in range(8):
        fan_out.publish(an_envelope(n))
    assert eventually(lambda: len(told) == 1)
    [stats] = fan_out.stats()
    assert (stats.sink, stats.waiting, stats.overflowed, stats.delivered) == ("Stuck", 4, 4, 0)
    stuck.go.set()
    assert fan_out.flush(240)
    assert len(told) == 1
    assert fan_out.stats()[0].delivered == 5


@pytest.mark.covers("S1-36")
def test_high_water_is_at_four_fifths_if_nothing_else_is_said_and_before_anything_is_lost() -> None:
    stuck, told = Stuck(), list[SinkStats]()
    fan_out = FanOut([Route(stuck, on_high_water=told.append)], capacity=10)
    fan_out.publish(an_envelope())
    assert stuck.began.wait(240)
    for n in range(7):
        fan_out.publish(an_envelope(n))
    assert not eventually(lambda: bool(told), 0.2)
    fan_out.publish(an_envelope(8))
    assert eventually(lambda: len(told) == 1)
    assert (told[0].waiting, told[0].overflowed) == (8, 0)
    stuck.go.set()


def test_what_is_published_last_is_delivered_before_the_process_ends(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from govflow.events.sinks import FanOut, JsonlSink\nfrom tests.events.test_sinks import an_envelope\n"
        "f = FanOut([JsonlSink(Path(sys.argv[1]))])\nfor n in range(50): f.publish(an_envelope(n))\n"
    )
    path = tmp_path / "events.jsonl"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=240, cwd=Path(__file__).parents[2])
    assert len(path.read_text().splitlines()) == 50


def test_a_forked_child_does_not_wait_for_its_parents_sinks() -> None:
    stuck = Stuck()
    fan_out = FanOut([stuck])
    fan_out.publish(an_envelope())
    assert stuck.began.wait(240)

    def child() -> None:
        assert fan_out.flush(0)
        assert fan_out.stats() == ()

    assert reaped(forked(child)) == [0]
    stuck.go.set()


@pytest.mark.covers("S1-33")
def test_any_function_is_a_sink() -> None:
    got: list[Envelope] = []
    fan_out = FanOut([CallableSink(got.append)])
    fan_out.publish(an_envelope())
    assert fan_out.flush(240)
    assert got == [an_envelope()]
    CallableSink.named("builtins:repr").send(an_envelope())


@pytest.mark.parametrize("name", ["", "os", ":x", "os:", "os:nothing", "no_such_module_here:x", "os:sep", "..x:y"])
def test_what_names_no_function_is_refused(name: str) -> None:
    with pytest.raises(SettingsError):
        CallableSink.named(name)
