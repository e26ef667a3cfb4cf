"""A console over a database with people and questions. Sessions are opened as people open them: by an invitation."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from govflow.approval import ApprovalRequest, ApprovalRule
from govflow.audit.record import Draft
from govflow.console.app import create_app
from govflow.console.forms import FIELD
from govflow.services.invite_people import invite
from govflow.services.manage_people import add_principal
from govflow.services.sign_in import use_link
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings
from govflow.store import Store
from govflow.store.holds import Hold
from tests.servers import a_database, require_postgresql, url_of
from tests.services.material import request as template

POLICY = """
version: 1
policy: {name: mine, default: deny, rules: [{name: all, effect: allow, actions: ["*"]}]}
approvals:
  handed-on: {required: 1, approvers: ["role:owner"], delegation: {depth: 1}}
"""

TWO = ApprovalRule(name="two", required=2, approvers=("role:owner",))
ONE = ApprovalRule(name="one", approvers=("role:owner",))

PEOPLE = {"alice": ["dev"], "bob": ["owner"], "carol": ["owner"], "dave": ["dev"]}
"""Name to roles. Alice asks for the runs."""


@pytest.fixture(scope="session")
def server_template() -> Iterator[str]:
    """An empty database on the server, with its tables."""
    with a_database() as name:
        Store.open(url_of(name), direct=True).close()
        yield name


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a database of this test's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/gov.db"
        return
    require_postgresql()
    monkeypatch.setenv("HOME", str(tmp_path))  # spools lie there
    with a_database(request.getfixturevalue("server_template")) as name:
        yield url_of(name)


@pytest.fixture
def place(tmp_path: Path, url: str) -> Iterator[Workspace]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    opened = open_workspace(Settings(policy=tmp_path / "policy.yaml", database_url=url, tenant="acme"))
    now = datetime.now(UTC)
    for name, roles in PEOPLE.items():
        add_principal(opened, name, "root", now, roles=roles)
    yield opened
    opened.close()


Ask = Callable[..., ApprovalRequest]


@pytest.fixture
def ask(place: Workspace) -> Ask:
    """Put a question to people, as a run under the policy of the place does; keywords are fields of the request."""

    def ask(request_id: str = "req-1", at: Mapping[str, Any] = MappingProxyType({}), **changes: Any) -> ApprovalRequest:
        now = datetime.now(UTC)
        given: dict[str, Any] = {"request_id": request_id, "rule": ONE, "created_at": now, "requester": "alice"}
        given["expires_at"] = now + timedelta(hours=1)
        asked = template(**(given | changes))
        place_of = {"policy_digest": place.engine.digest, "tenant": "acme", "step_id": request_id, **at}
        asked = asked.model_copy(update={"binding": asked.binding.model_copy(update=place_of)})
        draft = Draft("ir.approval_created", "acme", now, subject=asked.requester)
        place.store.holds.take(asked.binding.run_id, Hold.RUN)  # this process is the one that waits
        return place.store.approvals.open(asked, draft)

    return ask


class Browser:
    """What one person's browser does, without scripts."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, path: str, **more: Any) -> Response:
        answer: Response = self.client.get(path, **more)
        return answer

    def post(self, path: str, seen_on: str = "/", **fields: Any) -> Response:
        """Send a form that stands on the page ``seen_on``."""
        token = re.search(rf'name="{FIELD}" value="([0-9a-f]+)"', self.get(seen_on).text)
        assert token is not None, f"{seen_on} has no form"
        headers = {"sec-fetch-site": "same-origin"}
        answer: Response = self.client.post(path, data={FIELD: token[1], **fields}, headers=headers)
        return answer


@pytest.fixture
def app(place: Workspace) -> FastAPI:
    return create_app(place)


Visit = Callable[[str], Browser]


@pytest.fixture
def visit(place: Workspace, app: FastAPI) -> Visit:
    """The browser of a person who is signed in; of nobody for an empty name."""

    def visit(name: str) -> Browser:
        client = TestClient(app, base_url="http://127.0.0.1:4300", follow_redirects=True)
        if name:
            now = datetime.now(UTC)
            link = invite(place, name, "root", now, os.urandom(32)).url.rpartition("/")[2]
            client.cookies.set("govflow", use_link(place, link, now, os.urandom(32))[1])
        return Browser(client)

    return visit
