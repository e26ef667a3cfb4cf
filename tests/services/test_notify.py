"""Messages to people, sent to real receivers: who is told what, once, without secrets, and again where it failed."""

from __future__ import annotations

import email
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apprise", reason="Apprise is not installed: pip install 'govflow[notify]'")

from govflow.approval import ApprovalRequest, ApprovalRule, RequestState, VoteDecision, judge_vote
from govflow.approval.models import BreakGlass, DelegationTerms, Escalation, Group, Stage
from govflow.audit.body import parse_body
from govflow.audit.record import Draft
from govflow.errors import NotSent
from govflow.services.break_glass import break_glass
from govflow.services.delegate import delegate, revoke_delegation
from govflow.services.escalate import sweep
from govflow.services.notify import LEASE, Delivered, deliver_due
from govflow.services.send_message import send
from govflow.services.workspace import Workspace
from govflow.store.messages import MessageState
from govflow.store.outbox import ATTEMPTS
from tests.services.material import NOON, request, workspace
from tests.services.receiver import Receiver, http_receiver, mail_receiver

RULE = ApprovalRule(name="owners", approvers=("role:owner", "user:bob"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as receiver:
        yield receiver


@contextmanager
def _desk(tmp_path: Path, **settings: Any) -> Iterator[Workspace]:
    opened = workspace(database_url=f"sqlite:///{tmp_path}/gov.db", **settings)
    try:
        yield opened
    finally:
        opened.close()


def _ask(opened: Workspace, run_id: str = "run-1", **changes: Any) -> ApprovalRequest:
    policy = {"policy_digest": opened.engine.digest, "run_id": run_id}
    asked = request(**({"rule": RULE} | changes))
    asked = asked.model_copy(update={"binding": asked.binding.model_copy(update=policy)})
    opened.store.approvals.open(asked, Draft("ir.approval_created", "default", NOON))
    return asked


def _vote(opened: Workspace, name: str, decision: str = "approve", at: datetime = NOON, *roles: str) -> None:
    selectors = frozenset({f"user:{name}", *roles})
    opened.store.approvals.vote(
        "req-1", name, selectors, "claimed, not authenticated", VoteDecision(decision), "looked", at, judge_vote
    )


def _run(opened: Workspace, now: datetime = NOON) -> Delivered:
    sweep(opened, now)
    return deliver_due(opened, now, send)


def _records(opened: Workspace, event: str) -> list[dict[str, Any]]:
    opened.store.flush()
    bodies = [parse_body(entry.body) for entry in opened.store.entries("default")]
    return [body for body in bodies if body["event"] == event]


def test_a_question_is_told_once_with_what_why_who_until_when_and_where(tmp_path: Path, receiver: Receiver) -> None:
    with _desk(tmp_path, notify={"ops": receiver.url()}, console_url="https://gov.example") as opened:
        _ask(opened)
        assert _run(opened) == Delivered(sent=1)
        assert _run(opened) == Delivered()
        (told,) = receiver.arrived
        assert told["title"] == "Approval needed: purge#1, tier 3"
        for said in (
            "purge does data:delete on dataset://acme/sales: tier 3",
            "Rule 'bulk-delete' asks for approval by one person: whoever has the role owner or bob, but not alice",
            "until 2026-03-01 13:00 UTC",
            "asked by alice",
            "https://gov.example/requests/req-1",
        ):
            assert said in told["message"], said
        assert "gfa_" not in told["message"]
        (sent,) = _records(opened, "notification.sent")
        assert sent["payload"]["target"] == "ops"


def test_the_decision_is_told_to_those_who_were_asked(tmp_path: Path, receiver: Receiver) -> None:
    with _desk(tmp_path, notify={"bob": {"url": receiver.url(), "people": ["bob"]}}) as opened:
        _ask(opened)
        _run(opened)
        _vote(opened, "bob", "deny")
        _run(opened)
        assert [told["title"] for told in receiver.arrived][1:] == ["Denied: purge#1, tier 3"]
        assert "bob said deny: looked" in receiver.arrived[1]["message"]


def test_a_place_is_told_what_concerns_the_people_it_serves(tmp_path: Path, receiver: Receiver) -> None:
    targets = {
        "owners": {"url": receiver.url(), "selectors": ["role:owner"]},
        "security": {"url": receiver.url(), "selectors": ["role:security"]},
        "alice": {"url": receiver.url(), "people": ["alice"]},  # asked for the run
        "everybody": {"url": receiver.url(), "kinds": ["decided"]},
    }
    with _desk(tmp_path, notify=targets) as opened:
        _ask(opened)
        _run(opened)
        assert [one["payload"]["target"] for one in _records(opened, "notification.sent")] == ["owners"]
        _vote(opened, "bob")
        _run(opened)
        decided = [one["payload"] for one in _records(opened, "notification.sent")[1:]]
        assert sorted((one["kind"], one["target"]) for one in decided) == [
            ("decided", "everybody"),
            ("decided", "owners"),
        ]


def test_the_people_of_the_next_stage_are_told_when_it_is_their_turn(tmp_path: Path, receiver: Receiver) -> None:
    stages = (
        Stage(name="first", groups=(Group(name="team", approvers=("user:bob",)),)),
        Stage(name="then", groups=(Group(name="security", approvers=("role:security",)),)),
    )
    targets = {"security": {"url": receiver.url(), "selectors": ["role:security"]}}
    with _desk(tmp_path, notify=targets) as opened:
        _ask(opened, rule=ApprovalRule(name="two", stages=stages))
        assert _run(opened) == Delivered()
        _vote(opened, "bob")
        assert _run(opened) == Delivered(sent=1)
        assert "said yes so far: bob; one more person must approve" in receiver.arrived[0]["message"]


def test_reminders_and_escalations_happen_once_each_without_any_flow(tmp_path: Path, receiver: Receiver) -> None:
    rule = ApprovalRule(
        name="slow",
        approvers=("user:bob",),
        remind_after_seconds=(600, 1200),
        escalation=(Escalation(after_seconds=1800, approvers=("role:head",)),),
    )
    targets = {
        "bob": {"url": receiver.url(), "people": ["bob"]},
        "heads": {"url": receiver.url(), "selectors": ["role:head"]},
    }
    with _desk(tmp_path, notify=targets) as opened:
        _ask(opened, rule=rule)
        for seconds in (0, 599, 600, 601, 1200, 1799, 1800, 1801):
            _run(opened, NOON + timedelta(seconds=seconds))
        titles = [told["title"].partition(":")[0] for told in receiver.arrived]
        assert titles == ["Approval needed", "Reminder 1", "Reminder 2", "Escalated"]
        assert [one["payload"]["number"] for one in _records(opened, "approval.reminded")] == [1, 2]
        (escalated,) = _records(opened, "approval.escalated")
        assert escalated["payload"]["approvers"] == ["role:head"]
        _vote(opened, "hanna", "approve", NOON + timedelta(seconds=1900), "role:head")
        assert opened.store.approvals.get("req-1").state is RequestState.APPROVED


def test_escalation_is_on_record_where_nobody_is_told_and_told_by_whoever_has_targets(
    tmp_path: Path, receiver: Receiver
) -> None:
    rule = ApprovalRule(
        name="slow", approvers=("user:bob",), escalation=(Escalation(after_seconds=60, approvers=("role:head",)),)
    )
    later = NOON + timedelta(seconds=60)
    with _desk(tmp_path) as mute:
        _ask(mute, rule=rule)
        assert sweep(mute, later).escalated == 1
        assert sweep(mute, later).escalated == 0
        assert len(_records(mute, "approval.escalated")) == 1
    with _desk(tmp_path, notify={"ops": receiver.url()}) as opened:
        assert _run(opened, later).sent == 2
        assert len(_records(opened, "approval.escalated")) == 1


def test_what_is_decided_meanwhile_reminds_nobody(tmp_path: Path, receiver: Receiver) -> None:
    rule = ApprovalRule(name="slow", approvers=("user:bob",), remind_after_seconds=(60,))
    with _desk(tmp_path, notify={"ops": receiver.url()}) as opened:
        _ask(opened, rule=rule)
        _vote(opened, "bob")
        _run(opened, NOON + timedelta(seconds=120))
        assert [told["title"] for told in receiver.arrived] == ["Approved: purge#1, tier 3"]
        assert _records(opened, "approval.reminded") == []


def test_expiry_is_told(tmp_path: Path, receiver: Receiver) -> None:
    with _desk(tmp_path, notify={"ops": receiver.url()}) as opened:
        asked = _ask(opened)
        _run(opened, asked.expires_at)
        assert [told["title"] for told in receiver.arrived] == ["Expired: purge#1, tier 3"]


def test_a_token_goes_to_its_one_person_alone_and_is_kept_nowhere(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    targets = {
        "bob": {"url": receiver.url(), "people": ["bob"], "with_token": True},
        "ops": {"url": receiver.url()},
    }
    with _desk(tmp_path, notify=targets) as opened:
        asked = _ask(opened)
        _run(opened)
        with_token = [told["message"] for told in receiver.arrived if "gfa_" in told["message"]]
        assert len(receiver.arrived) == 2 and len(with_token) == 1
        secret = with_token[0].rpartition(": ")[2].strip()
        opened.store.tokens.spend(
            secret, asked.binding, VoteDecision.APPROVE, "looked", NOON + timedelta(seconds=1), judge_vote
        )
        (vote,) = opened.store.approvals.votes("req-1")
        assert vote.principal == "bob"
    assert secret not in caplog.text and "s3cr3t-part" not in caplog.text
    for file in tmp_path.iterdir():
        held = file.read_bytes() if file.is_file() else b""
        assert secret.encode() not in held and b"s3cr3t-part" not in held


@pytest.mark.parametrize("refusal", [500, 404])
def test_a_place_that_refuses_is_tried_again_ever_later_and_given_up_on_record(
    tmp_path: Path, receiver: Receiver, refusal: int
) -> None:
    receiver.refuse = refusal
    with _desk(tmp_path, notify={"ops": receiver.url()}) as opened:
        _ask(opened, expires_at=NOON + timedelta(days=9))
        now, waits = NOON, []
        for _ in range(ATTEMPTS):
            before = now
            while not _ran(opened, now):
                now += timedelta(seconds=30)
            waits.append((now - before).total_seconds())
        assert waits == [0, 30, 60, 120, 240, 480, 960, 1920]
        failed = [one["payload"] for one in _records(opened, "notification.failed")]
        assert [one["given_up"] for one in failed] == [False] * (ATTEMPTS - 1) + [True]
        assert failed[0]["error"] == f"The service did not take it: it answered {refusal}."
        assert "s3cr3t-part" not in str(failed)
        assert _run(opened, now + timedelta(days=1)) == Delivered()
        states = [one.state for one in opened.store.outbox.of_request("req-1") if one.target == "ops"]
        assert states == [MessageState.GIVEN_UP]


def _ran(opened: Workspace, now: datetime) -> bool:
    done = _run(opened, now)
    return bool(done.failed or done.given_up)


def test_a_place_that_is_not_there_fails_in_words_without_its_address(tmp_path: Path, receiver: Receiver) -> None:
    with _desk(tmp_path, notify={"gone": "json://127.0.0.1:1/s3cr3t-part"}) as opened:
        _ask(opened)
        assert _run(opened).failed == 1
        (failed,) = _records(opened, "notification.failed")
        assert failed["payload"]["error"] == "The service did not take it: it could not be reached."


@pytest.mark.once
def test_two_sweepers_at_once_send_one_message(tmp_path: Path, receiver: Receiver) -> None:
    with (
        _desk(tmp_path, notify={"ops": receiver.url()}) as first,
        _desk(tmp_path, notify={"ops": receiver.url()}) as other,
    ):
        _ask(first)
        receiver.held.clear()  # whoever sends waits for an answer, while the other one looks
        done: list[Delivered] = []
        threads = [threading.Thread(target=lambda one=one: done.append(_run(one))) for one in (first, other)]
        for thread in threads:
            thread.start()
        threading.Timer(1.0, receiver.held.set).start()
        for thread in threads:
            thread.join()
        assert sum(one.sent for one in done) == 1
        assert len(receiver.arrived) == 1


def test_what_a_killed_sweeper_held_is_sent_by_another_after_its_lease(tmp_path: Path, receiver: Receiver) -> None:
    with _desk(tmp_path, notify={"ops": receiver.url()}) as opened:
        _ask(opened)
        sweep(opened, NOON)
        (message,) = opened.store.outbox.due("default", NOON, new=False)
        assert opened.store.outbox.claim(message, NOON, LEASE)  # ... and then it was killed
        assert not opened.store.outbox.claim(message, NOON, LEASE)
        assert _run(opened, NOON + LEASE - timedelta(seconds=1)) == Delivered()
        assert _run(opened, NOON + LEASE) == Delivered(sent=1)


def test_mail_arrives(tmp_path: Path) -> None:
    with mail_receiver() as (port, arrived):
        url = f"mailto://127.0.0.1:{port}?from=gov@example.com&to=bob@example.com&mode=insecure"
        with _desk(tmp_path, notify={"mail": url}) as opened:
            _ask(opened)
            assert _run(opened) == Delivered(sent=1)
    mail = email.message_from_string(arrived[0])
    assert mail["Subject"] == "Approval needed: purge#1, tier 3"
    body = next(part for part in mail.walk() if part.get_content_type() == "text/plain").get_payload(decode=True)
    assert isinstance(body, bytes) and b"asks for approval by" in body


def test_a_text_of_the_run_mentions_nobody(tmp_path: Path, receiver: Receiver) -> None:
    with _desk(tmp_path, notify={"ops": receiver.url()}) as opened:
        _ask(opened, reason="purge\x1b[2J @everyone <!channel> <@U123>: tier 3")
        _run(opened)
        said = receiver.arrived[0]["message"]
        assert "@everyone" not in said and "<!channel>" not in said and "<@U" not in said and "\x1b" not in said


def test_a_scheme_that_is_unknown_is_said_without_the_address() -> None:
    from govflow.notify_settings import Target
    from govflow.services.describe.messages import Text

    with pytest.raises(NotSent, match="does not know such an address") as caught:
        send(Target.model_validate({"url": "nosuch://s3cr3t-part"}), Text("t", "b"))
    assert "s3cr3t" not in str(caught.value)


def test_an_emergency_is_told_to_whom_the_rule_could_have_asked_and_as_that(tmp_path: Path, receiver: Receiver) -> None:
    targets = {
        "owners": {"url": receiver.url(), "selectors": ["role:owner"], "kinds": ["break_glass"]},
        "decisions": {"url": receiver.url(), "kinds": ["decided"]},
        "alarm": {"url": receiver.url(), "kinds": ["break_glass"]},
        "others": {"url": receiver.url(), "selectors": ["role:other"], "kinds": ["break_glass"]},
    }
    rule = RULE.model_copy(update={"break_glass": BreakGlass(approvers=("user:dora",))})
    with _desk(tmp_path, notify=targets, console_url="https://gov.example") as opened:
        opened.principals = {"dora": ()}
        _ask(opened, rule=rule)
        assert _run(opened) == Delivered()
        break_glass(opened, "req-1", opened.principal("dora"), "the disk is full @here", NOON)
        assert _run(opened) == Delivered(sent=2)
        assert _run(opened) == Delivered()
        sent = [one["payload"] for one in _records(opened, "notification.sent")]
        assert sorted((one["kind"], one["target"]) for one in sent) == [
            ("break_glass", "alarm"),
            ("break_glass", "owners"),
        ]
        for told in receiver.arrived:
            assert told["title"] == "Break glass: purge#1 was let through by one person alone, tier 3"
            assert "dora said approve, alone, in an emergency: the disk is full @\u200bhere" in told["message"]
            assert "Read it: https://gov.example/requests/req-1" in told["message"]


HANDED = DelegationTerms(depth=2, ttl_seconds=7200)
HANDING = ApprovalRule(name="handing", approvers=("role:owner",), delegation=HANDED)


@contextmanager
def _handing(tmp_path: Path, **settings: Any) -> Iterator[Workspace]:
    with _desk(tmp_path, **settings) as opened:
        opened.approvals = {"handing": HANDING}
        opened.principals = {"bob": ("owner",), "dora": ()}
        yield opened


def _hand_on(opened: Workspace, **changes: Any) -> str:
    given: dict[str, Any] = {"until": NOON + timedelta(hours=1), "now": NOON, "new_id": "d-1", **changes}
    return delegate(opened, opened.principal("bob"), "dora", **given).delegation_id


def test_whoever_takes_is_told_who_handed_what_over_until_when_and_never_a_token(
    tmp_path: Path, receiver: Receiver
) -> None:
    targets = {
        "dora": {"url": receiver.url(), "people": ["Dora"], "with_token": True},
        "by-selector": {"url": receiver.url(), "selectors": ["user:dora"], "kinds": ["delegated"]},
        "everything": {"url": receiver.url()},
        "owners": {"url": receiver.url(), "selectors": ["role:owner"]},
        "bob": {"url": receiver.url(), "people": ["bob"]},
        "asked-only": {"url": receiver.url(), "people": ["dora"], "kinds": ["asked"]},
    }
    with _handing(tmp_path, notify=targets, console_url="https://gov.example") as opened:
        _hand_on(opened, rule="handing", depth=1, reason="I am away; ask @everyone else")
        assert _run(opened) == Delivered(sent=3)
        assert _run(opened) == Delivered(), "once"
        told = receiver.arrived[0]
        assert told["title"] == "bob lets dora answer until 2026-03-01 13:00 UTC"
        assert told["message"].splitlines() == [
            "dora may answer requests of approval rule handing in the stead of bob until 2026-03-01 13:00 UTC.",
            "bob says: I am away; ask @\u200beveryone else",
            "It may be handed on once.",
            "An answer is dora's own, and on record as given in the stead of bob.",
            "",
            "What was handed over: https://gov.example/delegations",
        ]
        assert not any("gfa_" in one["message"] for one in receiver.arrived)
        assert not _records(opened, "token.minted")
        sent = [one["payload"] for one in _records(opened, "notification.sent")]
        assert sorted(one["target"] for one in sent) == ["by-selector", "dora", "everything"]
        assert all((one["kind"], one["delegation_id"]) == ("delegated", "d-1") for one in sent)


def test_what_is_handed_over_of_one_request_leads_to_it(tmp_path: Path, receiver: Receiver) -> None:
    with _handing(tmp_path, notify={"dora": {"url": receiver.url(), "people": ["dora"]}}) as opened:
        _ask(opened, rule=HANDING)
        _hand_on(opened, request_id="req-1")
        sweep(opened, NOON)
        assert deliver_due(opened, NOON, send, link=lambda asked: f"https://prefect/{asked.request_id}").sent == 1
        assert receiver.arrived[-1]["message"].endswith("Read and answer it: https://prefect/req-1")


@pytest.mark.parametrize("spread_first", [True, False])
def test_what_was_taken_back_is_told_to_nobody(tmp_path: Path, receiver: Receiver, spread_first: bool) -> None:
    with _handing(tmp_path, notify={"dora": {"url": receiver.url(), "people": ["dora"]}}) as opened:
        handed = _hand_on(opened)
        if spread_first:
            assert sweep(opened, NOON).messages == 1
        revoke_delegation(opened, handed, opened.principal("bob"), NOON)
        assert _run(opened) == Delivered(dropped=int(spread_first))
        assert not receiver.arrived


def test_a_message_to_a_taker_that_fails_is_tried_again_and_on_record(tmp_path: Path) -> None:
    with _handing(tmp_path, notify={"dora": {"url": "json://127.0.0.1:1/x", "people": ["dora"]}}) as opened:
        _hand_on(opened)
        assert _run(opened) == Delivered(failed=1)
        (failed,) = _records(opened, "notification.failed")
        assert (failed["payload"]["delegation_id"], failed["payload"]["given_up"]) == ("d-1", False)


def test_messages_that_are_past_are_removed_and_the_log_keeps_that_they_were_sent(
    tmp_path: Path, receiver: Receiver
) -> None:
    everything = {"ops": {"url": receiver.url()}}
    with _handing(tmp_path, notify=everything, message_days=30) as opened:
        long = NOON + timedelta(days=60)
        _ask(opened, request_id="req-1", expires_at=NOON + timedelta(hours=1))
        _ask(opened, "run-2", request_id="req-2", expires_at=long)
        _hand_on(opened)
        _run(opened)
        decided = NOON + timedelta(hours=2)
        _run(opened, decided)  # req-1 expires, and that is told
        outbox = opened.store.outbox
        assert len(outbox.of_request("req-1")) == 4

        before = _records(opened, "notification.sent")
        _run(opened, decided + timedelta(days=29))
        assert len(outbox.of_request("req-1")) == 4, "not yet"
        _run(opened, decided + timedelta(days=31))
        assert outbox.of_request("req-1") == []
        assert [one.state for one in outbox.of_request("req-2")] == ["spread", "sent"], "it is still asked"
        assert _records(opened, "notification.sent") == before
        assert outbox.told("req-2") == {"ops"}


def test_no_call_removes_more_than_a_few_hundred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govflow.store.outbox.AT_ONCE", 2)
    with _handing(tmp_path) as opened:
        for number in range(3):
            _hand_on(opened, new_id=f"d-{number}", until=NOON + timedelta(minutes=30 + number))
        later = NOON + timedelta(days=1)
        assert [opened.store.outbox.forget(later) for _ in range(3)] == [2, 1, 0]
