"""Permits of runs, signed in the process of the flow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govflow.errors import PermitExpired, PermitInvalid, PermitMissing, PermitRefused, PermitRevoked
from govflow.ir.hashing import plan_hash, step_hashes
from govflow.permits.keys import to_set
from govflow.services.permits import fetch_permit, issue_permit, renew_permit, revoke_permits
from govflow.services.signing_keys import export_keys, rotate, signing_key
from govflow.services.workspace import Workspace
from tests.permits.build import OTHER
from tests.services.material import plan
from tests.services.permit_runs import a_workspace, asked, closed, events, opened


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    found = a_workspace(tmp_path)
    yield found
    found.close()


def test_a_permit_says_what_was_decided_of_each_step(place: Workspace) -> None:
    run = opened(place)
    permit = asked(place, run)
    issue_permit(place, permit)
    fetched = fetch_permit(place, run.facts.run_id)
    assert fetched == permit
    assert fetched.plan_hash == plan_hash(plan())
    assert {step_id: step.step_hash for step_id, step in fetched.steps.items()} == step_hashes(plan())
    purge = fetched.steps["purge#1"]
    assert (purge.verdict, purge.count, purge.parents) == ("escalate", 1, ("load#1",))
    assert fetched.steps["etl"].count is None, "the body runs again with every attempt"
    assert events(place, run.facts.run_id)[-1] == "permit.issued"


def test_without_a_permit_there_is_none(place: Workspace) -> None:
    with pytest.raises(PermitMissing, match="No permit was issued"):
        fetch_permit(place, "run-9", wait=0.05)


def test_a_run_that_nobody_decided_on_gets_none(tmp_path: Path) -> None:
    place = a_workspace(tmp_path, mode="observe")
    run = opened(place, unbound=None, idempotency_key="")
    assert run.stopped is not None
    with pytest.raises(PermitRefused, match="not decided"):
        asked(place, run)
    place.close()


def test_a_permit_with_half_its_life_left_is_not_renewed(place: Workspace) -> None:
    run = opened(place)
    issue_permit(place, asked(place, run))
    first = fetch_permit(place, run.facts.run_id)
    assert renew_permit(place, run.facts.run_id) == first


def half_spent(place: Workspace) -> str:
    """The id of a run whose permit has less than half its life left."""
    run, now = opened(place), datetime.now(UTC)
    past = {"issued_at": now - timedelta(seconds=600), "expires_at": now + timedelta(seconds=300)}
    issue_permit(place, asked(place, run, **past))
    return run.facts.run_id


def test_a_renewed_permit_is_another_that_says_the_same(place: Workspace) -> None:
    run_id = half_spent(place)
    first = fetch_permit(place, run_id)
    second = renew_permit(place, run_id)
    assert second.jti != first.jti
    assert second.expires_at > first.expires_at
    assert second.same_grant(first)
    assert events(place, run_id)[-2:] == ["permit.issued", "permit.renewed"]


def test_an_ended_run_renews_nothing(place: Workspace) -> None:
    run, now = opened(place), datetime.now(UTC)
    past = {"issued_at": now - timedelta(seconds=600), "expires_at": now + timedelta(seconds=300)}
    issue_permit(place, asked(place, run, **past))
    closed(place, run)
    with pytest.raises(PermitRefused, match="has ended"):
        renew_permit(place, run.facts.run_id)


def test_a_permit_that_is_over_is_refused(place: Workspace) -> None:
    run, now = opened(place), datetime.now(UTC)
    issue_permit(place, asked(place, run, issued_at=now - timedelta(seconds=60), expires_at=now - timedelta(seconds=1)))
    with pytest.raises(PermitExpired):
        fetch_permit(place, run.facts.run_id)


def test_revoked_permits_are_seen_at_the_next_look_and_are_not_issued_again(place: Workspace) -> None:
    run_id = half_spent(place)
    assert revoke_permits(place, run_id, "wrong table", by=place.principal("bob"))
    assert not revoke_permits(place, run_id, "again"), "the first one stands"
    for look in (fetch_permit, renew_permit):
        with pytest.raises(PermitRevoked, match=r"^bob revoked the permits of run "):
            look(place, run_id)
    again = opened(place, run_id=run_id)
    with pytest.raises(PermitRevoked):
        issue_permit(place, asked(place, again))
    assert events(place, run_id).count("permit.revoked") == 1


def test_a_permit_of_another_tenant_is_not_found(place: Workspace, tmp_path: Path) -> None:
    run = opened(place)
    issue_permit(place, asked(place, run))
    other = a_workspace(tmp_path, tenant="other")
    with pytest.raises(PermitMissing):
        fetch_permit(other, run.facts.run_id)
    other.close()


def test_keys_from_a_file_count_and_those_of_the_database_do_not(place: Workspace, tmp_path: Path) -> None:
    run = opened(place)
    issue_permit(place, asked(place, run))
    held, foreign = tmp_path / "held.json", tmp_path / "foreign.json"
    held.write_text(export_keys(place, datetime.now(UTC)))
    foreign.write_text(to_set([OTHER.public]))
    with_keys = a_workspace(tmp_path, permit_keys=held)
    assert fetch_permit(with_keys, run.facts.run_id).run_id == run.facts.run_id
    with_keys.close()
    without = a_workspace(tmp_path, permit_keys=foreign)
    with pytest.raises(PermitInvalid, match="does not know"):
        fetch_permit(without, run.facts.run_id)
    without.close()


def test_permits_of_a_retired_key_stay_valid_until_they_are_over(place: Workspace) -> None:
    run = opened(place)
    issue_permit(place, asked(place, run))
    old, new = rotate(place, datetime.now(UTC), "bob")
    assert fetch_permit(place, run.facts.run_id).run_id == run.facts.run_id
    assert signing_key(place, datetime.now(UTC)).kid == new
    kept = {key.kid: key for key in place.store.keys.all()}
    assert old is not None
    newest = place.store.permits.newest("default", run.facts.run_id)
    assert newest is not None
    assert kept[old].ends_at == newest.expires_at
    after = newest.expires_at + timedelta(seconds=1)
    assert old not in export_keys(place, after)
    assert new in export_keys(place, after)
