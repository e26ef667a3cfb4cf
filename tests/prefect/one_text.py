"""What a stop says, in every place where it says it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from fastapi.testclient import TestClient
from prefect.client.orchestration import get_client

from govflow.cli.app import main
from govflow.console.app import create_app
from govflow.console.pages import DOCS
from govflow.errors import GovflowError
from govflow.services.explain_run import page_of
from govflow.services.invite_people import invite
from govflow.services.manage_people import add_principal
from govflow.services.sign_in import use_link
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
Capture = pytest.CaptureFixture[str]


def explained(run_id: str, capsys: Capture, *more: str) -> str:
    """What ``govflow explain`` prints."""
    capsys.readouterr()
    assert main(["explain", run_id, *more]) == 0
    return capsys.readouterr().out


def of_state(run_id: str) -> str:
    """What the state of the run in Prefect says."""
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(run_id)).state
    assert state is not None
    return state.message or ""


def same_everywhere(run_id: str, error: BaseException, capsys: Capture, *, in_state: bool = True) -> dict[str, Any]:
    """The sentence of the error stands in the run's state, at the terminal, on the console's pages and in REST.

    Args:
        run_id: of the run that was stopped.
        error: what its flow raised.
        capsys: of the test.
        in_state: whether the error is what ended the run; a flow may have gone on after it.

    Returns:
        The stop, as ``govflow explain --format json`` has it.
    """
    assert isinstance(error, GovflowError), repr(error)
    sentence = str(error)
    assert f"[{error.code}]" in sentence
    assert not in_state or sentence in of_state(run_id)
    assert (ROOT / page_of(error.code).partition("#")[0]).is_file()
    stop = said_everywhere(run_id, sentence, capsys)
    assert stop["code"] == error.code
    assert stop["passes"], "what would make it pass"
    return stop


def said_everywhere(run_id: str, sentence: str, capsys: Capture) -> dict[str, Any]:
    """The stop of a run that says this, which terminal, console and REST have word for word."""
    document = orjson.loads(explained(run_id, capsys, "--format", "json"))
    found = [one for one in document["stops"] if one["sentence"] == sentence]
    assert found, [one["sentence"] for one in document["stops"]]
    stop: dict[str, Any] = found[0]
    shown, lines = explained(run_id, capsys), [" ".join(line.split()) for line in sentence.splitlines()]
    assert all(line in " ".join(shown.split()) for line in lines)
    assert "code" in explained(run_id, capsys, "--format", "md")
    pages = [f"/runs/{run_id}"]
    if stop["request_id"]:
        pages.append(f"/requests/{stop['request_id']}")
        assert main(["approvals", "show", stop["request_id"]]) == 0
        of_request = capsys.readouterr().out
        assert all(line in " ".join(of_request.split()) for line in lines) or stop["code"] == "approval-pending"
    with Reader() as console:
        rest = console.get(f"/api/v1/runs/{run_id}").json()
        assert stop in rest["stops"]
        if stop["request_id"]:
            assert console.get(f"/api/v1/requests/{stop['request_id']}").json()["stop"] == stop
        for page in pages:
            text = unescape(console.get(page).text)
            words = " ".join(text.split())
            waits = stop["code"] == "approval-pending" and page.startswith("/requests")
            told = waits or all(line in words for line in lines)
            assert told, (page, sentence, text)
            where = stop["page"].removeprefix("docs/")
            assert waits or f'{DOCS}{where}"' in text, (page, "leads to the page of the code")
    return stop


class Reader:
    """The browser of somebody without a say, on the console of the home that is configured."""

    def __enter__(self) -> TestClient:
        self._workspace = open_workspace(load_settings())
        client = TestClient(create_app(self._workspace), base_url="http://127.0.0.1:4300")
        client.cookies.set("govflow", _session(self._workspace))
        return client

    def __exit__(self, *_: object) -> None:
        self._workspace.close()


def _session(workspace: Workspace) -> str:
    now = datetime.now(UTC)
    if workspace.store.people.get(workspace.settings.tenant, "reader") is None:
        add_principal(workspace, "reader", "root", now, roles=["reader"])
    link = invite(workspace, "reader", "root", now, os.urandom(32)).url.rpartition("/")[2]
    return use_link(workspace, link, now, os.urandom(32))[1]
