"""A workspace with people, keys and requests, and the REST API over it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from govflow.approval.models import ApprovalRequest, ApprovalRule, Binding
from govflow.audit.record import Draft
from govflow.console.app import create_app
from govflow.identity import PrincipalKind
from govflow.ir.models import Tier
from govflow.services.manage_api_keys import make_key
from govflow.services.manage_people import add_principal
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings

POLICY = """\
version: 1
policy:
  name: small
  rules:
    - {name: ask, description: "Deleting is asked for.", effect: require_approval, actions: ["data:delete"],
       approval: owners}
    - {name: allow-the-rest, effect: allow, actions: ["*"]}
approvals:
  owners: {required: 2, approvers: ["role:owner"], ttl_seconds: 3600}
"""
MACHINES: dict[str, list[str]] = {
    "bob": ["owner"],
    "dora": ["owner"],
    "eve": [],
    "mel": [],
    "rita": ["owner"],
    "zed": [],
}


def now() -> datetime:
    return datetime.now(UTC)


def a_place(folder: Path, **settings: Any) -> Workspace:
    """A workspace whose policy asks two owners; ``ann`` is a person, the others are machines."""
    policy = folder / "policy.yaml"
    policy.write_text(POLICY)
    workspace = open_workspace(load_settings(database_url=f"sqlite:///{folder}/gov.db", policy=str(policy), **settings))
    for name, roles in MACHINES.items():
        add_principal(workspace, name, "root", now(), roles=roles, kind=PrincipalKind.MACHINE)
    add_principal(workspace, "ann", "root", now(), roles=["owner"])
    return workspace


def key_of(workspace: Workspace, name: str) -> str:
    """A key that speaks for a machine account."""
    return make_key(workspace, name, "test", "root", now(), os.urandom(32))[1]


def client_of(workspace: Workspace, name: str | None) -> TestClient:
    """The API, called with a key of that machine, or with none."""
    headers = {} if name is None else {"Authorization": f"Bearer {key_of(workspace, name)}"}
    return TestClient(create_app(workspace), base_url="http://127.0.0.1:4300", headers=headers)


def ask(
    workspace: Workspace, request_id: str = "req-1", *, required: int = 2, wait: str = "", more: Any = None, **at: Any
) -> ApprovalRequest:
    """A request of rita's, as a run opens one."""
    digest = "sha256:" + "a" * 64
    binding = {
        "tenant": workspace.settings.tenant,
        "flow": "flights",
        "run_id": "run-1",
        "step_id": "flights/purge#0",
        "ir_hash": digest,
        "policy_digest": workspace.engine.digest,
        "parameters_digest": digest,
        **at,
    }
    request = ApprovalRequest(
        request_id=request_id,
        binding=Binding(**binding),
        rule=ApprovalRule(name="owners", required=required, approvers=("role:owner",), **(more or {})),
        requester="rita",
        tier=Tier.HIGH,
        policy_rule="ask",
        reason="Deletes rows.",
        summary={
            "action": "data:delete",
            "resource": "dataset://acme/flights",
            "parameters": {"rows": 3, "db_password": "hunter2-canary"},
            "wait": wait,
        },
        created_at=now(),
        expires_at=now() + timedelta(hours=1),
    )
    draft = Draft("ir.approval_created", binding["tenant"], now(), run_id=binding["run_id"], flow="flights")
    return workspace.store.approvals.open(request, draft)
