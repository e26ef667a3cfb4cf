"""Answers that are given on pages count as those at a terminal do: once, by those who may, with a reason."""

from __future__ import annotations

from govflow.approval import RequestState
from govflow.services.workspace import Workspace
from tests.console.conftest import TWO, Ask, Visit


def test_two_people_approve_what_two_have_to(place: Workspace, ask: Ask, visit: Visit) -> None:
    ask(rule=TWO)
    page = visit("bob").post("/requests/req-1/votes", "/requests/req-1", decision="approve", reason="counted rows")
    assert "More people must approve" in page.text
    assert place.store.approvals.get("req-1").state is RequestState.PENDING
    page = visit("carol").post("/requests/req-1/votes", "/requests/req-1", decision="approve", reason="so did I")
    assert "Approved. The run goes on." in page.text
    assert "counted rows" in page.text
    assert place.store.approvals.get("req-1").state is RequestState.APPROVED
    assert {vote.assurance for vote in place.store.approvals.votes("req-1")} == {"authenticated"}


def test_a_no_needs_a_reason_and_ends_it(place: Workspace, ask: Ask, visit: Visit) -> None:
    ask()
    bob = visit("bob")
    assert "A reason is needed" in bob.post("/requests/req-1/votes", decision="deny", reason=" ").text
    assert "Denied. The step will not run." in bob.post("/requests/req-1/votes", decision="deny", reason="wrong").text
    assert place.store.approvals.get("req-1").state is RequestState.DENIED


def test_the_requester_is_told_why_the_own_answer_does_not_count(place: Workspace, ask: Ask, visit: Visit) -> None:
    ask()
    alice = visit("alice")
    assert "self-approval" in alice.get("/requests/req-1").text
    refused = alice.post("/requests/req-1/votes", "/requests/req-1", decision="approve", reason="me")
    assert (refused.status_code, "self-approval" in refused.text) == (409, True)
    assert place.store.approvals.get("req-1").state is RequestState.PENDING


def test_several_are_answered_at_once_and_each_alone(place: Workspace, ask: Ask, visit: Visit) -> None:
    ask("req-1")
    ask("req-2", requester="bob")
    ask("req-3")
    page = visit("bob").post("/votes", decision="approve", reason="all", request_id=["req-1", "req-2", "req-3", "no"])
    assert page.text.count("Approved. The run goes on.") == 2
    assert "There is no approval request" in page.text
    states = {name: str(place.store.approvals.get(name).state) for name in ("req-1", "req-2", "req-3")}
    assert states == {"req-1": "approved", "req-2": "pending", "req-3": "approved"}


def test_the_requester_takes_a_question_back(place: Workspace, ask: Ask, visit: Visit) -> None:
    ask()
    page = visit("alice").post("/requests/req-1/revocation", "/requests/req-1", reason="no longer needed")
    assert "Taken back." in page.text
    assert place.store.approvals.get("req-1").state is RequestState.REVOKED


def test_what_a_link_says_came_of_an_answer_is_from_our_list(ask: Ask, visit: Visit) -> None:
    ask()
    page = visit("bob").get("/requests/req-1?said=Transfer%20approved").text
    assert "Transfer" not in page


def test_a_list_that_is_old_keeps_nobody_from_answering_what_is_left(place: Workspace, ask: Ask, visit: Visit) -> None:
    """More of it was decided meanwhile, or belongs to another policy, than wrong answers are taken in a minute."""
    late, other = [f"late-{at}" for at in range(8)], [f"other-{at}" for at in range(8)]
    for name in (*late, "left"):
        ask(name)
    for name in other:
        ask(name, {"policy_digest": "sha256:" + "0" * 64})
    visit("carol").post("/votes", decision="deny", reason="no", request_id=late)
    page = visit("bob").post("/votes", decision="approve", reason="all", request_id=[*late, *other, "left"])
    assert str(place.store.approvals.get("left").state) == "approved"
    assert page.text.count("request-closed") == 8 and page.text.count("policy-mismatch") == 8
    assert "too-many-attempts" not in page.text
