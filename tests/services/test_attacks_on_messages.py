"""Attacks on messages: what blocks the queue, what sends without end, what a text makes people click."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

pytest.importorskip("apprise", reason="Apprise is not installed: pip install 'govflow[notify]'")

from govflow.approval import ApprovalRequest
from govflow.audit.body import parse_body
from govflow.audit.record import Draft
from govflow.errors import StoreError
from govflow.notify_settings import Target
from govflow.services import notification_blocks
from govflow.services.describe.messages import Text, quiet
from govflow.services.escalate import sweep
from govflow.services.message_people import keep_messaging
from govflow.services.notify import LEASE, STOP_AFTER, Delivered, deliver_due
from govflow.services.send_message import send
from govflow.services.workspace import Workspace
from govflow.store.messages import Kind, MessageState, insert_message
from govflow.store.outbox import ATTEMPTS
from govflow.store.tables import APPROVAL_REQUEST
from tests.services.material import NOON, request, workspace
from tests.services.receiver import Receiver, http_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as receiver:
        yield receiver


@contextmanager
def desk(tmp_path: Path, **settings: Any) -> Iterator[Workspace]:
    opened = workspace(database_url=f"sqlite:///{tmp_path}/gov.db", **settings)
    try:
        yield opened
    finally:
        opened.close()


def ask(opened: Workspace, request_id: str = "req-1") -> ApprovalRequest:
    asked = request(request_id=request_id, expires_at=NOON + timedelta(days=9))
    at = {"policy_digest": opened.engine.digest, "run_id": request_id}
    asked = asked.model_copy(update={"binding": asked.binding.model_copy(update=at)})
    opened.store.approvals.open(asked, Draft("ir.approval_created", "default", NOON))
    return asked


def waiting(opened: Workspace, target: str, number: int) -> None:
    """So many messages to a target, all about the first request, and due before any other."""
    with opened.store._writer.transaction() as transaction:
        for one in range(number):
            early = NOON - timedelta(hours=1)
            insert_message(transaction.connection, "default", "req-1", Kind.ASKED, one, target, None, early, early)


def test_messages_to_a_place_that_is_no_more_hold_up_no_others(tmp_path: Path, receiver: Receiver) -> None:
    with desk(tmp_path, notify={"ops": receiver.url()}) as opened:
        ask(opened)
        waiting(opened, "renamed-since", 250)
        sweep(opened, NOON)
        assert deliver_due(opened, NOON, send) == Delivered(sent=1)


def test_a_place_that_is_down_holds_up_no_others_and_is_not_stormed(tmp_path: Path) -> None:
    tried: list[str] = []

    def sending(target: Target, _: Text) -> None:
        tried.append(target.people[0])
        if target.people[0] == "bob":
            raise ConnectionError

    places = {name: {"url": "json://127.0.0.1:1", "people": [name]} for name in ("bob", "carol")}
    with desk(tmp_path, notify=places) as opened:
        ask(opened)
        waiting(opened, "bob", 250)
        waiting(opened, "carol", 5)
        assert deliver_due(opened, NOON, sending) == Delivered(sent=5, failed=STOP_AFTER)
        assert tried.count("bob") == STOP_AFTER


def test_a_message_whose_sweeper_dies_each_time_is_given_up(tmp_path: Path, receiver: Receiver) -> None:
    """It may have been sent each time, and only the note of it was lost: nobody is told the same for ever."""
    with desk(tmp_path, notify={"ops": receiver.url()}) as opened:
        ask(opened)
        sweep(opened, NOON)
        now = NOON
        for _ in range(ATTEMPTS):
            (message,) = opened.store.outbox.due("default", now, new=False)
            assert opened.store.outbox.claim(message, now, LEASE)
            now += LEASE
        assert deliver_due(opened, now, send) == Delivered(given_up=1)
        assert receiver.arrived == []
        (told,) = [one for one in opened.store.outbox.of_request("req-1") if one.target == "ops"]
        assert told.state is MessageState.GIVEN_UP
        opened.store.flush()
        bodies = [parse_body(entry.body) for entry in opened.store.entries("default")]
        (failed,) = [body["payload"] for body in bodies if body["event"] == "notification.failed"]
        assert failed["given_up"] is True


def test_a_request_that_cannot_be_read_holds_up_no_message(tmp_path: Path, receiver: Receiver) -> None:
    """As after going back to an older version, which does not know what a newer one wrote."""
    with desk(tmp_path, notify={"ops": receiver.url()}) as opened:
        for name in ("req-1", "req-2", "req-3"):
            ask(opened, name)
        sweep(opened, NOON)
        ask(opened, "req-4")
        with opened.store._writer.transaction() as transaction:
            later = update(APPROVAL_REQUEST).where(APPROVAL_REQUEST.c.request_id.in_(("req-1", "req-4")))
            transaction.connection.execute(later.values(document='{"of_a_later_version": 1}'))
        ask(opened, "req-5")
        sweep(opened, NOON)
        assert deliver_due(opened, NOON, send) == Delivered(sent=3)
        assert deliver_due(opened, NOON, send) == Delivered()


def test_a_database_that_fails_counts_against_no_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(tmp_path, notify={"ops": "json://127.0.0.1:1"}) as opened:
        ask(opened)
        sweep(opened, NOON)

        def gone(*_: object) -> None:
            raise StoreError("gone")

        monkeypatch.setattr(opened.store.approvals, "get", gone)
        with pytest.raises(StoreError):
            deliver_due(opened, NOON, send)


def test_whatever_a_sweep_fails_by_the_next_one_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, swept = threading.Event(), 0

    def failing(*_: object, **__: object) -> None:
        nonlocal swept
        swept += 1
        if swept == 2:
            stop.set()
        raise ValueError

    monkeypatch.setattr("govflow.services.message_people.sweep", failing)
    monkeypatch.setattr("govflow.services.message_people.EVERY", 0.0)
    with desk(tmp_path) as opened:
        keep_messaging(opened, stop, lambda _: None)
    assert swept == 2


@pytest.mark.parametrize(
    "text",
    [
        "[Approve here](https://evil.example)",
        "<https://evil.example|Approve here>",
        "<HTTPS://evil.example|Approve here>",
        "<mailto:eve@evil.example|Approve here>",
        "![](https://evil.example/seen.png)",
    ],
)
def test_what_a_flow_says_of_itself_becomes_no_link_with_another_name(text: str) -> None:
    assert "](" not in quiet(text) and "<h" not in quiet(text).lower() and "<m" not in quiet(text)


def test_what_a_block_sends_with_logs_no_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with http_receiver() as receiver:
        address = receiver.url().replace("json://", "http://")

        def by_httpx(_: str, text: Text) -> None:
            httpx.post(address, json={"text": text.body}).raise_for_status()

        was = list(notification_blocks._SENDERS)
        notification_blocks.blocks_are_sent_by(by_httpx)
        try:
            send(Target.model_validate({"url": "block:custom-webhook/ops"}), Text("title", "body"))
        finally:
            notification_blocks._SENDERS[:] = was
        assert receiver.arrived == [{"text": "body"}]
    assert "s3cr3t-part" not in caplog.text
