"""Attacks on the console: what breaks a page, what tells a stranger something, what a reason gives away."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from govflow.approval import ApprovalRule, VoteDecision
from govflow.approval.models import DelegationTerms
from govflow.console.app import create_app
from govflow.console.shield import Shield
from govflow.services.cast_answer import cast_answer
from govflow.services.decide_approvals import mint_token
from govflow.services.delegate import delegate
from govflow.services.list_inbox import rights_of_others
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings
from tests.console.api_place import client_of
from tests.console.conftest import POLICY, TWO, Ask, Visit
from tests.console.test_reading_pages import begin

HANDED_ON = ApprovalRule(name="handed-on", approvers=("role:owner",), delegation=DelegationTerms(depth=1))
ASKED = ("/", "/sign-in", "/nowhere", "/api/v1/me", "/api/v1/nowhere", "/live", "/requests/req-1")


@pytest.fixture
def strict(place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The place in enforce mode, whose policy's files are looked at on each request."""
    monkeypatch.setattr("govflow.console.ground._LOOK", 0.0)
    opened = open_workspace(place.settings.model_copy(update={"mode": "enforce"}))
    yield opened
    opened.close()


def test_a_policy_that_breaks_is_said_on_a_page_of_ours_and_to_nobody_where(
    strict: Workspace, tmp_path: Path, visit: Visit
) -> None:
    client = TestClient(create_app(strict), base_url="http://127.0.0.1:4300", follow_redirects=False)
    client.cookies.update(visit("bob").client.cookies)
    (tmp_path / "policy.yaml").write_text("policy: {hush-hush")
    for who in (client, TestClient(client.app, base_url="http://127.0.0.1:4300", follow_redirects=False)):
        for path in ASKED:
            answer = who.get(path)
            assert answer.status_code in (503, 404), path
            assert "policy-file" in answer.text or answer.status_code == 404
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert "hush-hush" not in answer.text and str(tmp_path) not in answer.text
        wrong = who.post("/sign-in/link/gfl_x", headers={"sec-fetch-site": "same-origin"})
        assert wrong.status_code == 503 and "policy-file" in wrong.text
    assert client.get("/health").text == "ok\n"
    assert client.head("/health").status_code == 200, "what watches may ask for no body"
    (tmp_path / "policy.yaml").write_text(POLICY)
    assert client.get("/").status_code == 200


def test_what_is_wrong_with_the_keys_of_an_issuer_is_told_to_nobody_who_is_not_signed_in(
    place: Workspace, tmp_path: Path
) -> None:
    issuer = {"audience": "govflow", "algorithms": ["ES256"], "jwks": str(tmp_path / "gone.json")}
    settings = load_settings(database_url=place.settings.database_url, jwt_issuers={"https://ci.example": issuer})
    opened = open_workspace(settings)
    token = ".".join(["eyJhbGciOiJFUzI1NiJ9", "eyJpc3MiOiJodHRwczovL2NpLmV4YW1wbGUifQ", "AAAA"])
    client = TestClient(create_app(opened), base_url="http://127.0.0.1:4300", follow_redirects=False)
    for path in ("/", "/api/v1/me"):
        answer = client.get(path, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 503 and "settings" in answer.text
        assert str(tmp_path) not in answer.text and "gone.json" not in answer.text
    opened.close()


async def test_where_even_the_page_of_a_failure_fails_the_answer_has_our_head() -> None:
    async def app(*_: object) -> None:
        raise ValueError

    def failed(request: Request, error: Exception) -> Response:
        raise KeyError

    client = TestClient(Shield(app, "http://127.0.0.1:4300", failed), base_url="http://127.0.0.1:4300")
    answer = client.get("/")
    assert answer.status_code == 500 and answer.headers["x-frame-options"] == "DENY"


def test_a_run_whose_name_is_a_path_breaks_no_page_and_has_one(place: Workspace, visit: Visit, ask: Ask) -> None:
    names = ["nightly/2026-03-01", "../audit", "a?b#c", "//evil.example/x", "100%"]
    for number, name in enumerate(names):
        begin(place, name)
        ask(f"req-{number}", {"run_id": name})
    bob = visit("bob")
    for path in ("/", "/runs", *(f"/requests/req-{at}" for at in range(len(names)))):
        assert bob.get(path).status_code == 200, path
    links = {f"/runs/{quote(name, safe='')}" for name in names}
    assert set(re.findall(r'href="(/runs/[^"]*)"', bob.get("/audit").text)) == links
    for link in links:
        assert bob.get(link).status_code == 200, link
        assert bob.get(f"/api/v1{link}").json()["end"] == "open"


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "http://127.0.0.1:4300.evil.example", "//", ""])
def test_an_origin_that_is_none_is_not_ours(app: FastAPI, visit: Visit, origin: str) -> None:
    answer = visit("").client.post("/sign-in/link/gfl_x", headers={"origin": origin})
    assert answer.status_code == 403 and "foreign-form" in answer.text


