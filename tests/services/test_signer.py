"""The signer: what it signs, what it refuses, and that no request is answered twice or lost."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from govflow.audit.record import Draft
from govflow.errors import PermitMissing, PermitRefused, PermitRevoked, SignerAbsent
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import plan_key
from govflow.ir.manifest import Manifest
from govflow.ir.models import Plan, Tier
from govflow.permits.models import Permit, PermittedStep
from govflow.policy.model import Verdict
from govflow.services.ask_signer import signer_runs
from govflow.services.permits import fetch_permit, issue_permit, renew_permit, revoke_permits
from govflow.services.signer import answer, answer_all, serve
from govflow.services.workspace import Workspace
from tests.permits.build import DIGEST
from tests.services.material import plan, step
from tests.services.permit_runs import a_workspace, asked, closed, events, opened

PATIENCE = 120.0  # seconds; it only bounds a wait that would never end


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    """The flow's side: it asks, and names a key file that is never there."""
    found = a_workspace(tmp_path, signer="process", signing_key=tmp_path / "not-here" / "signing.pem")
    yield found
    found.close()
    assert not (tmp_path / "not-here").exists(), "whoever asks reads and makes no private key"


@pytest.fixture
def signer(tmp_path: Path) -> Iterator[Workspace]:
    """The signer's side: another store on the same database, with the key."""
    found = a_workspace(tmp_path, signer="process")
    yield found
    found.close()


@contextmanager
def serving(*signers: Workspace) -> Iterator[None]:
    stop, threads = threading.Event(), []
    for one in signers:
        ready = threading.Event()
        threads.append(threading.Thread(target=serve, args=(one, stop, lambda kid, ready=ready: ready.set())))
        threads[-1].start()
        assert ready.wait(PATIENCE)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def file(place: Workspace, permit: Permit) -> str:
    """File a request as whoever can write the database may; its id."""
    request_id, now = str(uuid4()), datetime.now(UTC)
    place.store.permit_requests.file(request_id, permit, now, now + timedelta(seconds=PATIENCE))
    return request_id


def verdict(place: Workspace, signer: Workspace, permit: Permit) -> tuple[str, str]:
    """What the signer says to a request: signed, or refused and why."""
    request_id = file(place, permit)
    answer_all(signer)
    request = place.store.permit_requests.get(request_id)
    assert request is not None
    return request.state, request.reason


def test_a_run_gets_its_permit_from_the_signer(place: Workspace, signer: Workspace) -> None:
    run = opened(place)
    permit = asked(place, run)
    assert not signer_runs(place.settings)
    with serving(signer):
        assert signer_runs(place.settings)
        issue_permit(place, permit, wait=PATIENCE)
        fetched = fetch_permit(place, run.facts.run_id)
    assert fetched.same_grant(permit)
    assert fetched.jti != permit.jti, "the signer names and dates what it signs"
    assert events(place, run.facts.run_id)[-1] == "permit.issued"
    assert not signer_runs(place.settings)


def test_without_a_signer_the_run_is_refused_and_told_how_to_start_one(place: Workspace) -> None:
    run = opened(place)
    with pytest.raises(SignerAbsent, match=r"no signer runs on this machine .*\[signer-absent\] Start it: govflow up"):
        issue_permit(place, asked(place, run), wait=0.2)
    with pytest.raises(PermitMissing):
        fetch_permit(place, run.facts.run_id)


def test_a_request_that_nobody_waits_for_is_not_signed_later(place: Workspace, signer: Workspace) -> None:
    run = opened(place)
    with pytest.raises(SignerAbsent):
        issue_permit(place, asked(place, run), wait=0.05)
    assert answer_all(signer) == 0
    with pytest.raises(PermitMissing):
        fetch_permit(place, run.facts.run_id)


def test_the_signer_does_not_sign_for_longer_than_its_own_setting(tmp_path: Path, place: Workspace) -> None:
    strict = a_workspace(tmp_path, signer="process", permit_ttl_seconds=60)
    run = opened(place)
    assert verdict(place, strict, asked(place, run, expires_at=datetime.now(UTC) + timedelta(hours=5)))[0] == "signed"
    fetched = fetch_permit(place, run.facts.run_id)
    assert fetched.expires_at - fetched.issued_at == timedelta(seconds=60)
    strict.close()


FORGED: dict[str, Callable[[Permit], dict[str, Any]]] = {
    "run": lambda _: {"run_id": "another-run"},
    "tenant": lambda _: {"tenant": "other"},
    "flow": lambda _: {"flow": "other"},
    "requester": lambda _: {"requester": "mallory"},
    "ir": lambda _: {"ir_hash": DIGEST},
    "plan": lambda _: {"plan_hash": DIGEST},
    "plan-key": lambda _: {"plan_key": "other@etl.py:etl"},
    "policy": lambda _: {"policy_digest": DIGEST},
    "mode": lambda _: {"mode": "observe"},
    "environment": lambda _: {"environment": "staging"},
    "attempt": lambda _: {"attempt": 2},
    "step-added": lambda p: {"steps": {**p.steps, "extra#1": a_step()}},
    "step-left-out": lambda p: {"steps": {k: v for k, v in p.steps.items() if k != "load#1"}},
    "step-hash": lambda p: {"steps": changed(p, step_hash=DIGEST)},
    "tier": lambda p: {"steps": changed(p, tier=Tier.MINIMAL)},
    "verdict": lambda p: {"steps": changed(p, verdict=Verdict.PASS)},
    "count": lambda p: {"steps": changed(p, count=None)},
    "parents": lambda p: {"steps": changed(p, parents=("etl", "load#1"))},
}


