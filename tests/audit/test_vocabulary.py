"""The set of events is closed, and every event has its criticality."""

from __future__ import annotations

from pathlib import Path

import pytest

from govflow.audit.record import Severity
from govflow.audit.vocabulary import EVENTS, IR_EVENTS, severity_of
from govflow.errors import VocabularyError


@pytest.mark.covers("S5-51", "S5-56")
def test_the_published_events_are_exactly_these_nine() -> None:
    assert dict(IR_EVENTS) == {
        "ir.approval_created": "info",
        "ir.approval_consumed": "info",
        "ir.approval_expired": "warning",
        "ir.approval_invalid": "warning",
        "ir.validated_pass": "info",
        "ir.validated_escalate": "warning",
        "ir.validated_reject": "error",
        "ir.dag_diff_ok": "info",
        "ir.dag_diff_failed": "critical",
    }


def test_our_additions_are_exactly_these() -> None:
    assert set(EVENTS) - set(IR_EVENTS) == {
        "approval.vote",
        "approval.vote_refused",
        "approval.vote_withdrawn",
        "approval.standing_refused",
        "approval.granted",
        "approval.denied",
        "approval.revoked",
        "approval.voided",
        "approval.retried",
        "approval.outcome",
        "approval.limited",
        "approval.reminded",
        "approval.escalated",
        "notification.sent",
        "notification.failed",
        "approval.delegated",
        "approval.delegation_revoked",
        "approval.break_glass",
        "approval.reviewed",
        "token.minted",
        "principal.created",
        "principal.changed",
        "principal.deactivated",
        "principal.reactivated",
        "sign_in.invited",
        "sign_in.succeeded",
        "sign_in.refused",
        "session.ended",
        "api_key.created",
        "api_key.revoked",
        "permit.issued",
        "permit.renewed",
        "permit.refused",
        "permit.revoked",
        "key.created",
        "key.retired",
        "plan.approved",
        "plan.trusted",
        "deployment.verified",
        "deployment.refused",
        "deployment.registered",
        "run.guarded",
        "run.opened",
        "run.refused",
        "run.closed",
        "run.reconciled",
        "step.decided",
        "step.intent",
        "step.outcome",
        "step.cached",
        "step.refused",
        "step.uncertain",
        "policy.loaded",
        "policy.changed",
        "settings.changed",
        "value.erased",
        "hold.placed",
        "hold.released",
        "log.exported",
        "receipt.issued",
        "log.pruned",
        "spool.damaged",
    }


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(VocabularyError, match=r"ir\.approval_consummed"):
        severity_of("ir.approval_consummed", Severity.INFO)


@pytest.mark.parametrize(
    ("event", "asked", "given"),
    [
        ("ir.validated_reject", Severity.INFO, Severity.ERROR),
        ("step.outcome", Severity.INFO, Severity.INFO),
        ("step.outcome", Severity.ERROR, Severity.ERROR),
        ("ir.dag_diff_failed", Severity.WARNING, Severity.CRITICAL),
    ],
)
def test_a_record_is_never_quieter_than_its_event(event: str, asked: Severity, given: Severity) -> None:
    assert severity_of(event, asked) is given


def test_every_event_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    assert [event for event in EVENTS if f"`{event}`" not in page] == []
