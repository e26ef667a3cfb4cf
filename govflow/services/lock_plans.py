"""Writing the lock file, and recording a plan as approved by a named person.

The lock file is what reviewers read. The record in the store is what enforce mode goes by: a flow edited together with
its lock is stopped, because the store still holds the plan that a person approved.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from govflow.audit.record import Draft
from govflow.errors import FlowNotFound, LockError, RequestError
from govflow.identity import Principal
from govflow.ir.diff import diff
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import Lock, LockedFlow, dump_lock, plan_key
from govflow.services.diff_plans import FlowDiff
from govflow.services.lock_file import present_lock
from govflow.services.plan_flows import FlowPlan
from govflow.services.sides import diff_lock, read_held
from govflow.services.workspace import Workspace
from govflow.telemetry import redact_named


@dataclass(frozen=True, slots=True)
class LockUpdate:
    """What the lock file would become. Nothing is written until :func:`write_lock`."""

    path: Path
    lock: Lock
    changes: tuple[FlowDiff, ...]  # from the lock as it is to the code
    flows: tuple[FlowPlan, ...]  # those that were read

    @property
    def changed(self) -> bool:
        """Whether the file would differ."""
        return any(self.changes)


def plan_lock(workspace: Workspace, words: Sequence[str]) -> LockUpdate:
    """Read the flows and put them into the lock; flows that are gone from what was read leave it.

    Raises:
        InputError: something cannot be used: a path, a file, a word of a plan, the present lock. A file of a folder
            that cannot be read is refused here: its flows would silently stay as they were.
    """
    path = workspace.settings.lock
    present = present_lock(workspace)
    reading = read_held(workspace, words, present)
    if reading.unread:
        raise reading.unread[0].error
    changes = diff_lock(workspace, reading, present).flows
    gone = {change.was or change.name for change in changes if change.after is None or change.was is not None}
    flows = {name: held for name, held in present.flows.items() if name not in gone}
    flows |= {flow.name: LockedFlow.of(flow.plan) for flow in reading.flows}
    return LockUpdate(path, Lock(MappingProxyType(flows)), changes, reading.flows)


def write_lock(update: LockUpdate) -> None:
    """Replace the lock file in one step: a reader sees the old one or the new one.

    Raises:
        LockError: it cannot be written; the old file is as it was.
    """
    target = Path(os.path.realpath(update.path))
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(dump_lock(update.lock))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, target.stat().st_mode & 0o777 if target.exists() else 0o644)
        os.replace(temporary, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise LockError(
            f"{update.path}: cannot be written: {error.strerror or error}.",
            mend="Set GOVFLOW_LOCK, or give this user the folder.",
            details={"file": str(update.path)},
        ) from error


@dataclass(frozen=True, slots=True)
class PlanApproval:
    """What approving one flow's plan means: from what was in force to what the code says."""

    flow: FlowPlan
    plan_hash: str
    before_hash: str | None
    before_by: str | None
    lines: tuple[str, ...]  # the difference, in words
    before_trusted: bool = False  # what was in force was taken on first use; nobody had approved it

    @property
    def changed(self) -> bool:
        """Whether another plan, or none, is in force."""
        return self.before_hash != self.plan_hash


def plan_approvals(workspace: Workspace, flows: Sequence[FlowPlan]) -> list[PlanApproval]:
    """Compare each plan with the one that is in force in the store.

    Raises:
        RequestError: two of the flows have one name in Prefect, one function name and one file name: nothing at run
            time could tell whose plan was approved.
    """
    shared = [key for key, count in Counter(plan_key(flow.plan) for flow in flows).items() if count > 1]
    if shared:
        where = ", ".join(flow.name for flow in flows if plan_key(flow.plan) == shared[0])
        raise RequestError(
            f"Two flows are known as {shared[0]!r}: {where}.",
            mend="Give each its own name, @flow(name=…): one approved plan is kept for a name, file name and function.",
        )
    return [_approval(workspace, flow) for flow in flows]


def approve_plans(workspace: Workspace, approvals: Sequence[PlanApproval], person: Principal, now: datetime) -> None:
    """Put each plan in force, with its audit record, as approved by ``person``.

    Raises:
        FlowNotFound: there is nothing to approve.
        StoreError: the database cannot be used.
    """
    if not approvals:
        raise FlowNotFound("There is no plan to approve.", mend="Name a file or folder with flows.")
    tenant = workspace.settings.tenant
    for approval in approvals:
        plan, key = approval.flow.plan, plan_key(approval.flow.plan)
        draft = Draft(
            "plan.approved",
            tenant,
            now,
            subject=person.name,
            flow=plan.flow,
            payload={
                "plan_hash": approval.plan_hash,
                "key": key,
                "replaces": approval.before_hash,
                "name": approval.flow.name,
                "assurance": str(person.assurance),
                "environment": workspace.settings.environment,
                "changes": list(approval.lines),
            },
        )
        workspace.store.plans.approve(tenant, key, plan, approval.plan_hash, person.name, now, draft)


def _approval(workspace: Workspace, flow: FlowPlan) -> PlanApproval:
    digest = plan_hash(flow.plan)
    current = workspace.store.plans.current(workspace.settings.tenant, plan_key(flow.plan))
    if current is None:
        return PlanApproval(flow, digest, None, None, ())
    found = diff(current.plan, flow.plan, approved_hash=current.plan_hash, loaded_hash=digest)
    lines = found.masked(redact_named).lines()  # they go into the record of the approval
    return PlanApproval(flow, digest, current.plan_hash, current.principal, lines, current.trusted)
