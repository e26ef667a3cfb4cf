"""Plans, requests and workspaces to test services with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from govflow.approval import ApprovalRequest, ApprovalRule, Binding
from govflow.governor.assess import Assessment, assess
from govflow.ir.models import CallSite, Edge, EdgeKind, Finding, Plan, Step, StepKind, Tier
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings

DIGEST = "sha256:" + "ab" * 32
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def step(step_id: str, **changes: Any) -> Step:
    site = CallSite(file="etl.py", function="etl", line=7, column=4, end_line=7, end_column=20)
    given: dict[str, Any] = {
        "step_id": step_id,
        "kind": StepKind.TASK,
        "callee": step_id.partition("#")[0],
        "resource": f"task://etl/{step_id.partition('#')[0]}",
        "code": DIGEST,
        "sites": (site,),
    }
    return Step(**(given | changes))


def plan() -> Plan:
    """A body, a read and a bulk delete that waits for it."""
    return Plan(
        flow="etl",
        file="etl.py",
        function="etl",
        steps=(
            step("etl", kind=StepKind.BODY, resource="flow://etl/etl"),
            step("load#1", action="data:read", provider="duckdb", resource="dataset://acme/sales"),
            step("purge#1", action="data:delete", provider="duckdb", resource="dataset://acme/{table}"),
        ),
        edges=(
            Edge(source="load#1", target="purge#1"),
            Edge(source="etl", target="load#1", kind=EdgeKind.ORDER),
        ),
        findings=(Finding(code="dynamic-call", message="a call could not be followed", file="etl.py", line=9),),
    )


def workspace(**settings: Any) -> Workspace:
    """A workspace whose settings are stated, except for the defaults."""
    return open_workspace(Settings(**settings))


def assessed(a_plan: Plan, **settings: Any) -> Assessment:
    opened = workspace(**settings)
    return assess(a_plan, opened.ground, opened.requester(), opened.opened_at)


def request(**changes: Any) -> ApprovalRequest:
    given: dict[str, Any] = {
        "request_id": "req-1",
        "binding": Binding(
            tenant="default",
            flow="etl",
            run_id="run-1",
            step_id="purge#1",
            ir_hash=DIGEST,
            policy_digest=DIGEST,
            parameters_digest=DIGEST,
        ),
        "rule": ApprovalRule(name="two", required=2, approvers=("role:owner", "user:bob")),
        "requester": "alice",
        "tier": Tier.HIGH,
        "policy_rule": "bulk-delete",
        "reason": "purge does data:delete on dataset://acme/sales: tier 3 (a delete)",
        "summary": {
            "action": "data:delete",
            "provider": "duckdb",
            "resource": "dataset://acme/sales",
            "records": 8255,
            "tier_rules": ["destructive-action"],
            "environment": "production",
            "parameters": {"table": "sales", "api_key": "canary", "limit": 5},
        },
        "created_at": NOON,
        "expires_at": NOON + timedelta(hours=1),
    }
    return ApprovalRequest(**(given | changes))
