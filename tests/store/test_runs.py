"""A run under one IR is one row, however often it is opened."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from pydantic import JsonValue

from govflow.store import Store
from govflow.store.runs import GovernedRun
from tests.store.things import NOW, a_draft, digest


def save(store: Store, letter: str = "a", *, later: int = 0) -> GovernedRun:
    at = NOW + timedelta(seconds=later)
    permit: dict[str, JsonValue] = {"steps": {"f/load#0": {"tier": 0}}, "opened": later}
    draft = a_draft("run.opened", run_id="run-1")
    return store.runs.save("run-1", "acme", "f", digest(letter), digest("b"), "rita", at, permit, draft)


@pytest.mark.covers("S5-37")
def test_a_run_that_is_opened_again_is_the_same_run(store: Store) -> None:
    first = save(store)
    assert save(store, later=60) == first
    assert store.runs.get("run-1") == first
    assert [json.loads(entry.body)["event"] for entry in store.entries("acme")] == ["run.opened"]


def test_a_run_whose_code_changed_is_another_and_the_newest_is_in_force(store: Store) -> None:
    first = save(store, "a")
    second = save(store, "d")
    assert store.runs.get("run-1") == second
    assert save(store, "a") == first
    assert store.runs.get("run-1") == first


def test_a_run_that_was_never_opened_is_not_there(store: Store) -> None:
    assert store.runs.get("run-9") is None
