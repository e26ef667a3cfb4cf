"""A log with a governed run in the shape in which the governor and the store leave one, and how a stranger verifies."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from govflow.audit import receipt_verifier
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


def write_plain_run(at: Workspace, run_id: str, tenant: str = "default") -> None:
    """Alice's run that asked nobody, as its page shows it."""
    at.store.runs.save(run_id, tenant, "nightly", HASH, HASH, "alice", NOW, {"a": "permit"})
    opened = {"mode": "enforce", "ir_hash": HASH, "plan_hash": HASH, "policy_digest": HASH, "steps": {}}
    for event, payload in (("ir.validated_pass", opened), ("run.closed", {"missing": []})):
        at.store.append(Draft(event, tenant, NOW, "alice", run_id, "nightly", payload=payload), durable=True)


def verified_alone(folder: Path, receipt: bytes, keys: Iterable[object]) -> tuple[int, str]:
    """Exit code and words of the verifier, alone in a folder with the receipt and the keys, without govflow."""
    folder.mkdir(exist_ok=True)
    shutil.copy(receipt_verifier.__file__, folder / "verify.py")
    (folder / "run.json").write_bytes(receipt)
    (folder / "log.key").write_text("\n".join(str(key) for key in keys))
    words = [sys.executable, "-I", "verify.py", "run.json", "--key", "log.key"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout
