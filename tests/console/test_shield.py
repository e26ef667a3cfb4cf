"""What every page carries, and who is kept out."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Message

from govflow.console import body
from govflow.console.forms import FIELD
from govflow.console.pages import STATIC
from govflow.services.workspace import Workspace
from tests.console.conftest import Ask, Visit

# The description says nothing of the installation; a vote with a token is by whoever holds the token.
OPEN = ("/health", "/sign-in", "/api/v1/openapi.json", "/api/v1/requests/{request_id}/answers")


def routes(routers: Iterable[Any]) -> Iterator[APIRoute]:
    """All that an application answers, with the routes of the routers that it includes."""
    for one in routers:
        if isinstance(one, APIRoute):
            yield one
        elif hasattr(one, "original_router"):
            yield from routes(one.original_router.routes)


@pytest.mark.covers("S3-53", "S3-54")
def test_every_route_but_health_and_sign_in_needs_somebody(app: FastAPI, visit: Visit, ask: Ask) -> None:
    ask()
    nobody = visit("").client
    guarded = [route for route in routes(app.routes) if not route.path.startswith(OPEN) and route.path != "/sign-out"]
    assert len(guarded) >= 6
    for route in guarded:
        path = re.sub(r"\{[^}]*\}", "req-1", route.path)
        for method in route.methods or ():
            answer = nobody.request(method, path, follow_redirects=False, headers={"sec-fetch-site": "same-origin"})
            if route.path.startswith("/api/") or route.path == "/live":
                assert answer.status_code == 401, (method, path)
            else:
                assert (answer.status_code, "/sign-in?" in answer.headers["location"]) == (303, True), (method, path)


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_a_form_of_another_site_acts_nothing(app: FastAPI, visit: Visit, ask: Ask, site: str | None) -> None:
    ask()
    bob = visit("bob")
    token = re.search(rf'name="{FIELD}" value="([0-9a-f]+)"', bob.get("/").text)
    assert token is not None
    headers = {} if site is None else {"sec-fetch-site": site}
    data = {FIELD: token[1], "decision": "approve", "reason": "x"}
    assert bob.client.post("/requests/req-1/votes", data=data, headers=headers).status_code == 403


def test_a_form_without_the_sessions_token_acts_nothing(visit: Visit, ask: Ask) -> None:
    ask()
    bob, ours = visit("bob"), {"sec-fetch-site": "same-origin"}
    other = re.search(rf'name="{FIELD}" value="([0-9a-f]+)"', visit("carol").get("/").text)
    assert other is not None
    for token in ("", "0" * 64, other[1]):
        data = {FIELD: token, "decision": "approve", "reason": "x"}
        assert bob.client.post("/requests/req-1/votes", data=data, headers=ours).status_code == 403


def test_pages_let_no_foreign_script_run(visit: Visit, ask: Ask) -> None:
    ask()
    bob = visit("bob")
    first, second = bob.get("/requests/req-1"), bob.get("/requests/req-1")
    policy = first.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert policy != second.headers["content-security-policy"], "a nonce is used once"
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None
    scripts = re.findall(r"<script[^>]*>", first.text)
    assert len(scripts) == 4
    assert all(f'nonce="{nonce[1]}"' in script and "integrity=" in script for script in scripts)
    assert not re.search(r"\son[a-z]+=|style=|<style", first.text)
    assert first.headers["cache-control"] == "no-store"
    assert (first.headers["x-frame-options"], first.headers["referrer-policy"]) == ("DENY", "no-referrer")


def test_what_a_flow_says_of_itself_is_shown_as_text(visit: Visit, ask: Ask) -> None:
    evil = "<img src=x onerror=alert(1)>"
    said = {"action": evil, "resource": evil, "parameters": {evil: evil}, "note": evil, "effects": [evil]}
    ask(reason=evil, summary=said, policy_rule=evil, at={"flow": evil, "step_id": evil, "run_id": evil})
    for path in ("/", "/?view=all", "/requests/req-1"):
        assert evil not in visit("bob").get(path).text
        assert "&lt;img src=x" in visit("bob").get(path).text


def test_a_host_that_is_not_ours_is_not_answered(visit: Visit) -> None:
    assert visit("bob").get("/", headers={"host": "evil.example:4300"}).status_code == 421
    assert visit("bob").get("/", headers={"host": "localhost:4300"}).status_code == 200


def test_a_large_body_is_refused_unread(visit: Visit) -> None:
    big = {"decision": "approve", "reason": "x" * 300_000}
    assert visit("bob").client.post("/votes", data=big, headers={"sec-fetch-site": "same-origin"}).status_code == 413


def test_a_body_that_does_not_say_how_long_it_is_is_heard_up_to_the_limit(visit: Visit) -> None:
    parts = (b"x" * 50_000 for _ in range(100))
    heads = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
    refused = visit("bob").client.post("/votes", content=parts, headers=heads)
    assert (refused.status_code, refused.headers["x-frame-options"]) == (413, "DENY")
    assert next(parts, None) is None, "the client of the tests sends what it has, whatever it is told"


@pytest.mark.parametrize("path", ["/votes", "/api/v1/requests/req-1/answers"])
def test_a_body_that_does_not_end_is_told_so_in_time(
    app: FastAPI, visit: Visit, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(body, "LONGEST", 0.05)
    cookies = "; ".join(f"{name}={value}" for name, value in visit("bob").client.cookies.items())
    heads = {
        "host": "localhost",
        "content-type": "application/json" if "api" in path else "application/x-www-form-urlencoded",
        "sec-fetch-site": "same-origin",
        "cookie": cookies,
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in heads.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
    }
    said: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0.01)  # a byte now and then, for ever
        return {"type": "http.request", "body": b"a", "more_body": True}

    async def send(message: Message) -> None:
        said.append(message)

    asyncio.run(asyncio.wait_for(app(scope, receive, send), 60))
    assert [one.get("status") for one in said if one["type"] == "http.response.start"] == [408]


def test_the_files_of_others_are_those_that_were_looked_at() -> None:
    folder = STATIC / "vendor"
    listed = json.loads((folder / "integrity.json").read_text())
    for one in listed:
        digest = base64.b64encode(hashlib.sha384((folder / one["file"]).read_bytes()).digest()).decode()
        assert one["integrity"] == f"sha384-{digest}", one["file"]
    licences = {f"{one['package'].rpartition('/')[2].partition('.')[0]}.LICENSE" for one in listed}
    there = {path.name for path in folder.iterdir()} - {"integrity.json"} - {one["file"] for one in listed}
    assert {name.removesuffix(".md") for name in there} == licences


def test_a_failure_is_a_page_without_a_trace(visit: Visit) -> None:
    page = visit("bob").get("/requests/nothing")
    assert (page.status_code, "There is no approval request" in page.text) == (404, True)
    assert "Traceback" not in page.text


def test_what_nobody_foresaw_is_a_page_with_the_same_head_and_no_trace(app: FastAPI, visit: Visit) -> None:
    def broken() -> None:
        raise ZeroDivisionError("gfs_" + "a" * 43)

    app.get("/broken")(broken)
    page = visit("bob").get("/broken")
    assert page.status_code == 500
    assert re.search(r"reference [0-9a-f]{8}", page.text)
    assert "ZeroDivision" not in page.text and "gfs_" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["127.0.0.1.evil.example", "bob@127.0.0.1", "127.0.0.1/x", "testserver", "evil@[::1]"])
def test_a_name_that_only_looks_like_ours_is_not_answered(visit: Visit, host: str) -> None:
    assert visit("bob").get("/", headers={"host": host}).status_code == 421


def test_files_with_a_version_are_kept_and_pages_are_not(visit: Visit) -> None:
    bob = visit("bob")
    named = re.findall(r'(?:src|href)="(/static/[^"]+)" ', bob.get("/").text)
    assert len(named) >= 3 and all("?v=" in one for one in named)
    for one in named:
        answer = bob.get(one)
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True), one
    assert bob.get(named[0].partition("?")[0]).headers["cache-control"] == "no-cache"


def test_names_do_not_turn_around_what_stands_beside_them(visit: Visit, ask: Ask) -> None:
    ask(at={"flow": "safe\u202egnp.exe"}, reason="a\u2066b")
    for path in ("/?view=all", "/requests/req-1"):
        text = visit("bob").get(path).text
        assert "\u202e" not in text and "\u2066" not in text
        assert "\\u202e" in text


def test_below_another_applications_path_every_link_leads_back_to_the_console(
    app: FastAPI, visit: Visit, ask: Ask
) -> None:
    ask()
    outer = Starlette(routes=[Mount("/govflow", app)])
    session = visit("bob").client.cookies["govflow"]
    client = TestClient(outer, base_url="http://127.0.0.1:4300", cookies={"govflow": session})
    for path in ("/", "/?view=all", "/requests/req-1", "/nowhere", "/requests/none"):
        page = client.get(f"/govflow{path}")
        links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text)
        assert links and all(one.startswith("/govflow/") for one in links), (path, links)
    token = re.search(rf'name="{FIELD}" value="([0-9a-f]+)"', client.get("/govflow/").text)
    assert token is not None
    form = {FIELD: token[1], "decision": "approve", "reason": "x"}
    heads = {"sec-fetch-site": "same-origin"}
    done = client.post("/govflow/requests/req-1/votes", data=form, headers=heads, follow_redirects=False)
    assert done.headers["location"] == "/govflow/requests/req-1?said=approved"
    client.cookies.clear()
    away = client.get("/govflow/requests/req-1", follow_redirects=False)
    assert away.headers["location"] == "/govflow/sign-in?next=%2Frequests%2Freq-1"


def test_every_form_needs_the_token_of_the_session(app: FastAPI, visit: Visit, ask: Ask, place: Workspace) -> None:
    ask()
    bob = visit("bob").client
    acting = [route for route in routes(app.routes) if "POST" in (route.methods or ())]
    open_ones = {"/sign-in/link/{secret}", "/api/v1/requests/{request_id}/answers"}
    assert len(acting) >= 10
    before = place.store.head("acme").size
    for route in acting:
        if route.path in open_ones:
            continue
        path = re.sub(r"\{[^}]*\}", "req-1", route.path)
        data = {"decision": "approve", "reason": "x" * 20, "to": "dave", "hours": "4", "request_id": "req-1"}
        answer = bob.post(path, data=data, headers={"sec-fetch-site": "same-origin"}, follow_redirects=False)
        assert answer.status_code in (403, 422), route.path
        if answer.status_code == 403:
            assert "foreign-form" in answer.text, route.path
    assert place.store.head("acme").size == before
    assert not place.store.approvals.votes("req-1")


def test_looking_acts_nothing(app: FastAPI, visit: Visit, ask: Ask, place: Workspace) -> None:
    ask()
    bob, before = visit("bob"), place.store.head("acme").size
    for route in routes(app.routes):
        if "GET" in (route.methods or ()) and "oidc" not in route.path and "live" not in route.path:
            bob.get(re.sub(r"\{[^}]*\}", "req-1", route.path), follow_redirects=False)
    assert place.store.head("acme").size == before, "no GET leaves a record"