def a_step() -> PermittedStep:
    return PermittedStep(step_hash=DIGEST, tier=Tier.MINIMAL, verdict=Verdict.PASS)


def changed(permit: Permit, **fields: Any) -> dict[str, PermittedStep]:
    return {**permit.steps, "purge#1": permit.steps["purge#1"].model_copy(update=fields)}


@pytest.mark.parametrize("what", FORGED)
def test_a_request_that_the_recorded_run_does_not_bear_out_is_refused(
    place: Workspace, signer: Workspace, what: str
) -> None:
    run = opened(place)
    honest = asked(place, run)
    forged = honest.model_copy(update=FORGED[what](honest))
    state, reason = verdict(place, signer, forged)
    assert state == "refused", what
    assert "The signer does not sign this" in reason
    assert place.store.permits.newest(forged.tenant, forged.run_id) is None
    refusals = place.store.tail(forged.tenant, 1, event="permit.refused")
    assert len(refusals) == 1, "every refusal is on record"
    assert verdict(place, signer, honest)[0] == "signed", "and the honest one is signed"


def test_a_request_filed_under_another_run_is_refused(place: Workspace, signer: Workspace, tmp_path: Path) -> None:
    run = opened(place)
    request_id = file(place, asked(place, run))
    with closing(sqlite3.connect(tmp_path / "gov" / "govflow.db")) as raw:
        raw.execute("UPDATE permit_request SET run_id='run-2'")
        raw.commit()
    answer_all(signer)
    request = place.store.permit_requests.get(request_id)
    assert request is not None
    assert request.state == "refused"


@pytest.mark.parametrize("document", ["", "{}", "null", "[]", "{", '{"jti": 1}'])
def test_a_request_that_is_no_permit_is_refused_and_the_next_is_signed(
    place: Workspace, signer: Workspace, tmp_path: Path, document: str
) -> None:
    run = opened(place)
    broken = file(place, asked(place, run))
    with closing(sqlite3.connect(tmp_path / "gov" / "govflow.db")) as raw:
        raw.execute("UPDATE permit_request SET document=?", (document,))
        raw.commit()
    assert verdict(place, signer, asked(place, run))[0] == "signed"
    request = place.store.permit_requests.get(broken)
    assert request is not None
    assert request.state == "refused"


def test_a_tampered_approved_plan_is_not_signed_for(place: Workspace, signer: Workspace, tmp_path: Path) -> None:
    run = opened(place)
    with closing(sqlite3.connect(tmp_path / "gov" / "govflow.db")) as raw:
        raw.execute("UPDATE approved_plan SET plan=replace(plan, 'data:read', 'data:delete')")
        raw.commit()
    state, reason = verdict(place, signer, asked(place, run))
    assert (state, "not what its hash says" in reason) == ("refused", True)


def test_a_plan_that_nobody_approved_is_not_signed_for(place: Workspace, signer: Workspace, tmp_path: Path) -> None:
    run = opened(place)
    with closing(sqlite3.connect(tmp_path / "gov" / "govflow.db")) as raw:
        raw.execute("DELETE FROM approved_plan")
        raw.commit()
    state, reason = verdict(place, signer, asked(place, run))
    assert (state, "was approved" in reason) == ("refused", True)


def approve(place: Workspace, a_plan: Plan) -> None:
    now, hashed = datetime.now(UTC), plan_hash(a_plan)
    draft = Draft("plan.approved", "default", now)
    place.store.plans.approve("default", plan_key(a_plan), a_plan, hashed, "bob", now, draft)


def test_a_plan_approved_after_the_run_began_does_not_end_it(place: Workspace, signer: Workspace) -> None:
    run = opened(place)
    approve(place, plan().model_copy(update={"steps": (*plan().steps, step("more#1"))}))
    assert verdict(place, signer, asked(place, run))[0] == "signed"


def test_in_production_a_trusted_plan_is_not_signed_for(signer: Workspace, tmp_path: Path) -> None:
    production = a_workspace(tmp_path, signer="process", environment="production")
    approve(production, plan())
    run = opened(production)
    assert verdict(production, signer, asked(production, run))[0] == "signed"
    with closing(sqlite3.connect(tmp_path / "gov" / "govflow.db")) as raw:
        raw.execute("UPDATE approved_plan SET trusted=1")
        raw.commit()
    state, reason = verdict(production, signer, asked(production, run))
    assert (state, "trusted at first sight" in reason) == ("refused", True)
    production.close()


