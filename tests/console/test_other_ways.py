"""Besides a plain yes or no: handing on, breaking the glass, reviewing, standing approvals, suspended runs."""

from __future__ import annotations

from fastapi.testclient import TestClient

from govflow.approval import ApprovalRequest, ApprovalRule, RequestState
from govflow.approval.models import BreakGlass, DelegationTerms, Group, Stage
from govflow.console.app import create_app
from govflow.services.resume_run import RESUMED
from govflow.services.workspace import Workspace
from govflow.store import Store
from tests.console.conftest import ONE, TWO, Ask, Browser, Visit

HANDED_ON = ApprovalRule(name="handed-on", approvers=("role:owner",), delegation=DelegationTerms(depth=1))
ALONE = ApprovalRule(
    name="alone", required=2, approvers=("role:owner",), break_glass=BreakGlass(approvers=("user:bob",))
)
STAGED = ApprovalRule(
    name="staged",
    stages=(
        Stage(name="owners", groups=(Group(name="data", approvers=("user:bob",)),)),
        Stage(name="security", groups=(Group(name="on duty", approvers=("user:carol",)),)),
    ),
)


def test_somebody_else_answers_one_request_in_my_stead(place: Workspace, ask: Ask, visit: Visit) -> None:
    ask(rule=HANDED_ON)
    dave = visit("dave")
    assert "not-eligible" in dave.get("/requests/req-1").text
    assert "Nothing waits for you" in dave.get("/").text
    page = visit("bob").post("/requests/req-1/delegations", "/requests/req-1", to="dave", reason="I am away")
    assert "Handed on." in page.text
    assert "dave for bob" in page.text
    assert "req-1" in dave.get("/").text, "what others let one answer is in the inbox"
    assert "You answer for <strong>bob</strong>" in dave.get("/requests/req-1").text
    done = dave.post("/requests/req-1/votes", "/requests/req-1", decision="approve", reason="looked")
    assert "Approved." in done.text
    (vote,) = place.store.approvals.votes("req-1")
    assert (vote.principal, vote.through) == ("dave", ("bob",))


def test_nobody_hands_on_to_the_requester_or_without_a_right(place: Workspace, ask: Ask, visit: Visit) -> None:
    ask(rule=HANDED_ON)
    bob = visit("bob")
    assert "self-approval" in bob.post("/requests/req-1/delegations", "/", to="alice", reason="you do it").text
    assert "not-eligible" in visit("dave").post("/requests/req-1/delegations", "/", to="carol", reason="x").text
    assert "A reason is needed" in bob.post("/requests/req-1/delegations", "/", to="dave", reason=" ").text
    ask("req-2", rule=ONE)
    assert "lets nobody delegate" in bob.post("/requests/req-2/delegations", "/", to="dave", reason="x").text
    assert not place.store.delegations.of("acme")


def test_a_delegation_ends_where_it_is_listed(place: Workspace, ask: Ask, visit: Visit) -> None:
    ask(rule=HANDED_ON)
    bob, dave = visit("bob"), visit("dave")
    bob.post("/requests/req-1/delegations", "/requests/req-1", to="dave", reason="I am away")
    (given,) = place.store.delegations.of("acme")
    assert "I am away" in dave.get("/delegations").text
    path = f"/delegations/{given.delegation_id}/end"
    assert "not-eligible" in visit("carol").post(path).text, "those between whom it is end it, and nobody else"
    assert "Taken back." in bob.post(path, "/delegations").text
    assert "not-eligible" in dave.get("/requests/req-1").text


def test_one_person_lets_it_run_in_an_emergency_and_another_reviews_it(
    place: Workspace, ask: Ask, visit: Visit
) -> None:
    ask(rule=ALONE)
    bob, carol = visit("bob"), visit("carol")
    assert "Break glass" in bob.get("/requests/req-1").text
    assert "Break glass" not in carol.get("/requests/req-1").text
    assert "not-eligible" in carol.post("/requests/req-1/break-glass", "/", reason="it burns, really").text
    assert "10 characters" in bob.post("/requests/req-1/break-glass", "/", reason="fire").text
    assert "Approved by you alone." in bob.post("/requests/req-1/break-glass", "/", reason="it burns, really").text
    assert place.store.approvals.get("req-1").state is RequestState.APPROVED
    assert "wait for a review" in carol.get("/").text or "waits for a review" in carol.get("/").text
    assert "req-1" in carol.get("/reviews").text
    assert "Record the review" not in bob.get("/requests/req-1").text
    refused = bob.post("/requests/req-1/review", "/", reason="all was well with me")
    assert "Nobody reviews what they had a part in." in refused.text
    done = carol.post("/requests/req-1/review", "/requests/req-1", reason="the table was full, it had to go")
    assert "Your review is on record." in done.text
    assert "req-1" not in carol.get("/reviews").text
    assert "it had to go" in carol.get("/reviews?all=true").text


def test_stages_are_shown_as_they_are_asked(ask: Ask, visit: Visit) -> None:
    ask(rule=STAGED)
    page = visit("carol").get("/requests/req-1").text
    assert "asked now" in page and "asked later" in page
    visit("bob").post("/requests/req-1/votes", "/requests/req-1", decision="approve", reason="fine")
    page = visit("carol").get("/requests/req-1").text
    assert "1 of 1 said yes (bob)" in page
    assert "Now this can be carol" in page


def test_a_suspended_run_goes_on_and_the_page_says_so(place: Workspace, ask: Ask, visit: Visit) -> None:
    seen: list[str] = []

    def engine(store: Store, request: ApprovalRequest) -> str:
        seen.append(request.binding.run_id)
        return RESUMED if request.request_id == "req-1" else "the run is Cancelled"

    said = {"action": "data:delete", "resource": "dataset://acme/sales", "wait": "suspend"}
    ask(rule=ONE, summary=said)
    ask("req-2", rule=TWO, summary=said)
    client = TestClient(create_app(place, engine), base_url="http://127.0.0.1:4300")
    client.cookies.set("govflow", visit("bob").client.cookies["govflow"])
    bob = Browser(client)
    done = bob.post("/requests/req-1/votes", "/requests/req-1", decision="approve", reason="ok")
    assert "it goes on at the next poll of its runner" in done.text
    assert "More people must approve" in bob.post("/requests/req-2/votes", "/", decision="approve", reason="ok").text
    assert seen == ["run-1"], "a run is started again once its request is decided, and not before"
    assert "was suspended and stays so" in bob.post("/requests/req-2/revocation", "/", reason="no").text


def test_without_an_engine_the_page_says_what_to_press(ask: Ask, visit: Visit) -> None:
    ask(summary={"action": "data:delete", "wait": "suspend"})
    done = visit("bob").post("/requests/req-1/votes", "/requests/req-1", decision="deny", reason="no")
    assert "Denied. The step will not run." in done.text
    assert "press Resume on its page in Prefect" in done.text


def test_the_policy_that_the_run_was_judged_by_is_said(ask: Ask, visit: Visit) -> None:
    ask(at={"policy_digest": "sha256:" + "f" * 64})
    page = visit("bob").get("/requests/req-1").text
    assert "policy-mismatch" in page
    assert ">Approve</button>" not in page
