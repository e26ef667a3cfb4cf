"""Standing approvals on the page of a request: offered where the rule allows them, proposed there, and shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from govflow.approval import ApprovalRequest, RequestState
from govflow.approval.models import StandingTerms
from govflow.audit.record import Draft
from govflow.services.manage_people import add_principal
from govflow.services.revoke_approval import revoke
from govflow.services.stand import list_standing
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings
from tests.console.conftest import PEOPLE, Ask, Visit
from tests.console.test_plan_on_page import approve
from tests.services.material import plan

POLICY = """
version: 1
policy:
  name: mine
  rules:
    - {name: ask, effect: require_approval, actions: ["data:delete"], approval: often}
    - {name: all, effect: allow, actions: ["*"]}
approvals:
  often: {required: 1, approvers: ["role:owner"], standing: {max_runs: 5, ttl_seconds: 172800}}
  once: {required: 1, approvers: ["role:owner"]}
"""
OFFER = "Let it run more than once"
STEP = "purge#1"
GIVEN = {"table": "sales", "limit": 5, "api_key": "canary", "url": "db://u:***@host", "rows": [1, 2]}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace in which a delete asks owners, who may let it run up to five times within two days."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    url = f"sqlite:///{tmp_path}/gov.db"
    opened = open_workspace(Settings(policy=tmp_path / "policy.yaml", database_url=url, tenant="acme"))
    for name, roles in PEOPLE.items():
        add_principal(opened, name, "root", datetime.now(UTC), roles=roles)
    yield opened
    opened.close()


@pytest.fixture
def purge(place: Workspace, ask: Ask) -> Ask:
    """Ask about a step of the approved plan, as a run of alice's does; keywords are fields of the request."""
    hashed = approve(place, plan())

    def purge(request_id: str = "req-1", **changes: Any) -> ApprovalRequest:
        said = {"action": "data:delete", "resource": "dataset://acme/sales", "plan_hash": hashed, "parameters": GIVEN}
        at = {"flow": "etl", "step_id": STEP, "run_id": f"run-{request_id}", **changes.pop("at", {})}
        summary = said | changes.pop("summary", {})
        return ask(request_id, **{"rule": place.approvals["often"], "summary": summary, "at": at, **changes})

    return purge


def proposed(place: Workspace) -> list[ApprovalRequest]:
    return [asked for _, asked in list_standing(place)]


@pytest.mark.covers("B-11")
def test_what_was_asked_once_is_proposed_for_more_runs_and_others_approve_it(
    place: Workspace, purge: Ask, visit: Visit
) -> None:
    purge()
    alice, bob = visit("alice"), visit("bob")
    page = alice.get("/requests/req-1").text
    assert OFFER in page and "Runs, 5 at most" in page
    offered = {"name": "tied", "runs": "5", "hours": "24", "tied": ["table", "limit"], "reason": "each night"}
    there = alice.post("/requests/req-1/standing", "/requests/req-1", **offered)
    assert "Proposed. It is in force once others have approved it" in there.text
    ((standing, asked),) = list_standing(place)
    assert (standing.step_id, standing.max_runs, standing.used) == (STEP, 5, 0)
    assert standing.constraint == {"table": "sales", "limit": 5}, "values as they are, not as they are shown"
    assert standing.plan_hash == place.store.approvals.get("req-1").summary["plan_hash"]
    assert (asked.requester, asked.expires_at - asked.created_at) == ("alice", timedelta(days=1))
    assert place.store.approvals.get("req-1").state is RequestState.PENDING, "the run asks on"

    # Its own page says what it would let through; who proposed it has no button.
    own = f"/requests/{asked.request_id}"
    assert there.url.path == own
    for words in ("5 runs until", "nobody waits for the answer", "0 of 5 runs", "people are asked", "each night"):
        assert words in there.text, words
    assert "self-approval" in there.text and ">Approve</button>" not in there.text
    assert OFFER not in there.text, "nobody proposes one of a standing approval"
    said = bob.post(f"{own}/votes", own, decision="approve", reason="as agreed").text
    assert "Approved. The standing approval is in force." in said
    assert re.search(r"<dt>holds</dt><dd>in force, until \d{4}-", said)


