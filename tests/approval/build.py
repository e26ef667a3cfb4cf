"""Short ways to say what the tests of this room need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from govflow.approval.models import ApprovalRequest, ApprovalRule, Binding, Vote, VoteDecision
from govflow.approval.requests import open_request
from govflow.ir.models import Tier

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOBODY: frozenset[str] = frozenset()


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


def binding(**changes: Any) -> Binding:
    """A binding; keyword arguments change parts of it."""
    fields = {
        "tenant": "acme",
        "flow": "flights",
        "run_id": "run-1",
        "step_id": "flights/delete#0",
        "ir_hash": digest("1"),
        "policy_digest": digest("2"),
        "parameters_digest": digest("3"),
    }
    return Binding.model_validate({**fields, **changes})


def rule(required: int = 1, *approvers: str, ttl_seconds: int = 3600) -> ApprovalRule:
    return ApprovalRule(name="rule", required=required, approvers=approvers or ("*",), ttl_seconds=ttl_seconds)


def asked(required: int = 1, *approvers: str, requester: str = "alice", **changes: Any) -> ApprovalRequest:
    """A pending request by alice, opened at NOW; keyword arguments change its fields."""
    request = open_request(
        binding=binding(),
        rule=rule(required, *approvers),
        requester=requester,
        tier=Tier.HIGH,
        policy_rule="bulk-delete",
        reason="Deletes rows.",
        summary={"action": "data:delete"},
        now=NOW,
        request_id="req-1",
    )
    return request.model_copy(update=changes)


def vote(name: str, decision: VoteDecision = VoteDecision.APPROVE, seconds: float = 1, **changes: Any) -> Vote:
    """A vote, so many seconds after NOW."""
    made = Vote(
        request_id="req-1",
        principal=name,
        assurance="authenticated",
        decision=decision,
        at=NOW + timedelta(seconds=seconds),
    )
    return made.model_copy(update=changes)
