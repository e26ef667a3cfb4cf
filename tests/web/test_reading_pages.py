"""In a real browser: pages that show runs, log and policy are accessible."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from govflow.audit.record import Draft
from govflow.services.invite_people import invite
from govflow.services.workspace import Workspace
from tests.console.api_place import a_place, ask
from tests.ports import free_port
from tests.web.desks import PATIENCE
from tests.web.test_sign_in_in_a_browser import SERVER, _wait_for, browser

__all__ = ["browser"]

IR = "sha256:" + "c" * 64


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder, port = tmp_path_factory.mktemp("live"), free_port()
    url = f"http://127.0.0.1:{port}"
    workspace = a_place(folder, console_url=url)
    told = {
        "GOVFLOW_DATABASE_URL": f"sqlite:///{folder}/gov.db",
        "GOVFLOW_POLICY": f"{folder}/policy.yaml",
        "GOVFLOW_CONSOLE_URL": url,
    }
    now = datetime.now(UTC)
    ask(workspace)
    workspace.store.runs.save("run-1", "default", "flights", IR, workspace.engine.digest, "rita", now, {"a": "permit"})
    steps = {"flights/purge#0": {"tier": 3, "verdict": "escalate", "rule": "ask"}}
    opened = {"mode": "enforce", "ir_hash": IR, "plan_hash": IR, "steps": steps}
    draft = Draft(
        "ir.validated_escalate", "default", now, subject="rita", run_id="run-1", flow="flights", payload=opened
    )
    workspace.store.append(draft, durable=True)
    words = [sys.executable, "-W", "ignore", "-c", SERVER, str(port)]
    with (Path(folder) / "server.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, cwd=folder, env={**os.environ, **told})
        try:
            _wait_for(f"{url}/health", process)
            yield workspace
        finally:
            process.kill()
            process.wait(120)
            workspace.close()


@pytest.fixture
def page(place: Workspace, browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.goto(invite(place, "ann", "root", datetime.now(UTC), os.urandom(32)).url)
    opened.get_by_role("button", name="Sign in").click()
    yield opened
    context.close()


@pytest.mark.parametrize("path", ["/runs", "/runs/run-1", "/audit", "/policy"])
def test_axe_finds_nothing(place: Workspace, page: Page, path: str) -> None:
    page.goto(place.settings.console_url + path)
    assert page.locator("h1").count() == 1
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
