"""Owners who do not count, approvals that are taken back or taken alone, and runs that ask nobody: on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prefect import tags
from prefect.client.schemas.objects import FlowRun

from govflow.approval import VoteDecision
from govflow.errors import ApprovalRevoked, SelfApproval
from govflow.prefect.owners import owners_of
from govflow.services.decide_approvals import decide
from govflow.services.revoke_approval import revoke
from govflow.services.stand import list_standing, stand
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings, load_settings
from govflow.store import Store
from tests.prefect.conftest import POLICY, Home
from tests.prefect.people import Background, pending, vote
from tests.prefect.test_approval import SOURCE

TERMS = "{max_runs: 2, ttl_seconds: 7200}"


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    home.configure(policy=POLICY, mode="enforce")
    with home.store() as store:
        yield store


@pytest.fixture
def desk() -> Iterator[Workspace]:
    opened = open_workspace(load_settings())
    yield opened
    opened.close()


def test_owners_come_from_tags_labels_and_the_setting_each_once() -> None:
    run = FlowRun(flow_id=uuid4(), tags=["nightly", "govflow.owner:bob"], labels={"govflow.owner": "Bob, carol, "})
    assert owners_of(run, Settings(owners=("dora",))) == ("dora", "bob", "carol")
    assert owners_of(None, Settings()) == ()


def test_the_owner_of_what_started_a_run_does_not_approve_it(home: Home, store: Store, tmp_path: Path) -> None:
    with tags("govflow.owner:bob"):
        run = Background(home.load(SOURCE).clean, str(tmp_path / "marker"))
    (asked,) = pending(store)
    assert asked.owners == ("bob",)
    with pytest.raises(SelfApproval):
        vote(store, asked, "BOB")
    vote(store, asked, "carol")
    assert run.join() == "purged"


def test_a_run_whose_question_is_taken_back_is_told_by_whom_and_why(
    home: Home, store: Store, desk: Workspace, tmp_path: Path
) -> None:
    run = Background(home.load(SOURCE).clean, str(tmp_path / "marker"))
    (asked,) = pending(store)
    revoke(desk, asked.request_id, desk.principal(asked.requester), "not today", datetime.now(UTC))
    with pytest.raises(ApprovalRevoked, match=f"{asked.requester}: not today"):
        run.join()
    assert not (tmp_path / "marker").exists()


@pytest.mark.covers("B-11")
def test_a_run_that_a_standing_approval_covers_pauses_for_nobody(home: Home, tmp_path: Path) -> None:
    home.configure(policy=POLICY.replace("ttl_seconds: 600", "ttl_seconds: 600, standing: " + TERMS), mode="enforce")
    clean = home.load(SOURCE).clean
    with home.store() as store, closing(open_workspace(load_settings())) as desk:
        first = Background(clean, str(tmp_path / "first"))
        (asked,) = pending(store)
        vote(store, asked, "carol")
        assert first.join() == "purged"
        now = datetime.now(UTC)
        proposed = stand(
            desk,
            desk.principal("dora"),
            flow="clean",
            step_id=asked.binding.step_id,
            runs=1,
            until=now + timedelta(hours=1),
            constraint={"table": "flights"},
            reason="each night",
            now=now,
            new_id="each-night",
        )
        decide(desk, proposed.request_id, desk.principal("carol"), VoteDecision.APPROVE, "", now)
        assert clean(str(tmp_path / "second")) == "purged", "it ends in this thread: nobody is asked"
        ((used, _),) = list_standing(desk)
        assert (used.used, used.approved_by) == (1, ("carol",))
        third = Background(clean, str(tmp_path / "third"))
        (again,) = pending(store)
        assert again.requester == asked.requester
        vote(store, again, "carol", "deny")
        third.end()
    created = [one for one in home.events() if one["event"] == "ir.approval_created"]
    consumed = [one for one in home.events() if one["event"] == "ir.approval_consumed"]
    assert (len(created), len(consumed)) == (4, 2)
