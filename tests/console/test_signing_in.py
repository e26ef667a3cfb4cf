"""Signing in by a link: no GET acts, no page or log holds a secret, no other site can do it."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from starlette.requests import Request

from govflow.audit.record import Draft
from govflow.console.access_log import HideSecrets, hide_secrets
from govflow.console.app import create_app
from govflow.console.client_limit import client_key
from govflow.console.forms import FIELD
from govflow.console.next_page import next_page
from govflow.console.session_cookie import cookie_name, session_secret
from govflow.identity import PrincipalKind
from govflow.ir.hashing import plan_hash
from govflow.services.invite_people import invite
from govflow.services.manage_api_keys import make_key
from govflow.services.manage_people import add_principal, deactivate_principal
from govflow.services.shown_request import shown_plan
from govflow.services.sign_in import session_principal
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings
from tests.services.material import plan, request

OURS = {"sec-fetch-site": "same-origin"}


def now() -> datetime:
    return datetime.now(UTC)


def app_of(workspace: Workspace) -> FastAPI:
    app = create_app(workspace)

    @app.get("/sign-in/who")  # nobody has to be signed in to ask
    def who(request: Request) -> str:
        found = session_principal(workspace, session_secret(request, workspace.settings), now())
        return "nobody" if found is None else found.principal.name

    return app


def opened(tmp_path: Path, **settings: Any) -> Workspace:
    workspace = open_workspace(load_settings(database_url=f"sqlite:///{tmp_path}/gov.db", **settings))
    add_principal(workspace, "bob", "root", now(), roles=["owner"])
    return workspace


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    workspace = opened(tmp_path)
    yield workspace
    workspace.close()


@pytest.fixture
def browser(place: Workspace) -> Iterator[TestClient]:
    with TestClient(app_of(place), base_url="http://127.0.0.1:4300", follow_redirects=False) as client:
        yield client


def link(place: Workspace, name: str = "bob") -> str:
    url = invite(place, name, "root", now(), os.urandom(32)).url
    return url.removeprefix(place.settings.console_url)


def last(place: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(place.store.tail("default", 1)[0].body)
    return found


def who(browser: TestClient) -> str:
    return str(browser.get("/sign-in/who").json())


def form(browser: TestClient) -> dict[str, str]:
    token = re.search(rf'name="{FIELD}" value="([0-9a-f]+)"', browser.get("/").text)
    return {FIELD: token[1]} if token else {}


def test_a_link_shows_a_button_and_the_button_signs_in(browser: TestClient, place: Workspace) -> None:
    path = link(place)
    size = place.store.head("default").size
    for _ in range(3):
        shown = browser.get(path)
        assert shown.status_code == 200 and '<form method="post">' in shown.text
        assert not shown.headers.get_list("set-cookie")
    browser.head(path)
    assert place.store.head("default").size == size, "whoever opens it uses nothing up"
    done = browser.post(path, headers=OURS)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert who(browser) == "bob"
    again = browser.post(path, headers=OURS)
    assert again.status_code == 403
    assert "does not sign anybody in" in browser.get(path).text


def test_the_cookie_is_not_for_scripts_and_not_for_other_sites(browser: TestClient, place: Workspace) -> None:
    (cookie,) = browser.post(link(place), headers=OURS).headers.get_list("set-cookie")
    name, attributes = cookie.partition("=")[0], {part.strip().lower() for part in cookie.split(";")[1:]}
    assert name == "govflow"
    assert {"httponly", "samesite=lax", "path=/", "max-age=43200"} <= attributes
    assert "secure" not in attributes and not any(part.startswith("domain") for part in attributes)


def test_on_https_the_cookie_is_of_this_host_alone(tmp_path: Path) -> None:
    place = opened(tmp_path, console_url="https://gov.example.org")
    with TestClient(app_of(place), base_url="https://gov.example.org", follow_redirects=False) as browser:
        (cookie,) = browser.post(link(place), headers=OURS).headers.get_list("set-cookie")
        assert cookie.startswith("__Host-govflow=gfs_")
        assert {"secure", "httponly", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
        assert "domain" not in cookie.lower()
        assert who(browser) == "bob"
        secret = browser.cookies[cookie_name(place.settings)]
        browser.cookies.clear()
        browser.cookies.set("govflow", secret)
        assert who(browser) == "nobody", "a cookie that a neighbouring host could have set is not looked at"
    place.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:4300"},
        {"origin": "http://evil.example.org"},
        {"origin": "http://127.0.0.1:4301"},
        {"origin": "null"},
        {},
    ],
)
def test_another_site_signs_nobody_in_and_nobody_out(
    browser: TestClient, place: Workspace, headers: dict[str, str]
) -> None:
    path = link(place)
    assert browser.post(path, headers=headers).status_code == 403
    assert who(browser) == "nobody"
    assert browser.post(path, headers=OURS).status_code == 303
    assert browser.post("/sign-out", data=form(browser), headers=headers).status_code == 403
    assert who(browser) == "bob"


def test_an_old_browser_is_known_by_its_origin(browser: TestClient, place: Workspace) -> None:
    assert browser.post(link(place), headers={"origin": "http://127.0.0.1:4300"}).status_code == 303


def test_signing_out_ends_the_session_in_the_store(browser: TestClient, place: Workspace) -> None:
    browser.post(link(place), headers=OURS)
    secret = browser.cookies["govflow"]
    left = browser.post("/sign-out", data=form(browser), headers=OURS)
    assert (left.status_code, left.headers["location"]) == (303, "/sign-in")
    assert "govflow" not in browser.cookies
    browser.cookies.set("govflow", secret)
    assert who(browser) == "nobody"
    assert browser.get("/sign-out").status_code == 405


def test_signing_in_again_ends_the_session_before(browser: TestClient, place: Workspace) -> None:
    browser.post(link(place), headers=OURS)
    first = browser.cookies["govflow"]
    add_principal(place, "carol", "root", now())
    browser.post(link(place, "carol"), headers=OURS)
    assert who(browser) == "carol"
    assert session_principal(place, first, now()) is None


def test_a_session_that_an_attacker_planted_is_not_taken_over(browser: TestClient, place: Workspace) -> None:
    browser.cookies.set("govflow", "gfs_" + "A" * 43)
    browser.post(link(place), headers=OURS)
    assert [cookie.value for cookie in browser.cookies.jar if cookie.value and "AAAA" not in cookie.value]
    assert session_principal(place, "gfs_" + "A" * 43, now()) is None


def test_every_kind_of_bad_link_gets_the_same_answer(browser: TestClient, place: Workspace) -> None:
    used, ended = link(place), link(place)
    browser.post(ended, headers=OURS)
    add_principal(place, "carol", "root", now())
    gone = link(place, "carol")
    deactivate_principal(place, "carol", "root", now())
    paths = [used, ended, gone, "/sign-in/link/gfl_" + "A" * 43, "/sign-in/link/x"]

    def said(answer: Response) -> tuple[int, str]:
        return answer.status_code, re.sub(r'nonce="[^"]+"', "", answer.text)

    answers = {said(browser.post(path, headers=OURS)) for path in paths}
    looks = {said(browser.get(path)) for path in paths}
    assert len(answers) == len(looks) == 1


def test_too_many_wrong_links_of_one_address_are_refused_for_a_while(browser: TestClient, place: Workspace) -> None:
    most = place.settings.answer_limit
    good = link(place)
    for _ in range(most):
        assert browser.post("/sign-in/link/gfl_" + "A" * 43, headers=OURS).status_code == 403
    size = place.store.head("default").size
    assert browser.post("/sign-in/link/gfl_" + "A" * 43, headers=OURS).status_code == 429
    assert browser.post("/sign-in/link/x", headers=OURS).status_code == 429
    assert place.store.head("default").size == size, "the log does not grow with it"
    assert browser.post(good, headers=OURS).status_code == 303, "nobody locks others out who share an address"


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "unknown"),
        ("", "unknown"),
    ],
)
def test_addresses_are_counted_by_who_has_them(host: str, key: str) -> None:
    assert client_key(host) == key


def test_pages_hold_no_secret_and_nothing_keeps_or_leaks_them(browser: TestClient, place: Workspace) -> None:
    path = link(place)
    done = browser.post(path, headers=OURS)
    session = browser.cookies["govflow"]
    browser.cookies.clear()
    shown = [browser.get("/sign-in"), browser.get(path), browser.post(path, headers=OURS)]
    for answer in shown:
        assert path.rpartition("/")[2] not in answer.text and session not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert len(re.findall("<script", answer.text)) == len(re.findall('<script( defer)? nonce="', answer.text))
    assert done.headers["referrer-policy"] == "no-referrer" and session not in done.text


def test_whoever_is_signed_in_goes_on(browser: TestClient, place: Workspace) -> None:
    assert "govflow people invite NAME" in browser.get("/sign-in").text
    browser.post(link(place), headers=OURS)
    gone = browser.get("/sign-in", params={"next": "/requests/7?tab=1"})
    assert (gone.status_code, gone.headers["location"]) == (303, "/requests/7?tab=1")


@pytest.mark.parametrize(
    "asked",
    [
        "https://evil.example.org",
        "//evil.example.org",
        "/\\evil.example.org",
        "\\evil",
        "javascript:alert(1)",
        "/a\nb",
        "",
        None,
        "/sign-out",
        "/sign-in/link/x",
        "/" + "a" * 600,
        "/<script>",
    ],
)
def test_signing_in_leads_to_no_other_site(asked: str | None) -> None:
    assert next_page(asked) == "/"


def test_a_link_with_markup_in_it_is_shown_as_text_or_not_at_all(browser: TestClient) -> None:
    answer = browser.get("/sign-in/link/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert "<script>" not in answer.text


def test_a_web_server_writes_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    hide_secrets()
    hide_secrets()
    logger = logging.getLogger("uvicorn.access")
    assert sum(isinstance(one, HideSecrets) for one in logger.filters) == 1
    secret = "gfl_" + "Canary" * 7 + "0"
    with caplog.at_level(logging.INFO, "uvicorn.access"):
        for path in (f"/sign-in/link/{secret}", "/sign-in/oidc/callback?code=Canary&state=Canary", f"/x?y={secret}"):
            logger.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:5", "GET", path, "1.1", 200)
        logger.info(f"plain {secret}")
    assert len(caplog.records) == 4
    assert "Canary" not in caplog.text
    assert re.search(r'"GET /sign-in/link/\*\*\* HTTP/1\.1" 200', caplog.text)


def test_no_provider_no_way_there(browser: TestClient) -> None:
    assert browser.get("/sign-in/oidc").status_code == 403
    assert browser.get("/sign-in/oidc/callback?code=a&state=b").status_code == 403


def test_who_signed_in_is_on_record_without_the_secret(browser: TestClient, place: Workspace) -> None:
    path = link(place)
    browser.post(path, headers=OURS)
    assert (last(place)["event"], last(place)["subject"]) == ("sign_in.succeeded", "bob")
    everything = json.dumps([json.loads(entry.body) for entry in place.store.tail("default", 50)])
    assert path.rpartition("/")[2][4:] not in everything and browser.cookies["govflow"][4:] not in everything


def test_a_bearer_that_does_not_count_is_on_record_and_limited(browser: TestClient, place: Workspace) -> None:
    for _ in range(place.settings.answer_limit):
        assert browser.get("/", headers={"authorization": "Bearer gfk_" + "A" * 43}).status_code == 303
        assert last(place)["payload"] | {"of": ""} in (
            {"method": "api_key", "cause": "unknown", "of": ""},
            {"of": "", "most": place.settings.answer_limit, "seconds": 60},
        )
    assert browser.get("/", headers={"authorization": "Bearer gfk_" + "A" * 43}).status_code == 429
    add_principal(place, "bot", "root", now(), kind=PrincipalKind.MACHINE)
    _, key = make_key(place, "bot", "ci", "root", now(), os.urandom(32))
    assert browser.get("/", headers={"authorization": f"Bearer {key}"}).status_code == 200


def test_a_session_in_a_header_or_a_key_in_a_cookie_is_nobody(browser: TestClient, place: Workspace) -> None:
    browser.post(link(place), headers=OURS)
    session = browser.cookies["govflow"]
    browser.cookies.clear()
    assert browser.get("/", headers={"authorization": f"Bearer {session}"}).status_code == 303
    add_principal(place, "bot", "root", now(), kind=PrincipalKind.MACHINE)
    _, key = make_key(place, "bot", "ci", "root", now(), os.urandom(32))
    browser.cookies.set("govflow", key)
    assert browser.get("/").status_code == 303
    browser.cookies.clear()
    assert browser.get("/", headers={"authorization": f"Bearer {key}"}).status_code == 200


def test_what_somebody_asked_for_is_shown_after_they_were_deactivated(place: Workspace) -> None:
    asked_by = add_principal(place, "alice", "root", now(), roles=["dev"]).name
    drawn, hashed = plan(), plan_hash(plan())
    approved = Draft("plan.approved", "default", now(), subject="bob", flow=drawn.flow)
    place.store.plans.approve("default", drawn.flow, drawn, hashed, "bob", now(), approved)
    ends = datetime.now(UTC) + timedelta(hours=1)
    asked = request(requester=asked_by, summary={"plan_hash": hashed}, created_at=now(), expires_at=ends)
    place.store.approvals.open(asked, Draft("ir.approval_created", "default", now(), subject=asked_by))
    before = shown_plan(place, asked.request_id)
    deactivate_principal(place, "alice", "root", now())
    assert before is not None and shown_plan(place, asked.request_id) == before
