"""Permits at rest: what is issued stays, what is over is dropped, what was revoked gets nothing."""

from __future__ import annotations

import os
import signal
from datetime import timedelta

import pytest

from govflow.audit.record import Draft
from govflow.errors import PermitRefused, PermitRevoked, StoreError
from govflow.permits.keys import encoded
from govflow.permits.models import Permit
from govflow.permits.token import mint
from govflow.store import Store
from govflow.store.permits import Revocation
from tests.permits.build import KEY, NOON, OTHER, a_permit
from tests.store.seen_raw import REFUSALS, Raw
from tests.store.things import a_draft, eventually, forked, reaped

pytestmark = pytest.mark.once


@pytest.fixture
def ready(store: Store) -> Store:
    """A store that knows the key."""
    store.keys.add(KEY.kid, encoded(KEY.public.raw), NOON, a_draft("key.created"))
    return store


def draft(permit: Permit, event: str = "permit.issued") -> Draft:
    return a_draft(event, permit.tenant, run_id=permit.run_id, at=permit.issued_at)


def issue(store: Store, permit: Permit, request_id: str | None = None) -> bool:
    return store.permits.issue(permit, mint(permit, KEY), KEY.kid, draft(permit), request_id)


def revoke(store: Store, run_id: str = "run-1") -> bool:
    revocation = Revocation("acme", run_id, "bob", "claimed", "wrong table", NOON)
    return store.permits.revoke(revocation, a_draft("permit.revoked", run_id=run_id))


def renewed(number: int) -> Permit:
    return a_permit().renewed(f"permit-{number}", NOON + timedelta(minutes=7 * (number - 1)), timedelta(minutes=15))


def test_permits_of_a_run_are_numbered_and_the_newest_counts(ready: Store) -> None:
    for number in (1, 2, 3):
        assert issue(ready, renewed(number))
    assert [permit.number for permit in ready.permits.of_run("acme", "run-1")] == [2, 1, 0]
    assert ready.permits.token("acme", "run-1") == mint(renewed(3), KEY)
    assert ready.permits.token("other", "run-1") is None
    assert len(ready.tail("acme", 9, event="permit.issued")) == 3


def test_texts_that_are_over_are_dropped_and_the_permits_stay(ready: Store, raw: Raw) -> None:
    for number in (1, 2, 3, 4, 5):
        issue(ready, renewed(number))
    assert [row[0] for row in raw.execute("SELECT jti FROM permit_token ORDER BY jti")] == [
        f"permit-{n}" for n in (3, 4, 5)
    ]
    assert len(ready.permits.of_run("acme", "run-1")) == 5


def test_no_two_permits_share_a_jti(ready: Store) -> None:
    issue(ready, a_permit())
    with pytest.raises(StoreError):
        issue(ready, a_permit(run_id="run-2"))
    assert ready.permits.newest("acme", "run-2") is None
    assert len(ready.tail("acme", 9, event="permit.issued")) == 1, "nor is it on record"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE permit SET expires_at = expires_at + 1",
        "DELETE FROM permit",
        "INSERT OR REPLACE INTO permit SELECT * FROM permit",
        "UPDATE permit_revocation SET reason = ''",
        "DELETE FROM permit_revocation",
        "INSERT OR REPLACE INTO permit_revocation SELECT * FROM permit_revocation",
    ],
)
def test_the_database_refuses_to_change_what_was_issued_or_revoked(ready: Store, raw: Raw, statement: str) -> None:
    issue(ready, a_permit())
    revoke(ready)
    says = "append-only" if raw.is_sqlite or "OR REPLACE" not in statement else "syntax error"
    with pytest.raises(REFUSALS, match=says):
        raw.execute(statement)


def test_a_revoked_run_gets_no_permit_and_nothing_is_written(ready: Store) -> None:
    assert revoke(ready)
    assert not revoke(ready)
    with pytest.raises(PermitRevoked, match="bob revoked"):
        issue(ready, a_permit())
    assert ready.permits.of_run("acme", "run-1") == []
    assert len(ready.tail("acme", 9, event="permit.issued")) == 0
    assert issue(ready, a_permit(run_id="run-2")), "another run is not touched"


def test_a_key_that_is_not_known_signs_nothing(ready: Store) -> None:
    with pytest.raises(PermitRefused, match="does not sign"):
        ready.permits.issue(a_permit(), mint(a_permit(), OTHER), OTHER.kid, draft(a_permit()))


def test_a_request_is_answered_once(ready: Store) -> None:
    ready.permit_requests.file("req-1", a_permit(), NOON, NOON + timedelta(seconds=15))
    assert issue(ready, a_permit(), "req-1")
    assert not issue(ready, renewed(2), "req-1")
    assert not ready.permit_requests.refuse("req-1", "permit-refused", "no", a_draft("permit.refused"))
    found = ready.permit_requests.get("req-1")
    assert found is not None
    assert (found.state, found.jti, found.document) == ("signed", "permit-1", "")
    assert len(ready.permits.of_run("acme", "run-1")) == 1


def test_a_request_that_fails_to_be_signed_waits_on(ready: Store) -> None:
    ready.permit_requests.file("req-1", a_permit(), NOON, NOON + timedelta(seconds=15))
    with pytest.raises(PermitRefused):
        ready.permits.issue(a_permit(), mint(a_permit(), OTHER), OTHER.kid, draft(a_permit()), "req-1")
    assert [request.request_id for request in ready.permit_requests.pending(NOON)] == ["req-1"]
    assert ready.permit_requests.pending(NOON + timedelta(seconds=15)) == [], "until nobody waits for it"


def test_killed_at_any_moment_a_permit_is_there_with_its_record_or_neither(ready: Store, url: str) -> None:
    """A process that issues permits for many runs is killed; what it leaves is whole."""

    def work() -> None:
        with Store.open(url) as own:
            for number in range(100_000):
                issue(own, a_permit(jti=f"jti-{number}", run_id=f"run-{number}"))

    child = forked(work)
    assert eventually(lambda: len(ready.permits.list("acme", limit=100_000)) > 3)
    os.kill(child, signal.SIGKILL)
    assert reaped(child) == [-signal.SIGKILL]
    permits = ready.permits.list("acme", limit=100_000)
    assert None not in [ready.permits.token("acme", permit.run_id) for permit in permits]
    assert len(ready.tail("acme", 100_000, event="permit.issued")) == len(permits)
