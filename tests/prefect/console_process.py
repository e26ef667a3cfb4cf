"""The console in a process of its own, as ``govflow console`` starts it, and people who use it without scripts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prefect.settings import PREFECT_API_URL

from govflow.console.forms import FIELD
from govflow.services.invite_people import invite
from govflow.services.manage_people import add_principal
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings
from tests.cli.signers import program
from tests.ports import free_port
from tests.prefect.people import until

TIMEOUT = 120.0  # seconds for one page; it only bounds what would never end


class Visitor:
    """One person's browser, without scripts."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def get(self, path: str) -> str:
        """The text of a page that is there."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path: str, seen_on: str, **fields: str) -> str:
        """Send a form of the page ``seen_on``; the text of the page that follows."""
        token = re.search(rf'name="{FIELD}" value="([0-9a-f]+)"', self.get(seen_on))
        assert token is not None, f"{seen_on} has no form"
        answer = self.client.post(path, data={FIELD: token[1], **fields}, headers={"sec-fetch-site": "same-origin"})
        assert answer.status_code == 200, answer.text
        return answer.text


class Console:
    """A console that runs, and the workspace that it serves."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.url = workspace.settings.console_url
        self._clients: list[httpx.Client] = []

    def visitor(self, name: str) -> Visitor:
        """Somebody who is signed in, by an invitation."""
        client = httpx.Client(base_url=self.url, follow_redirects=True, timeout=TIMEOUT)
        self._clients.append(client)
        link = invite(self.workspace, name, "root", datetime.now(UTC), os.urandom(32)).url
        assert client.post(link, headers={"sec-fetch-site": "same-origin"}).status_code == 200
        return Visitor(client)

    def close(self) -> None:
        for client in self._clients:
            client.close()


@contextmanager
def console_of(folder: Path, database_url: str, *people: str) -> Iterator[Console]:
    """A console for the database of a project whose policy is ``policy.yaml``; it knows Prefect's server.

    Args:
        folder: of the project.
        database_url: of its governance database.
        people: who can sign in.
    """
    port = free_port()
    url, policy = f"http://127.0.0.1:{port}", folder / "policy.yaml"
    workspace = open_workspace(Settings(database_url=database_url, policy=policy, console_url=url))
    for name in people:
        add_principal(workspace, name, "root", datetime.now(UTC))
    given = {
        "GOVFLOW_DATABASE_URL": database_url,
        "GOVFLOW_POLICY": str(policy),
        "GOVFLOW_CONSOLE_URL": url,
        "PREFECT_API_URL": PREFECT_API_URL.value() or "",
        "PREFECT_HOME": str(folder / "prefect-of-console"),
    }
    console = Console(workspace)
    with program("console", "--port", str(port), cwd=folder, **given) as running:
        running.until("govflow console: http")
        try:
            _answers(url)
            yield console
        finally:
            console.close()
            workspace.close()


def _answers(url: str) -> None:
    def look() -> bool:
        try:
            return httpx.get(f"{url}/health", timeout=TIMEOUT).status_code == 200
        except httpx.TransportError:
            return False

    until(look, "the console answers")
