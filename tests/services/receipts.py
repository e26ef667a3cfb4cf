"""A log with a governed run in the shape in which the governor and the store leave one, and another run beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from govflow.audit.record import Draft
from govflow.services.workspace import Workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HASH = "sha256:" + "cd" * 32
SECRET = "canary-parameter"


def write_run(at: Workspace, run_id: str, tenant: str = "default", leave_out: tuple[str, ...] = ()) -> None:
    """Alice's run of a step that bob approved; ``leave_out`` names events that are not written."""
    asked: dict[str, Any] = {"request_id": f"req-{run_id}", "requester": "alice", "tier": 3}
    call: dict[str, Any] = {"task_run_id": "t-1"}
    opened: dict[str, Any] = {
        "mode": "enforce",
        "environment": "production",
        "assurance": "oidc",
        "ir_hash": HASH,
        "plan_hash": HASH,
    }
    opened |= {"policy_digest": HASH, "steps": {"purge#1": {"tier": 3, "verdict": "escalate", "rule": "risky"}}}
    story: list[tuple[str, str, dict[str, Any]]] = [
        ("ir.dag_diff_ok", "alice", {"approved": HASH, "loaded": HASH, "approved_by": "carol"}),
        ("ir.validated_escalate", "alice", opened),
        ("ir.approval_created", "alice", asked),
        ("approval.vote", "bob", {**asked, "decision": "approve", "assurance": "session"}),
        ("approval.granted", "bob", {**asked, "approved_by": ["bob"]}),
        ("ir.approval_consumed", "alice", asked),
        ("step.intent", "alice", {**call, **asked, "verdict": "escalate", "rule": "risky"}),
        ("step.outcome", "alice", {**call, "state": "succeeded"}),
        ("run.closed", "alice", {"missing": []}),
    ]
    for number, (event, who, payload) in enumerate(story):
        step = None if event.startswith(("ir.dag", "ir.validated", "run.")) else "purge#1"
        values = {"parameters.table": SECRET} if event == "step.intent" else {}
        draft = Draft(
            event, tenant, NOW + timedelta(minutes=number), subject=who, run_id=run_id, flow="nightly", step_id=step
        )
        draft = Draft(
            **{name: getattr(draft, name) for name in draft.__slots__} | {"payload": payload, "values": values}
        )
        if event not in leave_out:
            at.store.append(draft, durable=True)
