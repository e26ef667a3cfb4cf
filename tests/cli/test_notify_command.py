"""`govflow approvals notify`: one sweep, and sweeps until it is told to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("apprise", reason="Apprise is not installed: pip install 'govflow[notify]'")

from tests.cli.conftest import Run
from tests.cli.test_approvals import ask, events
from tests.services.receiver import Receiver, http_receiver


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with http_receiver() as receiver:
        targets = {
            "bob": {"url": receiver.url(), "people": ["bob"]},
            "nobody": {"url": receiver.url(), "people": ["x"]},
        }
        monkeypatch.setenv("GOVFLOW_NOTIFY", json.dumps(targets))
        monkeypatch.setenv("GOVFLOW_CONSOLE_URL", "http://127.0.0.1:4300")
        yield receiver


def test_one_sweep_tells_those_who_are_asked(run: Run, receiver: Receiver) -> None:
    ask()
    result = run("approvals", "notify", "--format", "json")
    assert (result.code, result.err) == (0, "")
    assert result.json == dict.fromkeys(("expired", "reminded", "escalated", "failed", "given_up", "dropped"), 0) | {
        "sent": 1
    }
    assert "http://127.0.0.1:4300/requests/req-1" in receiver.arrived[0]["message"]
    assert ("notification.sent", "govflow") in events(run)
    assert run("approvals", "notify").out == "nothing was due\n"


def test_addresses_are_in_no_error_and_no_page(run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVFLOW_NOTIFY", '{"bob": {"url": "json://s3cr3t", "peple": ["bob"]}}')
    result = run("approvals", "notify")
    assert result.code == 2 and result.err.startswith("error[settings]")
    assert "peple" in result.err and "s3cr3t" not in result.err
    monkeypatch.setenv("GOVFLOW_NOTIFY", "bob=s3cr3t")
    result = run("approvals", "notify")
    assert "an Apprise address" in result.err and "s3cr3t" not in result.err


def test_watching_sends_what_is_asked_later_and_ends_on_a_signal(run: Run, receiver: Receiver, repo: Path) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-m", "govflow.cli", "approvals", "notify", "--watch"],
        cwd=repo,
        env=os.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    try:
        assert watching.stdout.readline() == "messages: ready; told: bob, nobody\n"
        ask()
        assert watching.stdout.readline() == "messages: 1 sent\n"
        assert receiver.arrived[0]["title"].startswith("Approval needed")
    finally:
        watching.send_signal(signal.SIGTERM)
        rest, _ = watching.communicate(timeout=240)
    assert (watching.returncode, rest) == (0, "messages: ended\n")
