"""Which policy is on record, and that a change of it is recorded once among all processes."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from govflow.audit.record import Draft
from govflow.audit.verify import Outcome
from govflow.store import Store
from govflow.store.policies import CHANGED, LOADED

pytestmark = pytest.mark.once


def note(store: Store, digest: str, tenant: str = "acme") -> bool:
    def drafted(last: Mapping[str, Any] | None) -> Draft:
        event = LOADED if last is None else CHANGED
        before = None if last is None else last["digest"]
        return Draft(event, tenant, datetime.now(UTC), payload={"digest": digest, "before": before})

    return store.policies.note(tenant, digest, drafted)


def changes(store: Store, tenant: str = "acme") -> list[tuple[str, str | None, str]]:
    bodies = [json.loads(entry.body) for entry in store.entries(tenant)]
    return [(body["event"], body["payload"]["before"], body["payload"]["digest"]) for body in bodies]


def seen_by_a_process(url: str, start: Any, digests: list[str]) -> None:
    with Store.open(url) as store:
        start.wait()
        for digest in digests:
            note(store, digest)


def test_a_policy_is_loaded_once_and_changed_when_it_is_another(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/g.db") as store:
        assert store.policies.last("acme") is None
        assert [note(store, digest) for digest in "aabba"] == [True, False, True, False, True]
        assert changes(store) == [(LOADED, None, "a"), (CHANGED, "a", "b"), (CHANGED, "b", "a")]
        assert note(store, "b", tenant="umbrella")
        assert changes(store, "umbrella") == [(LOADED, None, "b")]
        assert store.policies.last("acme") == {"digest": "a", "before": "b"}


def test_several_processes_record_a_change_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/g.db"
    with Store.open(url) as store:
        note(store, "old")
    spawned = multiprocessing.get_context("spawn")
    start = spawned.Barrier(4)
    processes = [spawned.Process(target=seen_by_a_process, args=(url, start, ["new"] * 5)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(240)
        assert process.exitcode == 0
    with Store.open(url) as store:
        assert changes(store) == [(LOADED, None, "old"), (CHANGED, "old", "new")]
        assert store.verify("acme").outcome is Outcome.VERIFIED
