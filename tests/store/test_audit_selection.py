"""The records of a run or of a time, in the order of places: what a plain look through the same records finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govflow.audit.record import Draft
from govflow.store import Store

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
COUNT = 2_100  # more than two pages
WRITTEN = [
    (f"run-{number % 3}" if number % 7 else None, BEGAN + timedelta(minutes=number * 37 % COUNT))
    for number in range(COUNT)
]


def written(store: Store) -> Store:
    """The store with these records, whose times are not in the order of their places."""
    with store._writer.transaction() as transaction:
        for run_id, at in WRITTEN:
            transaction.record(Draft("run.opened", "acme", at, run_id=run_id))
        transaction.record(Draft("run.opened", "other", BEGAN, run_id="run-0"))
    return store


def test_it_finds_what_a_plain_look_finds(store: Store) -> None:
    written(store)
    minutes = st.none() | st.integers(-10, COUNT + 10)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from([None, "run-0", "run-2", "absent"]), minutes, minutes, st.integers(0, COUNT))
    def hold(run_id: str | None, since: int | None, until: int | None, size: int) -> None:
        low, high = (None if at is None else BEGAN + timedelta(minutes=at) for at in (since, until))
        found = store.audit_selection.records("acme", size, run_id=run_id, since=low, until=high)
        assert [entry.seq for entry in found] == [
            place
            for place, (run, at) in enumerate(WRITTEN[:size])
            if (run_id is None or run == run_id) and (low is None or at >= low) and (high is None or at < high)
        ]

    hold()


def test_an_entry_is_the_one_that_the_log_holds(store: Store) -> None:
    written(store)
    assert list(store.audit_selection.records("acme", COUNT)) == list(store.entries("acme"))
