"""A disk that fails at any call, and a kill at any call: what was acknowledged is in the log, once, and it is whole.

``GOVFLOW__FAULTS=all`` tries each call with each fault; without it some of them.
"""

from __future__ import annotations

import json
import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from govflow.audit.verify import Outcome
from govflow.errors import StoreError
from govflow.store import Store
from govflow.store.location import spool_folder
from tests.faults import ERRORS, Fault, Watched, calls_of, faults, kinds, watched, why_not
from tests.store.crash_writer import write
from tests.store.test_writer import left_spool

COUNT = 40

pytestmark = [pytest.mark.once, pytest.mark.timeout(1800)]


@pytest.fixture(autouse=True)
def _here() -> None:
    if (reason := why_not()) is not None:
        pytest.skip(reason)


class Place:
    """A new database for each attempt."""

    def __init__(self, template: Path, folder: Path) -> None:
        self._template = template
        self._folder = folder
        self._made = 0

    def new(self) -> str:
        """The URL of another one."""
        self._made += 1
        path = self._folder / str(self._made) / "govflow.db"
        path.parent.mkdir()
        path.write_bytes(self._template.read_bytes())
        path.chmod(0o600)
        return f"sqlite:///{path}"


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Place:
    return Place(template, tmp_path)


def played(url: str, trace: Path, fault: Fault | None = None) -> tuple[Watched, set[int], set[int]]:
    """A writer that meets the fault: how it ended, and what it was told was written, and was not."""
    hear, tell = socket.socketpair()  # what is said of records is no write to a file, and is not counted

    def work() -> None:
        store = Store.open(url)
        store._writer._interval = 0.0  # the flusher is at work between any two records
        write(store, COUNT, lambda text: tell.sendall(text.encode()))
        with suppress(StoreError):
            store.close()

    seen = watched(work, trace, fault)
    tell.close()
    with hear, hear.makefile() as lines:
        said = [line.strip() for line in lines]
    return seen, {int(one[1:]) for one in said if one[0] == "+"}, {int(one[1:]) for one in said if one[0] == "-"}


def damaged(place: Place, folder: Path) -> str:
    """The URL of a database beside which a writer has died, and left six lines, of which somebody changed one."""
    url = place.new()
    path = left_spool(url, folder, 6)
    path.write_bytes(path.read_bytes().replace(b'"n":2', b'"n":7'))
    return url


def taken_up(url: str, trace: Path, fault: Fault | None = None) -> Watched:
    """Somebody who opens the store and brings to the log what the dead have left, and meets the fault."""

    def work() -> None:
        with Store.open(url) as store:
            store.flush()

    return watched(work, trace, fault)


def bodies_in(store: Store) -> list[dict[str, Any]]:
    return [json.loads(entry.body) for entry in store.entries("acme")]


def found_in(store: Store) -> Counter[int]:
    """How often each record is in the log."""
    return Counter(body["payload"]["n"] for body in bodies_in(store) if body["event"] == "step.intent")


@pytest.mark.parametrize("answers", [ERRORS, ("SIGKILL",)], ids=["errors", "kills"])
def test_a_fault_loses_nothing_that_was_acknowledged(place: Place, tmp_path: Path, answers: tuple[str, ...]) -> None:
    trace = tmp_path / "trace"
    seen, acknowledged, refused = played(place.new(), trace)
    assert (seen.code, len(acknowledged), refused) == (0, COUNT, set())
    calls = calls_of(seen)
    assert kinds(calls) == {"write", "sync", "size", "remove"}, calls
    for fault in faults(calls, answers):
        url = place.new()
        seen, acknowledged, refused = played(url, trace, fault)
        assert seen.met(fault), (fault, "the writer never met it")
        with Store.open(url) as store:
            store.flush()
            found = found_in(store)
            verdict = store.verify("acme")
        assert set(found.values()) <= {1}, (fault, "in the log once")
        assert acknowledged <= found.keys(), (fault, "acknowledged, and lost", acknowledged - found.keys())
        assert verdict.outcome is Outcome.VERIFIED or not found, (fault, verdict.words)
        if seen.code == 0:
            assert acknowledged | refused == set(range(COUNT)), fault
        assert [*spool_folder(url).glob("*")] == [], (fault, "a torn line is no damage, and the dead leave no spool")


@pytest.mark.parametrize("answers", [ERRORS, ("SIGKILL",)], ids=["errors", "kills"])
def test_a_fault_while_a_dead_writers_spool_is_taken_up(place: Place, tmp_path: Path, answers: tuple[str, ...]) -> None:
    trace = tmp_path / "trace"
    calls = calls_of(taken_up(damaged(place, tmp_path), trace))
    assert kinds(calls) == {"write", "sync", "size", "name", "remove"}, calls
    for fault in faults(calls, answers):
        url = damaged(place, tmp_path)
        seen = taken_up(url, trace, fault)
        assert seen.met(fault), (fault, "it was never met")
        with Store.open(url) as store:
            store.flush()
            assert found_in(store) == dict.fromkeys((0, 1, 3, 4, 5), 1), (fault, "each that can be read, once")
            said = [one["payload"] for one in bodies_in(store) if one["event"] == "spool.damaged"]
            assert "something was lost" in store.verify("acme").words, fault
        assert [(one["lines_read"], one["lines_lost"]) for one in said] == [(5, 1)], (fault, "said once")
        assert [one.suffix for one in spool_folder(url).iterdir()] == [".damaged"], fault