def test_strangers_are_not_told_whose_console_it_is(visit: Visit) -> None:
    for path in ("/sign-in", "/nowhere", "/sign-in/link/gfl_x"):
        assert "acme" not in visit("").get(path).text, path
    assert "Tenant acme" in visit("bob").get("/").text


def test_a_token_in_a_reason_is_nobodys_any_more(place: Workspace, visit: Visit, ask: Ask) -> None:
    """It may be one that still counts, of another request: whoever reads the reason would answer as its owner."""
    ask("req-1", rule=TWO)
    ask("req-2", rule=TWO)
    carol = place.principal("carol")
    token = mint_token(place, "req-2", carol, datetime.now(UTC), os.urandom(32))
    said = f"my token is {token}, dsn postgres://etl:hunter2@db/x"
    visit("bob").post("/requests/req-1/votes", "/requests/req-1", decision="approve", reason=said)
    dave = visit("dave")
    for path in ("/requests/req-1", "/api/v1/requests/req-1", "/audit"):
        page = dave.get(path).text
        assert token not in page and "hunter2" not in page
    assert "my token is" in dave.get("/requests/req-1").text
    (vote,) = place.store.approvals.votes("req-1")
    assert token not in vote.reason and "***" in vote.reason


def test_the_reason_of_a_vote_with_a_token_keeps_no_secret_and_nothing_that_no_database_takes(
    place: Workspace, ask: Ask
) -> None:
    asked, now = ask("req-1"), datetime.now(UTC)
    token = mint_token(place, "req-1", place.principal("bob"), now, os.urandom(32))
    cast_answer(place, asked, SecretStr(token), VoteDecision.DENY, f"with {token}\0 no", now)
    (vote,) = place.store.approvals.votes("req-1")
    assert token not in vote.reason and "\0" not in vote.reason


@pytest.mark.parametrize("way", ["votes", "revocation"])
def test_a_reason_with_a_nul_is_kept_without_it(place: Workspace, ask: Ask, way: str) -> None:
    ask("req-1", requester="alice")
    from govflow.identity import PrincipalKind
    from govflow.services.manage_people import add_principal

    add_principal(place, "mach", "root", datetime.now(UTC), roles=["owner"], kind=PrincipalKind.MACHINE)
    client = client_of(place, "mach")
    body = {"decision": "deny", "reason": "a\0b"} if way == "votes" else {"reason": "a\0b"}
    answer = client.post(f"/api/v1/requests/req-1/{way}", json=body)
    assert answer.status_code == 200 and "\\u0000" not in answer.text


def test_handing_on_one_by_one_gives_one_right(place: Workspace, visit: Visit, ask: Ask) -> None:
    now = datetime.now(UTC)
    names = {f"req-{number}" for number in range(12)}
    for name in sorted(names):
        ask(name, rule=HANDED_ON)
        until = now + timedelta(minutes=30)
        delegate(place, place.principal("bob"), "dave", until=until, now=now, new_id=f"hand-{name}", request_id=name)
    ask("not-handed-on", rule=HANDED_ON)
    (right,) = rights_of_others(place, place.principal("dave"), now)
    assert right.request_ids == frozenset(names)
    page = visit("dave").get("/").text
    assert all(f"/requests/{name}" in page for name in names) and "not-handed-on" not in page
    delegate(place, place.principal("bob"), "dave", until=until, now=now, new_id="hand-all", rule="handed-on")
    (right,) = rights_of_others(place, place.principal("dave"), now)
    assert right.request_ids is None
    assert "not-handed-on" in visit("dave").get("/").text
