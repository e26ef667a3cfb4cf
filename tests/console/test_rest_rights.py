"""The REST API: delegations, emergencies, and who decides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from govflow.approval.models import BreakGlass, DelegationTerms
from govflow.services.workspace import Workspace
from tests.console import api_place
from tests.console.api_place import a_place, ask, client_of, now

MORE = """\
  owners:
    {required: 2, approvers: ["role:owner"], ttl_seconds: 3600, delegation: {depth: 2, ttl_seconds: 86400},
     break_glass: {approvers: ["user:zed"], review_seconds: 3600}}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    start = api_place.POLICY.index("  owners:")
    monkeypatch.setattr(api_place, "POLICY", api_place.POLICY[:start] + MORE)
    workspace = a_place(tmp_path)
    terms = {"delegation": DelegationTerms(depth=2), "break_glass": BreakGlass(approvers=("user:zed",))}
    ask(workspace, more=terms)
    yield workspace
    workspace.close()


def ids(client: TestClient) -> list[str]:
    return [one["request_id"] for one in client.get("/api/v1/requests").json()["requests"]]


def until() -> str:
    return (now() + timedelta(hours=1)).isoformat()


def test_who_takes_a_delegation_finds_the_request_and_votes(place: Workspace) -> None:
    bob, eve = client_of(place, "bob"), client_of(place, "eve")
    assert ids(eve) == []
    given = bob.post("/api/v1/delegations", json={"to": "eve", "until": until(), "rule": "owners"})
    assert given.status_code == 200, given.text
    assert ids(eve) == ["req-1"]
    assert eve.get("/api/v1/me").json()["waiting"] == "1"
    (stead,) = eve.get("/api/v1/requests/req-1/who").json()["stead"]
    assert stead == {"name": "eve", "through": ["bob"]}
    voted = eve.post("/api/v1/requests/req-1/votes", json={"decision": "approve"}).json()
    assert voted["votes"][0]["through"] == ["bob"]
    assert ids(eve) == []
    number = given.json()["delegation_id"]
    assert [one["delegation_id"] for one in eve.get("/api/v1/delegations").json()["delegations"]] == [number]
    assert client_of(place, "dora").post(f"/api/v1/delegations/{number}/revocation").json()["code"] == "not-eligible"
    assert bob.post(f"/api/v1/delegations/{number}/revocation").status_code == 200
    assert bob.get("/api/v1/delegations").json() == {"delegations": []}


def test_a_delegation_that_was_handed_on(place: Workspace) -> None:
    bob, eve, machine = client_of(place, "bob"), client_of(place, "eve"), client_of(place, "mel")
    assert bob.post("/api/v1/delegations", json={"to": "eve", "until": until(), "depth": 1}).status_code == 200
    handed = eve.post("/api/v1/delegations", json={"to": "mel", "until": until()})
    assert handed.status_code == 200, handed.text
    assert ids(machine) == ["req-1"]


def test_an_emergency_and_its_review(place: Workspace) -> None:
    zed, dora = client_of(place, "zed"), client_of(place, "dora")
    assert dora.post("/api/v1/requests/req-1/break-glass", json={"reason": "disk is full now"}).status_code == 403
    let = zed.post("/api/v1/requests/req-1/break-glass", json={"reason": "disk is full now"})
    assert (let.status_code, let.json()["state"], let.json()["votes"][0]["kind"]) == (200, "approved", "break_glass")
    (due,) = dora.get("/api/v1/reviews").json()["reviews"]
    assert (due["principal"], due["reviewed_by"]) == ("zed", None)
    own = zed.post("/api/v1/requests/req-1/review", json={"reason": "all was well there"})
    assert own.json()["code"] == "self-approval"
    looked = dora.post("/api/v1/requests/req-1/review", json={"reason": "all was well there"})
    assert (looked.status_code, looked.json()["reviewed_by"]) == (200, "dora")
    assert dora.get("/api/v1/reviews").json() == {"reviews": []}


def test_a_standing_approval_needs_an_approved_plan(place: Workspace) -> None:
    bob = client_of(place, "bob")
    assert bob.get("/api/v1/standing").json() == {"standing": []}
    body = {"flow": "flights", "step_id": "flights/purge#0", "runs": 3, "until": until()}
    answer = bob.post("/api/v1/standing", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "request")
