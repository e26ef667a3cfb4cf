"""Checkpoints that nobody asks for: when, by whom, and that a seal that fails fails nothing else."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govflow.audit.record import Draft
from govflow.audit.verify import Outcome
from govflow.services.keep_sealed import OpenRuns, Sealing, is_due, open_runs
from govflow.services.seal_log import seal
from govflow.services.signer import serve
from govflow.services.workspace import Workspace
from govflow.store.seals import Unsealed
from tests.services.permit_runs import a_workspace, closed, opened
from tests.store.things import eventually, forked, reaped

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEALS = {"seal_runs": True, "seal_records": 10, "seal_seconds": 60}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    found = a_workspace(tmp_path)
    yield found
    found.close()


def write(place: Workspace, count: int = 1, event: str = "step.intent") -> None:
    for _ in range(count):
        place.store.append(Draft(event, "default", datetime.now(UTC), subject="rita"), durable=False)


def sealed(place: Workspace) -> list[int]:
    return [one.size for one in reversed(place.store.seals.last("default"))]


@pytest.mark.parametrize(
    ("records", "age", "run_ended", "changed", "due"),
    [
        (0, None, False, {}, False),
        (9, 59, False, {}, False),
        (9, 60, False, {}, True),
        (10, 0, False, {}, True),
        (1, 0, True, {}, True),
        (0, None, True, {}, False),
        (1, 0, True, {"seal_runs": False}, False),
        (10**6, 0, False, {"seal_records": 0}, False),
        (9, 10**6, False, {"seal_seconds": 0}, False),
        (10**6, 10**6, True, {"seal_runs": False, "seal_records": 0, "seal_seconds": 0}, False),
    ],
)
def test_when_a_checkpoint_is_due(
    tmp_path: Path, records: int, age: int | None, run_ended: bool, changed: dict[str, object], due: bool
) -> None:
    settings = a_workspace(tmp_path, **(SEALS | changed)).settings
    at = None if age is None else NOW - timedelta(seconds=age)
    assert is_due(Unsealed(records, at, run_ended), settings, NOW) is due


def test_what_is_not_sealed_is_counted_from_the_newest_checkpoint(place: Workspace) -> None:
    assert place.store.seals.unsealed("default") == Unsealed(0, None, False)
    closed(place, opened(place))
    place.store.flush()
    before = place.store.seals.unsealed("default")
    assert before.records == place.store.head("default").size > 0
    assert before.run_ended
    seal(place, datetime.now(UTC))
    assert place.store.seals.unsealed("default") == Unsealed(0, None, False)
    at = NOW + timedelta(days=1)
    for number in range(3):
        draft = Draft("step.intent", "default", at + timedelta(seconds=number), subject="rita")
        place.store.append(draft, durable=True)
    assert place.store.seals.unsealed("default") == Unsealed(3, at, False)
    assert place.store.seals.unsealed("another") == Unsealed(0, None, False)


def test_the_end_of_a_run_seals_all_that_it_wrote(place: Workspace) -> None:
    runs = OpenRuns()
    for size in range(1, 3):
        runs.opened(place)
        closed(place, opened(place))
        runs.ended(place, whole=True)
        assert sealed(place)[-1] == place.store.head("default").size
        assert len(sealed(place)) == size


def test_a_part_of_a_run_and_a_run_that_is_not_to_be_sealed_make_none(place: Workspace, tmp_path: Path) -> None:
    other = a_workspace(tmp_path, seal_runs=False)
    for at, whole in ((place, False), (other, True)):
        runs = OpenRuns()
        runs.opened(at)
        write(at)
        runs.ended(at, whole=whole)
    assert sealed(place) == []
    other.close()


@pytest.mark.parametrize("why", [{"seal_seconds": 0, "seal_records": 5}, {"seal_seconds": 1, "seal_records": 0}])
def test_while_a_run_is_open_its_process_looks_now_and_then(tmp_path: Path, why: dict[str, int]) -> None:
    place, runs = a_workspace(tmp_path, **why), OpenRuns(look_seconds=0.01)
    runs.opened(place)
    write(place, 5)
    assert eventually(lambda: bool(sealed(place)))
    write(place, 6)
    assert eventually(lambda: len(sealed(place)) > 1)
    runs.ended(place, whole=False)
    assert eventually(lambda: all(one.name != "govflow-sealing" for one in threading.enumerate()))
    place.close()


def test_a_seal_that_fails_is_told_once_and_fails_nothing(
    place: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = tmp_path / "keys" / "signing.pem"
    key.parent.mkdir(mode=0o700)
    key.write_text("no key")
    key.chmod(0o600)
    runs = OpenRuns()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            runs.opened(place)
            write(place)
            runs.ended(place, whole=True)
    assert caplog.text.count("seal.failed") == 1
    assert "no key" not in caplog.text
    key.unlink()
    runs.ended(place, whole=True)
    assert sealed(place) == [place.store.head("default").size]


def test_a_database_that_cannot_be_read_is_told_too(place: Workspace, tmp_path: Path) -> None:
    write(place)
    place.store.flush()
    with closing(sqlite3.connect(tmp_path / "gov" / "govflow.db")) as raw:
        raw.execute("ALTER TABLE audit_checkpoint RENAME TO elsewhere")
    sealing = Sealing()
    assert sealing.look(place) is None
    assert sealing.seal(place) is None
    assert sealing.complaint


def test_processes_that_seal_at_once_agree(place: Workspace, tmp_path: Path) -> None:
    seal(place, datetime.now(UTC))  # the key is there

    def work() -> None:
        own = a_workspace(tmp_path)
        for _ in range(10):
            write(own)
            open_runs().ended(own, whole=True)
        own.close()

    assert reaped(*(forked(work) for _ in range(4))) == [0, 0, 0, 0]
    sizes = sealed(place)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == place.store.head("default").size
    for one in place.store.seals.last("default"):
        assert one.note.count("\n— ") == 1
    assert place.store.verify("default").outcome is Outcome.VERIFIED


def test_where_flows_hold_no_key_the_signer_seals(tmp_path: Path) -> None:
    flows = a_workspace(tmp_path, signer="process", signing_key=tmp_path / "nowhere" / "signing.pem")
    runs = OpenRuns(look_seconds=0.01)
    runs.opened(flows)
    write(flows)
    write(flows, event="run.closed")
    runs.ended(flows, whole=True)
    assert sealed(flows) == []
    flows.store.flush()
    signer, stop = a_workspace(tmp_path, signer="process"), threading.Event()
    thread = threading.Thread(target=serve, args=(signer, stop))
    thread.start()
    try:
        assert eventually(lambda: bool(sealed(flows)))
    finally:
        stop.set()
        thread.join()
    signer.close()
    flows.close()
    assert not (tmp_path / "nowhere").exists()
