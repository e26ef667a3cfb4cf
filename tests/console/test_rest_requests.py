"""The REST API: requests and answers, by whom, and how errors are told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from govflow.approval import RequestState
from govflow.console.app import create_app
from govflow.services.invite_people import invite
from govflow.services.manage_people import deactivate_principal
from govflow.services.resume_run import RESUMED
from govflow.services.sign_in import use_link
from govflow.services.workspace import Workspace
from tests.console.api_place import a_place, ask, client_of, key_of, now

OURS = {"sec-fetch-site": "same-origin"}
Caller = Callable[[str | None], TestClient]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    workspace = a_place(tmp_path)
    yield workspace
    workspace.close()


@pytest.fixture
def client(place: Workspace) -> Caller:
    return lambda name: client_of(place, name)


def test_two_owners_approve(place: Workspace, client: Caller) -> None:
    ask(place)
    bob, dora = client("bob"), client("dora")
    assert [one["request_id"] for one in bob.get("/api/v1/requests").json()["requests"]] == ["req-1"]
    first = bob.post("/api/v1/requests/req-1/votes", json={"decision": "approve", "reason": "looked at it"})
    assert (first.status_code, first.json()["state"], first.json()["needed"]) == (200, "pending", 1)
    assert bob.get("/api/v1/requests").json() == {"requests": [], "next": None}
    second = dora.post("/api/v1/requests/req-1/votes", json={"decision": "approve"})
    assert (second.json()["state"], second.json()["needed"]) == ("approved", 0)
    said = second.json()["votes"]
    assert [(one["principal"], one["assurance"], one["reason"]) for one in said] == [
        ("bob", "authenticated", "looked at it"),
        ("dora", "authenticated", ""),
    ]
    (row,) = bob.get("/api/v1/requests", params={"view": "decided"}).json()["requests"]
    assert (row["state"], row["tier"], row["action"]) == ("approved", 3, "data:delete")


def test_a_vote_that_is_sent_again_is_told_that_it_counted(place: Workspace, client: Caller) -> None:
    ask(place)
    bob = client("bob")
    assert bob.post("/api/v1/requests/req-1/votes", json={"decision": "approve"}).status_code == 200
    again = bob.post("/api/v1/requests/req-1/votes", json={"decision": "approve"})
    assert (again.status_code, again.json()["code"]) == (409, "already-voted")
    assert len(place.store.approvals.votes("req-1")) == 1


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("rita", 403, "self-approval"), ("eve", 403, "not-eligible"), (None, 401, "sign-in-refused")],
)
def test_who_does_not_count(place: Workspace, client: Caller, name: str | None, status: int, code: str) -> None:
    ask(place)
    answer = client(name).post("/api/v1/requests/req-1/votes", json={"decision": "approve"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == {"code", "message", "mend"}
    assert place.store.approvals.votes("req-1") == []


def test_a_denied_request_is_closed(place: Workspace, client: Caller) -> None:
    ask(place)
    assert client("bob").post("/api/v1/requests/req-1/votes", json={"decision": "deny"}).json()["state"] == "denied"
    late = client("dora").post("/api/v1/requests/req-1/votes", json={"decision": "approve"})
    assert (late.status_code, late.json()["code"]) == (409, "request-closed")


def test_an_answer_under_another_policy_does_not_count(place: Workspace, client: Caller) -> None:
    ask(place, policy_digest="sha256:" + "f" * 64)
    answer = client("bob").post("/api/v1/requests/req-1/votes", json={"decision": "approve"})
    assert (answer.status_code, answer.json()["code"]) == (409, "policy-mismatch")


def test_nobody_learns_of_another_tenants_requests(place: Workspace, client: Caller) -> None:
    ask(place, tenant="other")
    bob = client("bob")
    there, nowhere = bob.get("/api/v1/requests/req-1"), bob.get("/api/v1/requests/req-2")
    assert there.status_code == nowhere.status_code == 404
    assert there.text.replace("req-1", "req-2") == nowhere.text
    assert bob.get("/api/v1/requests", params={"view": "all"}).json()["requests"] == []


def test_a_token_votes_without_a_sign_in_once(place: Workspace, client: Caller) -> None:
    ask(place)
    made = client("bob").post("/api/v1/requests/req-1/tokens").json()
    assert (made["principal"], made["request_id"]) == ("bob", "req-1")
    anybody, body = client(None), {"decision": "approve", "token": made["token"]}
    answer = anybody.post("/api/v1/requests/req-1/answers", json=body)
    assert (answer.status_code, answer.json()) == (200, {"request_id": "req-1", "state": "pending", "resumed": ""})
    again = anybody.post("/api/v1/requests/req-1/answers", json=body)
    assert (again.status_code, again.json()["code"]) == (403, "token-invalid")
    nowhere = anybody.post("/api/v1/requests/req-2/answers", json=body)
    assert (nowhere.status_code, nowhere.json()) == (again.status_code, again.json())


def test_guessed_tokens_are_limited(place: Workspace, client: Caller) -> None:
    ask(place)
    anybody, body = client(None), {"decision": "approve", "token": "gfa_" + "A" * 43}
    statuses = [
        anybody.post("/api/v1/requests/req-1/answers", json=body).status_code
        for _ in range(place.settings.answer_limit + 2)
    ]
    assert statuses[0] == 403
    assert statuses[-1] == 429
    last = anybody.post("/api/v1/requests/req-1/answers", json=body)
    assert last.json()["code"] == "too-many-attempts"
    assert int(last.headers["retry-after"]) > 0


@pytest.fixture
def strict(place: Workspace) -> Workspace:
    """Two wrong answers are enough: all of a test lies within their minute."""
    place.settings = place.settings.model_copy(update={"answer_limit": 2})
    return place


def stranger(place: Workspace, number: int) -> TestClient:
    """Somebody who is not signed in, at an address of their own."""
    return TestClient(create_app(place), base_url="http://127.0.0.1:4300", client=(f"192.0.2.{number}", 5000))


@pytest.mark.parametrize("tokens", ["one", "many"])
def test_whether_a_request_is_there_shows_in_no_answer_to_guessed_tokens(strict: Workspace, tokens: str) -> None:
    ask(strict)
    ask(strict, "req-3", tenant="other")
    seen: dict[str, list[object]] = {}
    for number, request_id in enumerate(("req-1", "req-2", "req-3")):
        for attempt in range(4):
            guess = f"gfa_{number}{0 if tokens == 'one' else attempt:042}"
            body = {"decision": "deny", "token": guess}
            answer = stranger(strict, number).post(f"/api/v1/requests/{request_id}/answers", json=body)
            told = {name: text for name, text in answer.json().items() if answer.status_code == 403 or name != "mend"}
            seen.setdefault(request_id, []).append((answer.status_code, told, "retry-after" in answer.headers))
    assert seen["req-1"] == seen["req-2"] == seen["req-3"]
    assert [one[0] for one in seen["req-1"]] == [403, 403, 429, 429]  # type: ignore[index]
    assert strict.store.approvals.get("req-1").state is RequestState.PENDING


def test_who_guesses_at_requests_that_are_not_there_is_stopped_at_those_that_are(
    strict: Workspace, client: Caller
) -> None:
    ask(strict)
    token = client("bob").post("/api/v1/requests/req-1/tokens").json()["token"]
    for number in range(2):
        body = {"decision": "deny", "token": f"gfa_{number:043}"}
        assert stranger(strict, 1).post(f"/api/v1/requests/no-{number}/answers", json=body).status_code == 403
    body = {"decision": "approve", "token": token}
    assert stranger(strict, 1).post("/api/v1/requests/req-1/answers", json=body).status_code == 429
    assert stranger(strict, 2).post("/api/v1/requests/req-1/answers", json=body).status_code == 200


def test_the_requester_takes_a_request_back(place: Workspace, client: Caller) -> None:
    ask(place)
    taken = client("rita").post("/api/v1/requests/req-1/revocation", json={"reason": "wrong day"})
    assert (taken.status_code, taken.json()["state"], taken.json()["why"]) == (200, "revoked", "rita: wrong day")
    assert place.store.approvals.get("req-1").state is RequestState.REVOKED


def test_no_answer_holds_a_secret(place: Workspace, client: Caller) -> None:
    ask(place)
    bob = client("bob")
    token = bob.post("/api/v1/requests/req-1/tokens").json()["token"]
    shown = bob.get("/api/v1/requests/req-1")
    assert shown.json()["summary"]["parameters"]["rows"] == 3
    unusable = bob.post("/api/v1/requests/req-1/answers", json={"decision": "perhaps", "token": token})
    assert unusable.status_code == 422
    for answer in (shown, unusable, bob.get("/api/v1/audit/records"), bob.get("/api/v1/requests?view=all")):
        assert "hunter2" not in answer.text
        assert token not in answer.text


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer gfk_" + "A" * 43, "Basic Ym9iOmJvYg==", "Bearer \t", "Bearer é".encode("latin-1")]
)
def test_a_header_that_does_not_count(place: Workspace, client: Caller, header: str | bytes) -> None:
    answer = client(None).get("/api/v1/me", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in-refused")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_key_of_someone_who_left_does_not_count(place: Workspace, client: Caller) -> None:
    bob = client("bob")
    assert bob.get("/api/v1/me").json()["selectors"] == ["role:owner", "user:bob"]
    deactivate_principal(place, "bob", "root", now())
    assert bob.get("/api/v1/me").status_code == 401


def in_browser(place: Workspace, client: Caller) -> TestClient:
    url = invite(place, "ann", "root", now(), os.urandom(32)).url
    _, session = use_link(place, url.rsplit("/", 1)[1], now(), os.urandom(32))
    browser = client(None)
    browser.cookies.set("govflow", session)
    return browser


def test_a_session_reads_and_votes_from_a_page_of_ours(place: Workspace, client: Caller) -> None:
    ask(place)
    browser = in_browser(place, client)
    assert browser.get("/api/v1/me").json()["method"] == "link"
    token = {"x-form-token": browser.get("/api/v1/me").json()["form_token"]}
    answer = browser.post("/api/v1/requests/req-1/votes", json={"decision": "approve"}, headers={**OURS, **token})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin"},
        {"x-form-token": "TOKEN"},
        {**OURS, "x-form-token": "0" * 64},
        {"sec-fetch-site": "cross-site", "x-form-token": "TOKEN"},
        {"sec-fetch-site": "same-site", "x-form-token": "TOKEN"},
        {"x-form-token": "TOKEN", "origin": "https://evil.example"},
    ],
)
def test_another_site_cannot_vote_with_a_session(place: Workspace, client: Caller, headers: dict[str, str]) -> None:
    ask(place)
    browser = in_browser(place, client)
    token = browser.get("/api/v1/me").json()["form_token"]
    headers = {name: value.replace("TOKEN", token) for name, value in headers.items()}
    answer = browser.post("/api/v1/requests/req-1/votes", json={"decision": "approve"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign-form")
    assert place.store.approvals.votes("req-1") == []


def test_a_vote_says_what_became_of_a_suspended_run(place: Workspace) -> None:
    ask(place, required=1, wait="suspend")
    app = create_app(place, lambda _, request: RESUMED if request.binding.run_id == "run-1" else "")
    bob = TestClient(app, base_url="http://127.0.0.1:4300", headers={"Authorization": f"Bearer {key_of(place, 'bob')}"})
    answer = bob.post("/api/v1/requests/req-1/votes", json={"decision": "approve"})
    assert "goes on at the next poll" in answer.json()["resumed"]


def test_pages_go_on_where_they_ended(place: Workspace, client: Caller) -> None:
    for number in range(7):
        ask(place, f"req-{number}", run_id=f"run-{number}")
    bob, found, before = client("bob"), [], None
    while True:
        page = bob.get("/api/v1/requests", params={"limit": 3} | ({} if before is None else {"before": before})).json()
        found += [one["request_id"] for one in page["requests"]]
        before = page["next"]
        if before is None:
            break
    assert found == [f"req-{number}" for number in reversed(range(7))]
    assert bob.get("/api/v1/me").json()["waiting"] == "7"
    only = bob.get("/api/v1/requests", params={"search": "RUN-3"}).json()["requests"]
    assert [one["request_id"] for one in only] == ["req-3"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "tier=9", "state=no", "view=theirs", "before=x", "before=-1", f"before={2**80}"]
)
def test_values_that_cannot_be_used(client: Caller, query: str) -> None:
    answer = client("bob").get(f"/api/v1/requests?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "input")
    assert query.split("=", maxsplit=1)[0] in answer.json()["message"]


def test_a_database_that_is_gone_is_said(place: Workspace, client: Caller, tmp_path: Path) -> None:
    bob = client("bob")
    place.close()
    (tmp_path / "gov.db").write_bytes(b"no database")
    answer = bob.get("/api/v1/requests")
    assert (answer.status_code, answer.json()["code"]) == (503, "store")
