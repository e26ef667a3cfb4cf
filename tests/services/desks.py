"""A workspace with people and approval rules that are stated, and requests under its policy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from govflow.approval import ApprovalRequest, ApprovalRule
from govflow.audit.body import parse_body
from govflow.audit.record import Draft
from govflow.services.workspace import Workspace
from tests.services.material import request, workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def desk(folder: Path, *rules: ApprovalRule, **people: tuple[str, ...]) -> Workspace:
    """A workspace whose approval rules are these, and whose people have these roles."""
    opened = workspace(database_url=f"sqlite:///{folder}/gov.db")
    opened.approvals = {rule.name: rule for rule in rules}
    opened.principals = people
    return opened


def ask(at: Workspace, rule: ApprovalRule, request_id: str = "req-1", **changes: Any) -> ApprovalRequest:
    """Alice's run asks for an hour, from :data:`NOW` on."""
    given: dict[str, Any] = {"rule": rule, "created_at": NOW, "expires_at": NOW + HOUR, **changes}
    asked = request(request_id=request_id, **given)
    judged_by = {"policy_digest": at.engine.digest, "run_id": f"run-of-{request_id}"}
    asked = asked.model_copy(update={"binding": asked.binding.model_copy(update=judged_by)})
    return at.store.approvals.open(asked, Draft("ir.approval_created", "default", NOW, subject=asked.requester))


def log(at: Workspace, *events: str) -> list[Mapping[str, Any]]:
    """The bodies of these records, in order."""
    bodies = [parse_body(entry.body) for entry in at.store.entries("default")]
    return [body for body in bodies if body["event"] in events]