def test_an_observed_run_needs_no_approved_plan(tmp_path: Path, signer: Workspace) -> None:
    watching = a_workspace(tmp_path, signer="process", mode="observe")
    run = opened(watching)
    with closing(sqlite3.connect(tmp_path / "gov" / "govflow.db")) as raw:
        raw.execute("DELETE FROM approved_plan")
        raw.commit()
    assert verdict(watching, signer, asked(watching, run))[0] == "signed"
    assert fetch_permit(watching, run.facts.run_id).mode == "observe"
    watching.close()


def test_a_run_that_has_ended_or_never_began_gets_nothing(place: Workspace, signer: Workspace) -> None:
    run = opened(place)
    permit = asked(place, run)
    closed(place, run)
    assert verdict(place, signer, permit)[0] == "refused"
    again = opened(place, run_id=run.facts.run_id, attempt=2)
    assert verdict(place, signer, asked(place, again))[0] == "signed", "a retry opens it again"
    assert verdict(place, signer, permit)[0] == "refused", "and what its first attempt asked for is over"


def test_the_signer_renews_and_sees_a_revocation(place: Workspace, signer: Workspace, tmp_path: Path) -> None:
    run = opened(place)
    with serving(signer):
        issue_permit(place, asked(place, run), wait=PATIENCE)
        first = fetch_permit(place, run.facts.run_id)
        half = first.issued_at + timedelta(seconds=450)
        assert renew_permit(place, run.facts.run_id, now=half - timedelta(seconds=1)).jti == first.jti
        second = renew_permit(place, run.facts.run_id, now=half, wait=PATIENCE)
        assert second.jti != first.jti
        assert second.issued_at < half, "the signer's clock dates it, not the clock of the one who asks"
        assert second.expires_at - second.issued_at == timedelta(seconds=900)
        assert revoke_permits(place, run.facts.run_id, "stop", by=place.principal("bob"))
        with pytest.raises(PermitRevoked, match="bob revoked"):
            issue_permit(place, asked(place, run), wait=PATIENCE)


@pytest.mark.once
def test_two_signers_answer_each_request_once(place: Workspace, signer: Workspace, tmp_path: Path) -> None:
    second = a_workspace(tmp_path, signer="process")
    runs = [opened(place) for _ in range(12)]
    failures: list[BaseException] = []

    def issue(number: int) -> None:
        try:
            issue_permit(place, asked(place, runs[number]), wait=PATIENCE)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)

    with serving(signer, second):
        threads = [threading.Thread(target=issue, args=(number,)) for number in range(len(runs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    for run in runs:
        assert len(place.store.permits.of_run("default", run.facts.run_id)) == 1
        assert events(place, run.facts.run_id).count("permit.issued") == 1
    second.close()


@pytest.mark.once
def test_one_request_before_two_signers_is_signed_by_one(place: Workspace, signer: Workspace, tmp_path: Path) -> None:
    second = a_workspace(tmp_path, signer="process")
    run = opened(place)
    file(place, asked(place, run))
    (request,) = place.store.permit_requests.pending(datetime.now(UTC))
    answer(signer, request)
    answer(second, request)  # it read the request before the first one answered
    assert len(place.store.permits.of_run("default", run.facts.run_id)) == 1
    assert events(place, run.facts.run_id).count("permit.issued") == 1
    assert events(place, run.facts.run_id).count("permit.refused") == 0
    second.close()


def test_a_refused_request_names_its_reason_to_the_run(place: Workspace, signer: Workspace) -> None:
    run = opened(place)
    with serving(signer), pytest.raises(PermitRefused, match="mode is not what the database records"):
        issue_permit(place, asked(place, run, mode="observe"), wait=PATIENCE)


def _manifest(a_plan: Plan) -> tuple[str, str]:
    return Manifest(python="cpython-3.11", folder="/srv", plan=a_plan, code={}).written()


def test_a_manifest_is_signed_only_if_it_is_there_and_holds_the_plan(place: Workspace, signer: Workspace) -> None:
    run = opened(place)
    digest, text = _manifest(plan())
    asks = asked(place, run, manifest=digest)
    assert "there is no manifest" in verdict(place, signer, asks)[1]
    other, other_text = _manifest(plan().model_copy(update={"flow": "other"}))
    place.store.manifests.save(other, other_text)
    assert "holds another plan" in verdict(place, signer, asked(place, run, manifest=other))[1]
    place.store.manifests.save(digest, text)
    assert verdict(place, signer, asks)[0] == "signed"


def test_a_manifest_whose_text_was_changed_is_not_signed(place: Workspace, signer: Workspace, tmp_path: Path) -> None:
    run = opened(place)
    digest, text = _manifest(plan())
    place.store.manifests.save(digest, text)
    with closing(sqlite3.connect(tmp_path / "gov" / "govflow.db")) as database:
        database.execute("UPDATE run_manifest SET document = replace(document, '/srv', '/tmp')")
        database.commit()
    assert "is not what its digest says" in verdict(place, signer, asked(place, run, manifest=digest))[1]
