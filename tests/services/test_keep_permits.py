"""Permits that are renewed in the background, for as long as their runs are open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govflow.errors import PermitRevoked
from govflow.services.keep_permits import KEEPER, PermitKeeper, issue_and_keep
from govflow.services.permits import fetch_permit, issue_permit, renew_permit, revoke_permits
from govflow.services.signer import serve
from govflow.services.workspace import Workspace
from tests.services.permit_runs import a_workspace, asked, closed, events, opened


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    found = a_workspace(tmp_path)
    yield found
    found.close()


def eventually(holds: Callable[[], bool], seconds: float = 120.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def issued(place: Workspace, run_id: str) -> int:
    return len(place.store.permits.of_run("default", run_id))


def due(later: timedelta = timedelta()) -> dict[str, datetime]:
    """The dates of a permit of which half is over now, or a little later, and which counts for many minutes yet."""
    half = datetime.now(UTC) + later
    return {"issued_at": half - timedelta(minutes=10), "expires_at": half + timedelta(minutes=10)}


def test_a_kept_permit_is_renewed(place: Workspace) -> None:
    run, keeper = opened(place), PermitKeeper()
    run_id = run.facts.run_id
    permit = asked(place, run, **due())
    issue_permit(place, permit)
    keeper.keep(place, permit)
    assert eventually(lambda: issued(place, run_id) == 2)
    renewed = fetch_permit(place, run_id)
    assert renewed.same_grant(permit)
    assert renewed.expires_at > permit.expires_at
    assert keeper.keeps(run_id)
    assert events(place, run_id).count("permit.renewed") == 1


def test_a_run_that_has_ended_is_let_go(place: Workspace) -> None:
    run, keeper = opened(place), PermitKeeper()
    permit = asked(place, run, **due())
    issue_permit(place, permit)
    closed(place, run)
    keeper.keep(place, permit)
    assert eventually(lambda: not keeper.keeps(run.facts.run_id))
    assert issued(place, run.facts.run_id) == 1


def test_a_permit_is_renewed_after_it_was_over(place: Workspace) -> None:
    """The signer was away for longer than a permit lives; the run is still open."""
    run, now = opened(place), datetime.now(UTC)
    past = {"issued_at": now - timedelta(seconds=60), "expires_at": now - timedelta(seconds=10)}
    issue_permit(place, asked(place, run, **past))
    assert renew_permit(place, run.facts.run_id).expires_at > now


def test_a_revoked_permit_is_let_go(place: Workspace) -> None:
    run, keeper = opened(place), PermitKeeper()
    permit = asked(place, run, **due())
    issue_permit(place, permit)
    with keeper._changed:  # it looks at the permit once it was taken away, however long that takes
        keeper.keep(place, permit)
        revoke_permits(place, run.facts.run_id, "stop")
    assert eventually(lambda: not keeper.keeps(run.facts.run_id))
    with pytest.raises(PermitRevoked):
        fetch_permit(place, run.facts.run_id)
    assert issued(place, run.facts.run_id) == 1


def test_a_closed_workspace_is_not_opened_again(place: Workspace) -> None:
    run, keeper = opened(place), PermitKeeper()
    permit = asked(place, run, **due())
    issue_permit(place, permit)
    place.close()
    keeper.keep(place, permit)
    assert eventually(lambda: not keeper.keeps(run.facts.run_id))
    assert not place.is_open


def test_each_of_many_runs_is_renewed_in_its_turn(place: Workspace) -> None:
    keeper, runs = PermitKeeper(), [opened(place) for _ in range(4)]
    with keeper._changed:  # it looks at none before the first was let go
        for number, run in enumerate(runs):
            permit = asked(place, run, **due(number * timedelta(seconds=0.2)))
            issue_permit(place, permit)
            keeper.keep(place, permit)
        keeper.let_go(runs[0].facts.run_id)
    assert eventually(lambda: all(issued(place, run.facts.run_id) == 2 for run in runs[1:]))
    assert issued(place, runs[0].facts.run_id) == 1


def test_a_signers_shorter_life_is_kept_to(tmp_path: Path) -> None:
    """Fifteen minutes were asked for; the signer gives ten seconds, and the run does not outlive its permit."""
    place, strict = a_workspace(tmp_path, signer="process"), a_workspace(tmp_path, permit_ttl_seconds=10)
    run, stop = opened(place), threading.Event()
    signer = threading.Thread(target=serve, args=(strict, stop))
    signer.start()
    try:
        issue_and_keep(place, asked(place, run))
        assert eventually(lambda: issued(place, run.facts.run_id) >= 2)
    finally:
        KEEPER.let_go(run.facts.run_id)
        stop.set()
        signer.join()
        place.close()
        strict.close()
