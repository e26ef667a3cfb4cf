"""Runs are decided by another policy than before: that is on record, once, before the first of them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from govflow.audit.verify import Outcome
from govflow.bundles import to_public_text
from govflow.services.workspace import open_workspace
from tests.bundles.signed import CAROL, a_bundle
from tests.governor.conftest import Staged
from tests.governor.plans import plan, step
from tests.governor.stage import POLICY, People, Stage

pytestmark = pytest.mark.once

LOAD = plan(step("etl/load#1", action="data:read", provider="duckdb", resource="dataset://acme/sales"))
EVENTS = ("policy.loaded", "policy.changed")
OTHER = POLICY.replace("{name: safe, effect: allow", "{name: harmless, rollout: {percent: 100}, effect: allow")


def test_the_first_policy_of_a_tenant_is_loaded(stage: Stage) -> None:
    stage.open(LOAD)
    (record,) = stage.log(*EVENTS)
    assert record["event"] == "policy.loaded"
    assert (record["subject"], record["run_id"], record["flow"]) == ("alice", "run-1", "etl")
    payload = record["payload"]
    assert (payload["digest"], payload["before"]) == (stage.workspace.document.digest, None)
    assert payload["changes"]["added"] == ["no-payments", "one-says-yes", "safe", "two-say-yes"]


@pytest.mark.covers("S4-26")
def test_a_change_names_what_changed_and_comes_before_what_it_decides(staged: Staged) -> None:
    before, after = staged(), staged(OTHER)
    before.open(LOAD)
    after.open(LOAD, run_id="run-2")
    (record,) = after.log("policy.changed")
    payload = record["payload"]
    assert record["severity"] == "warning"
    assert (payload["before"], payload["digest"]) == (before.workspace.document.digest, after.workspace.document.digest)
    assert payload["changes"] == {
        "added": ["harmless"],
        "removed": ["safe"],
        "changed": [],
        "rollout": {"harmless": [None, 100]},
        "sections": [],
    }
    decided = [body for body in after.log() if body["run_id"] == "run-2"]
    assert [body["event"] for body in decided].index("policy.changed") < [body["event"] for body in decided].index(
        "ir.validated_pass"
    )
    assert after.port.store.verify("acme").outcome is Outcome.VERIFIED


def test_the_same_policy_again_is_no_change(staged: Staged) -> None:
    for number in range(3):
        staged(executor=f"process-{number}").open(LOAD, run_id=f"run-{number}")
    assert len(staged().log(*EVENTS)) == 1


def test_the_way_back_is_a_change_too(staged: Staged) -> None:
    for number, policy in enumerate([POLICY, OTHER, POLICY]):
        staged(policy).open(LOAD, run_id=f"run-{number}")
    first, second, third = [body["payload"] for body in staged().log(*EVENTS)]
    assert (second["before"], third["before"]) == (first["digest"], second["digest"])
    assert third["digest"] == first["digest"]


def test_a_tenant_has_its_own_changes(staged: Staged) -> None:
    staged().open(LOAD)
    other = staged(OTHER, tenant="umbrella")
    other.open(LOAD, run_id="run-2")
    assert [body["event"] for body in other.log(*EVENTS)] == ["policy.loaded"]
    assert [body["event"] for body in staged().log(*EVENTS)] == ["policy.loaded"]


def test_many_that_see_a_change_at_once_record_it_once(staged: Staged) -> None:
    """Each stage is a process of its own: its own store, its own connection, its own streams."""
    staged().open(LOAD)
    many = [staged(OTHER, executor=f"process-{number}") for number in range(12)]
    together = threading.Barrier(len(many))

    def opened(number: int) -> None:
        together.wait()
        many[number].open(LOAD, run_id=f"run-at-once-{number}")

    with ThreadPoolExecutor(len(many)) as pool:
        list(pool.map(opened, range(len(many))))
    assert len(staged(OTHER).log("policy.changed")) == 1
    assert staged(OTHER).port.store.verify("acme").outcome is Outcome.VERIFIED


def test_who_signed_a_policy_stands_in_the_record(staged: Staged, tmp_path: Path) -> None:
    (tmp_path / "p.bundle.json").write_text(a_bundle({"policy.yaml": POLICY}))
    (tmp_path / "keys.json").write_text(to_public_text([CAROL.public]))
    stage = staged()
    settings = stage.workspace.settings.model_copy(
        update={"policy": tmp_path / "p.bundle.json", "policy_keys": tmp_path / "keys.json"}
    )
    signed = open_workspace(settings)
    try:
        Stage(signed, People(signed, "executor-1")).open(LOAD)
    finally:
        signed.close()
    (record,) = stage.log(*EVENTS)
    assert record["payload"]["signed"] == {
        "kid": CAROL.kid,
        "made_by": "carol",
        "made_at": "2026-11-22T12:00:00+00:00",
    }
