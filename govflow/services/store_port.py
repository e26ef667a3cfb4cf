"""The governor's port over the governance store: everything but the engine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from govflow.approval.models import ApprovalRequest, ApprovalRule, Binding, RequestState, VoteDecision
from govflow.audit.record import Ack, Draft
from govflow.audit.template import Filled
from govflow.errors import StoreError
from govflow.governor.port import ApprovedPlan, RunRow
from govflow.ir.models import Plan, Tier
from govflow.services.workspace import Workspace
from govflow.store import Store
from govflow.telemetry import get_logger

EXECUTOR = str(uuid4())
"""Names this process in claims: an approval that it exercised can be retried by it and by nobody else."""

POLL_SECONDS = 0.1  # how soon a decision made elsewhere is seen

_log = get_logger(__name__)


class StorePort:
    """A :class:`govflow.governor.port.Port` whose waiting is done by asking the store again and again.

    In observe mode a store that is down is reported and passed over; in enforce mode it stops what asked.
    """

    def __init__(self, workspace: Workspace, executor: str = EXECUTOR) -> None:
        self.workspace = workspace
        self.executor = executor
        self._tolerant = workspace.mode == "observe"
        self._store: Store | None = None
        self._abandoned: set[str] = set()

    @property
    def store(self) -> Store:
        """The store, opened at first use."""
        if self._store is None:
            self._store = self.workspace.store
        return self._store

    def now(self) -> datetime:
        """The time of this machine, in UTC."""
        return datetime.now(UTC)

    def append(self, record: Draft | Filled, *, durable: bool) -> Ack:
        """Write a record."""
        try:
            return self.store.append(record, durable=durable)
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("record.lost", event_name=record.event, reason=error.message)
            return Ack(writer="none", writer_seq=-1, durable=False)

    def tenant_of(self, run_id: str) -> str | None:
        """The tenant of a run that was opened before."""
        try:
            found = self.store.runs.get(run_id)
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("store.unavailable", reason=error.message)
            return None
        return None if found is None else found.tenant

    def approved_plan(self, tenant: str, flow: str) -> ApprovedPlan | None:
        """The plan that was last approved."""
        try:
            found = self.store.plans.current(tenant, flow)
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("store.unavailable", reason=error.message)
            return None
        if found is None:
            return None
        return ApprovedPlan(found.plan, found.plan_hash, found.principal, found.at, found.trusted)

    def trust_plan(self, tenant: str, flow: str, plan: Plan, plan_hash: str, principal: str, draft: Draft) -> None:
        """Record the first plan seen."""
        try:
            self.store.plans.approve(tenant, flow, plan, plan_hash, principal, draft.at, draft)
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("store.unavailable", reason=error.message)

    def save_run(
        self,
        run_id: str,
        tenant: str,
        flow: str,
        ir_hash: str,
        policy_digest: str,
        requester: str,
        permit: Mapping[str, Any],
    ) -> RunRow:
        """Record the run, with fresh salt when it is new."""
        salt = secrets.token_hex(32)
        try:
            row = self.store.runs.save(
                run_id=run_id,
                tenant=tenant,
                flow=flow,
                ir_hash=ir_hash,
                policy_digest=policy_digest,
                requester=requester,
                opened_at=self.now(),
                permit={"steps": dict(permit), "salt": salt},
            )
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("store.unavailable", reason=error.message)
            return RunRow(run_id, ir_hash, bytes.fromhex(salt), opened_before=False)
        known = str(row.permit["salt"])
        return RunRow(row.run_id, row.ir_hash, bytes.fromhex(known), opened_before=known != salt)

    def rule(self, name: str | None, tier: Tier) -> ApprovalRule:
        """The approval rule to use."""
        return self.workspace.approval_rule(name, tier)

    def requests(self, tenant: str, run_id: str, step_id: str, map_index: int | None) -> list[ApprovalRequest]:
        """Requests for one call, newest first."""
        return list(self.store.approvals.find(tenant, run_id, step_id, map_index))

    def requests_of_step(self, tenant: str, run_id: str, step_id: str) -> list[ApprovalRequest]:
        """Requests for every map index of a step, newest first."""
        return list(self.store.approvals.of_step(tenant, run_id, step_id))

    def open_request(self, request: ApprovalRequest, draft: Draft) -> ApprovalRequest:
        """Open a request, or return the open one with the same binding."""
        return self.store.approvals.open(request, draft)

    def await_decision(self, request: ApprovalRequest) -> ApprovalRequest:
        """Ask the store until the request is decided or due."""
        while True:
            current = self.current(request)
            if current.state is not RequestState.PENDING:
                return current
            if self.abandoned(request):
                return self.give_up(request)
            time.sleep(POLL_SECONDS)

    def abandon(self, request_id: str) -> None:
        """Let whoever waits for this request come back."""
        self._abandoned.add(request_id)

    def abandoned(self, request: ApprovalRequest) -> bool:
        """Whether nobody waits for a request any more."""
        return request.request_id in self._abandoned

    def give_up(self, request: ApprovalRequest) -> ApprovalRequest:
        """Withdraw a request that nobody waits for."""
        self.move(request.request_id, RequestState.REVOKED, "nobody waits for it any more")
        return self.current(request)

    def current(self, request: ApprovalRequest) -> ApprovalRequest:
        """The request as it stands; closed as expired when its time is over."""
        found = self.store.approvals.get(request.request_id)
        now = self.now()
        if found.state is RequestState.PENDING and now >= found.expires_at:
            self.store.approvals.expire_due(now)
            found = self.store.approvals.get(request.request_id)
        return found

    def claim(self, request: ApprovalRequest, attempts_allowed: int, draft: Draft) -> bool:
        """Claim an approved request, once."""
        return self.store.approvals.claim(
            request.request_id, request.binding, self.executor, self.now(), attempts_allowed, draft
        )

    def claim_retry(self, request: ApprovalRequest, binding: Binding) -> bool:
        """Claim another automatic attempt."""
        return self.store.approvals.claim_retry(request.request_id, binding, self.executor, self.now())

    def outcome(self, request_id: str, outcome: str) -> None:
        """Record how the body ended."""
        self.store.approvals.outcome(request_id, outcome, self.now())

    def move(self, request_id: str, to: RequestState, reason: str) -> bool:
        """Void or revoke a request."""
        event = {RequestState.VOIDED: "approval.voided", RequestState.REVOKED: "approval.revoked"}[to]
        return self.store.approvals.move(request_id, to, self.now(), reason, event)

    def denials(self, request_id: str) -> Mapping[str, str]:
        """Who denied, and why."""
        votes = self.store.approvals.votes(request_id)
        return {vote.principal: vote.reason for vote in votes if vote.decision is VoteDecision.DENY}

    def flush(self) -> None:
        """Bring spooled records into the database."""
        try:
            self.store.flush()
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("store.unavailable", reason=error.message)
