"""The console in a real browser: a server of its own for each test, and people with a window each."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from govflow.approval import ApprovalRequest, ApprovalRule
from govflow.approval.models import BreakGlass, DelegationTerms
from govflow.audit.record import Draft
from govflow.console.app import create_app
from govflow.console.live import end_streams
from govflow.console.serve import Server
from govflow.services.invite_people import invite
from govflow.services.manage_people import add_principal
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings
from govflow.store.holds import Hold
from tests.ports import free_port
from tests.services.material import request as template

PATIENCE = 120_000.0  # milliseconds; a busy machine makes no page wrong
expect.set_options(timeout=PATIENCE)

CHROMIUM = os.environ.get("GOVFLOW__CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TWO = ApprovalRule(
    name="two-owners",
    required=2,
    approvers=("role:owner",),
    delegation=DelegationTerms(depth=1),
    break_glass=BreakGlass(approvers=("user:carol",)),
)
POLICY = """
version: 1
policy: {name: mine, default: deny, rules: [{name: all, effect: allow, actions: ["*"]}]}
approvals:
  two-owners: {required: 2, approvers: ["role:owner"], delegation: {depth: 1}}
"""
PEOPLE = {"alice": ["dev"], "bob": ["owner"], "carol": ["owner"], "dave": ["dev"]}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; the test is skipped where there is none."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; GOVFLOW__CHROMIUM says where there is one")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        yield started
        started.close()


@dataclass
class Desk:
    """A console that is served, and the windows of those who look at it."""

    workspace: Workspace
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)

    def ask(self, request_id: str = "req-1", **changes: Any) -> ApprovalRequest:
        """A question of alice's, as a run opens one."""
        now = datetime.now(UTC)
        at = changes.pop("at", {})
        given = {"rule": TWO, "created_at": now, "expires_at": now + timedelta(hours=1), "requester": "alice"}
        asked = template(request_id=request_id, **{**given, **changes})
        where = {
            "policy_digest": self.workspace.engine.digest,
            "tenant": "acme",
            "step_id": f"purge#{request_id}",
            **at,
        }
        asked = asked.model_copy(update={"binding": asked.binding.model_copy(update=where)})
        self.workspace.store.holds.take(asked.binding.run_id, Hold.RUN)
        return self.workspace.store.approvals.open(asked, Draft("ir.approval_created", "acme", now, subject="alice"))

    def window(self, name: str, **how: Any) -> Page:
        """A browser of that person's own, signed in by an invitation."""
        context = self.browser.new_context(base_url=self.workspace.settings.console_url, **how)
        context.set_default_timeout(PATIENCE)
        self.contexts.append(context)
        page = context.new_page()
        page.goto(invite(self.workspace, name, "root", datetime.now(UTC), os.urandom(32)).url)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Inbox").wait_for()
        return page


@contextmanager
def desk(folder: Path, browser: Browser) -> Iterator[Desk]:
    """A console over a database of its own, on a free port."""
    (folder / "policy.yaml").write_text(POLICY)
    port = free_port()
    url = f"sqlite:///{folder}/gov.db"
    settings = Settings(
        policy=folder / "policy.yaml", database_url=url, tenant="acme", console_url=f"http://127.0.0.1:{port}"
    )
    workspace = open_workspace(settings)
    for name, roles in PEOPLE.items():
        add_principal(workspace, name, "root", datetime.now(UTC), roles=roles)
    app = create_app(workspace)
    server = Server(uvicorn.Config(app, port=port, log_level="warning"), partial(end_streams, app))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the console did not start"
        time.sleep(0.05)
    made = Desk(workspace, browser)
    try:
        yield made
    finally:
        for context in made.contexts:
            context.close()
        server.should_exit = True
        thread.join(120)
        workspace.close()