@pytest.mark.covers("B-11")
def test_it_is_offered_only_where_the_rule_allows_it(place: Workspace, purge: Ask, visit: Visit) -> None:
    often, once = place.approvals["often"], place.approvals["once"]
    earlier = approve(place, plan())
    cases: dict[str, dict[str, Any]] = {
        "no-terms": {"rule": once},
        "whole-plan": {"rule": often.model_copy(update={"scope": "plan"})},
        "other-policy": {"at": {"policy_digest": "sha256:" + "f" * 64}},
        "other-plan": {"summary": {"plan_hash": "sha256:" + "f" * 64}},
        "other-step": {"at": {"step_id": "other#1"}},
        "other-flow": {"at": {"flow": "other"}},
    }
    bob = visit("bob")
    for request_id, changes in cases.items():
        purge(request_id, **changes)
        assert OFFER not in bob.get(f"/requests/{request_id}").text, request_id
        refused = bob.post(f"/requests/{request_id}/standing", "/", runs="1", hours="4", reason="each night")
        assert "cannot be approved for more than one run" in refused.text, request_id
    purge("denied")
    assert OFFER in bob.get("/requests/denied").text
    bob.post("/requests/denied/votes", "/requests/denied", decision="deny", reason="no")
    assert OFFER not in bob.get("/requests/denied").text
    purge("stale")
    less = plan().model_copy(update={"findings": (), "steps": plan().steps[:2], "edges": ()})
    assert approve(place, less) != earlier
    assert OFFER not in bob.get("/requests/stale").text, "the plan of that run is not the approved one any more"
    assert not proposed(place)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runs": "6"}, "allows 1 to 5"),
        ({"runs": "0"}, "runs"),
        ({"runs": "many"}, "runs"),
        ({"hours": "0"}, "hours"),
        ({"hours": "999999999"}, "hours"),
        ({"reason": "  "}, "A reason is needed"),
        ({"tied": "api_key"}, "No call can be held to the value of api_key"),
        ({"tied": "rows"}, "No call can be held to the value of rows"),
        ({"tied": "other"}, "No call can be held to the value of other"),
    ],
)
def test_what_is_wider_than_the_rule_or_looks_at_a_secret_is_not_proposed(
    place: Workspace, purge: Ask, visit: Visit, changes: dict[str, str], words: str
) -> None:
    purge()
    form = {"runs": "1", "hours": "4", "tied": "table", "reason": "each night", **changes}
    answer = visit("bob").post("/requests/req-1/standing", "/requests/req-1", **form)
    assert answer.status_code >= 400
    assert words in answer.text
    assert not proposed(place)


def test_no_page_of_another_site_and_nobody_unknown_proposes_one(place: Workspace, purge: Ask, visit: Visit) -> None:
    purge()
    form = {"runs": "1", "hours": "4", "reason": "each night"}
    foreign = visit("bob").client.post(
        "/requests/req-1/standing", data=form, headers={"sec-fetch-site": "cross-site"}, follow_redirects=False
    )
    assert foreign.status_code == 403
    nobody = visit("").client.post(
        "/requests/req-1/standing", data=form, headers={"sec-fetch-site": "same-origin"}, follow_redirects=False
    )
    assert (nobody.status_code, nobody.headers["location"].partition("?")[0]) == (303, "/sign-in")
    assert not proposed(place)


def test_secrets_are_no_choice_and_spans_end_with_the_rules(place: Workspace, purge: Ask, visit: Visit) -> None:
    purge()
    page = visit("bob").get("/requests/req-1").text
    assert re.findall(r'name="tied" value="(\w+)"', page) == ["table", "limit"]
    assert "canary" not in page
    assert re.findall(r'<option value="\d+">([^<]+)</option>', page) == [
        "4 hours",
        "1 day",
        "as long as the rule allows",
    ]
    brief = place.approvals["often"].model_copy(update={"standing": StandingTerms(max_runs=1, ttl_seconds=60)})
    purge("req-2", rule=brief, summary={"parameters": {}})
    page = visit("bob").get("/requests/req-2").text
    assert re.findall(r'<option value="\d+">([^<]+)</option>', page) == ["as long as the rule allows"]
    assert "it holds whatever they are" in page


def test_as_long_as_the_rule_allows_is_no_longer(place: Workspace, purge: Ask, visit: Visit) -> None:
    purge()
    bob = visit("bob")
    page = bob.get("/requests/req-1").text
    (longest,) = re.findall(r'<option value="(\d+)">as long as the rule allows', page)
    bob.post("/requests/req-1/standing", "/requests/req-1", runs="2", hours=longest, reason="for the move")
    (asked,) = proposed(place)
    assert asked.expires_at - asked.created_at == timedelta(days=2)
    assert asked.summary["parameters"] == {}, "without a tick a parameter may be anything"


@pytest.mark.covers("B-11")
def test_the_page_counts_the_runs_and_says_where_it_ends(place: Workspace, purge: Ask, visit: Visit) -> None:
    purge()
    bob, carol = visit("bob"), visit("carol")
    form = {"runs": "1", "hours": "4", "tied": "table", "reason": "tonight"}
    own = bob.post("/requests/req-1/standing", "/requests/req-1", **form).url.path
    carol.post(f"{own}/votes", own, decision="approve", reason="fine")
    used = place.store.approvals.get("req-1").model_copy(update={"request_id": "used"})
    used = used.model_copy(update={"binding": used.binding.model_copy(update={"run_id": "run-used"})})
    let = place.store.standing.use(
        used,
        Draft("ir.approval_created", "acme", used.created_at, subject="alice"),
        plan_hash=str(used.summary["plan_hash"]),
        parameters=lambda: {"table": "sales"},
    )
    assert let is not None
    page = carol.get(own).text
    assert "1 of 1 runs" in page and "used up" in page
    assert "approved under" in carol.get("/requests/used").text
    revoke(place, own.rpartition("/")[2], place.principal("bob"), "enough", datetime.now(UTC))
    assert re.search(r"<dt>holds</dt><dd>revoked", carol.get(own).text)
