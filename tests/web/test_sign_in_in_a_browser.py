"""Signing in in a real browser, before a real server: cookies come along, and no log holds a secret."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from govflow.services.invite_people import invite
from govflow.services.manage_people import add_principal
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings
from tests.ports import free_port
from tests.web.desks import PATIENCE
from tests.web.providers import provider

SERVER = """
import sys, uvicorn
from govflow.console.app import create_app
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
uvicorn.run(create_app(open_workspace(load_settings())), host="127.0.0.1", port=int(sys.argv[1]), log_level="debug")
"""
CHROMIUM = os.environ.get("GOVFLOW__CHROMIUM", "/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


class Served:
    """A console that is served, with its whole access log, and a provider."""

    def __init__(self, workspace: Workspace, log: Path, issuer: str) -> None:
        self.workspace = workspace
        self.log = log
        self.issuer = issuer
        self.url = workspace.settings.console_url


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    with provider() as issuer:
        told = {
            "GOVFLOW_DATABASE_URL": f"sqlite:///{folder}/gov.db",
            "GOVFLOW_CONSOLE_URL": f"http://127.0.0.1:{port}",
            "GOVFLOW_OIDC": f'{{"issuer": "{issuer}", "client_id": "console"}}',
            "GOVFLOW_OIDC_CLIENT_SECRET": "canary-of-the-client-secret",
        }
        settings = {name.removeprefix("GOVFLOW_").lower(): value for name, value in told.items()}
        workspace = open_workspace(load_settings(**settings))
        add_principal(workspace, "bob", "root", datetime.now(UTC))
        add_principal(workspace, "eve", "root", datetime.now(UTC), issuer=issuer, oidc_subject="eve-at-the-provider")
        with (folder / "server.log").open("wb") as log:
            words = [sys.executable, "-W", "ignore", "-c", SERVER, str(port)]
            process = subprocess.Popen(words, stdout=log, stderr=log, cwd=folder, env={**os.environ, **told})
            try:
                _wait_for(f"http://127.0.0.1:{port}/health", process)
                yield Served(workspace, folder / "server.log", issuer)
            finally:
                process.terminate()
                process.wait(120)
                workspace.close()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert process.poll() is None, "the console did not start"
        try:
            if httpx.get(url, timeout=60).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError("the console does not answer")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


def opened(browser: Browser) -> Page:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    return context.new_page()


def test_a_person_signs_in_by_a_link_and_out_again(served: Served, browser: Browser) -> None:
    url = invite(served.workspace, "bob", "root", datetime.now(UTC), os.urandom(32)).url
    page = opened(browser)
    page.goto(url)
    page.reload()
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{served.url}/")
    assert page.locator(".who").inner_text() == "bob"
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("govflow", True, "Lax")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{served.url}/sign-in")
    assert page.context.cookies() == []
    page.goto(url)
    assert "does not sign anybody in any more" in page.inner_text("main")
    log = served.log.read_text()
    assert "/sign-in/link/***" in log
    assert url.rpartition("/")[2][4:] not in log and cookie["value"][4:] not in log


def test_a_person_signs_in_at_the_provider_and_goes_on(served: Served, browser: Browser) -> None:
    """The provider is another origin: a strict cookie would not have come along on the way back."""
    page = opened(browser)
    back: list[str] = []
    page.on("request", lambda request: back.append(request.url) if "/callback?" in request.url else None)
    page.goto(f"{served.url}/?view=all")
    assert urlsplit(page.url).path == "/sign-in"
    page.get_by_role("button", name="Sign in at 127.0.0.1").click()
    page.wait_for_url(f"{served.issuer}/**")
    page.fill("input[name=sub]", "eve-at-the-provider")
    page.locator("button[type=submit], input[type=submit]").first.click()
    page.wait_for_url(f"{served.url}/**")
    assert page.locator(".who").inner_text() == "eve"
    assert {cookie["name"] for cookie in page.context.cookies(served.url)} >= {"govflow"}
    code = parse_qs(urlsplit(back[0]).query)["code"][0]
    log = served.log.read_text()
    assert code not in log and "canary" not in log


def test_a_form_of_another_site_signs_nobody_in(served: Served, browser: Browser) -> None:
    url = invite(served.workspace, "bob", "root", datetime.now(UTC), os.urandom(32)).url
    page = opened(browser)
    page.goto(f"{served.issuer}/")  # another origin
    page.evaluate(
        "url => { const form = document.createElement('form'); form.method = 'post'; form.action = url;"
        " document.body.append(form); form.submit(); }",
        url,
    )
    page.wait_for_url(f"{served.url}/**")
    assert "did not come from a page of this console" in page.inner_text("main")
    assert [one for one in page.context.cookies(served.url) if one["name"] == "govflow"] == []
    page.goto(url)
    assert page.get_by_role("button", name="Sign in").count() == 1, "the link is not used up"
