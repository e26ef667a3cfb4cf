"""The governor's port over the governance store: everything but the engine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pydantic import JsonValue

from govflow.approval.models import ApprovalRequest, ApprovalRule, Binding, RequestState, VoteDecision
from govflow.audit.record import Ack, Draft
from govflow.audit.template import Template
from govflow.errors import StoreError
from govflow.governor.port import ApprovedPlan, RunRow
from govflow.ir.models import Plan, Tier
from govflow.services.enough_approvers import need_enough
from govflow.services.keep_sealed import open_runs
from govflow.services.note_policy import change_lines, note_policy
from govflow.services.note_settings import note_settings
from govflow.services.run_records import earlier_steps
from govflow.services.workspace import Workspace
from govflow.store import Store
from govflow.store.holds import Hold
from govflow.telemetry import get_logger

if TYPE_CHECKING:
    from govflow.governor.governed_run import GovernedRun
    from govflow.ir.manifest import Manifest

EXECUTOR = str(uuid4())
"""Names this process in claims: an approval that it exercised can be retried by it and by nobody else."""

POLL_SECONDS = 0.1  # how soon a decision made elsewhere is seen

_log = get_logger(__name__)


class StorePort:
    """A :class:`govflow.governor.port.Port` whose waiting is done by asking the store again and again.

    In observe mode a store that is down is reported and passed over; in enforce mode it stops what asked.
    """

    def __init__(self, workspace: Workspace, executor: str = EXECUTOR, *, mode: str | None = None) -> None:
        self.workspace = workspace
        self.executor = executor
        self._tolerant = (mode or workspace.mode) == "observe"
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

    def append(self, record: Draft, *, durable: bool) -> Ack:
        """Write a record."""
        try:
            ack = self.store.append(record, durable=durable)
        except StoreError as error:
            ack = self._lost(record, error)
        self.wrote(record, ack, durable=durable)
        return ack

    async def aappend(self, record: Draft) -> Ack:
        """Write a record durably."""
        try:
            ack = await self.store.aappend(record)
        except StoreError as error:
            ack = self._lost(record, error)
        self.wrote(record, ack, durable=True)
        return ack

    def wrote(self, record: Draft, ack: Ack, *, durable: bool) -> None:
        """Told of each record that was written, or passed over; ``durable`` if it had to be."""

    def _lost(self, record: Draft, error: StoreError) -> Ack:
        if not self._tolerant:
            raise error
        _log.warning("record.lost", event_name=record.event, reason=error.message)
        return Ack(writer="none", writer_seq=-1, durable=False)

    def fill(self, template: Template, attempt: int, task_run_id: str) -> None:
        """Write the record of a template, as of now."""
        try:
            (self._store or self.store).fill(template, attempt, task_run_id)
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("record.lost", event_name=template.draft.event, reason=error.message)

    def filler(self) -> Callable[[Template, int, str], None]:
        """:meth:`fill`, or the store's own where no error is passed over."""
        return self.fill if self._tolerant else self.store.fill

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

    def is_deactivated(self, tenant: str, principal: str) -> bool:
        """Whether the store has the principal as deactivated."""
        try:
            return any(not known.active for known in self.store.people.spellings(tenant, principal))
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("store.unavailable", reason=error.message)
            return False

    def note_policy(self, draft: Draft) -> None:
        """Put a change of policy or of the settings beside it on record, once among all processes."""
        try:
            note_policy(self.workspace, self.store, draft)
            note_settings(self.workspace, self.store, draft)
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("store.unavailable", reason=error.message)

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
        """Open a request, or return the open one with the same binding.

        Raises:
            Denied: nobody could ever approve it.
        """
        need_enough(self.workspace, request)
        return self.store.approvals.open(request, draft)

    def use_standing(
        self,
        request: ApprovalRequest,
        draft: Draft,
        plan_hash: str,
        parameters: Callable[[], Mapping[str, JsonValue]],
    ) -> ApprovalRequest | None:
        """Open and approve a request under a standing approval, if one covers it."""
        return self.store.standing.use(request, draft, plan_hash=plan_hash, parameters=parameters)

    def plan_of(self, tenant: str, plan_hash: str) -> Plan | None:
        """A plan that was approved once."""
        found = self.store.plans.of_hash(tenant, plan_hash, self.now())
        return None if found is None else found.plan

    def policy_changes(self, tenant: str, before: str, after: str) -> Sequence[str]:
        """What the log's last change of policy says, if that is the one."""
        last = self.store.policies.last(tenant)
        return () if last is None or (last.get("before"), last["digest"]) != (before, after) else change_lines(last)

    def await_decision(self, request: ApprovalRequest) -> ApprovalRequest:
        """Ask the store until the request is decided or due."""
        run_id = request.binding.run_id
        held = self.store.holds.take(run_id, Hold.QUESTION)
        try:
            while True:
                current = self.current(request)
                if current.state is not RequestState.PENDING:
                    return current
                if self.abandoned(request):
                    return self.give_up(request)
                time.sleep(POLL_SECONDS)
        finally:
            if held:
                self.store.holds.give_back(run_id, Hold.QUESTION)

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

    def outcome_of(self, request_id: str) -> str | None:
        """How the body that a request allowed has ended."""
        return self.store.approvals.outcome_of(request_id)

    def earlier(self, tenant: str, run_id: str, attempt: int) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """What another process did under this attempt of a run, by step."""
        return earlier_steps(self.store, tenant, run_id, attempt, self.executor)

    def why(self, request_id: str) -> str:
        """Why a request was withdrawn or voided."""
        return self.store.approvals.why(request_id)

    def denials(self, request_id: str) -> Mapping[str, str]:
        """Who denied, and why."""
        votes = self.store.approvals.votes(request_id)
        return {vote.principal: vote.reason for vote in votes if vote.decision is VoteDecision.DENY}

    def issue_permit(self, run: GovernedRun, manifest: Manifest) -> None:
        """Sign and keep the permit of a run, with the manifest that it names."""
        from govflow.services.keep_permits import issue_and_keep  # cryptography: for those who need it
        from govflow.services.permits import permit_for

        digest, text = manifest.written()
        self.store.manifests.save(digest, text)
        ttl = self.workspace.settings.permit_ttl_seconds
        issue_and_keep(self.workspace, permit_for(run, ttl_seconds=ttl, manifest=digest))

    def take_place(
        self, run_id: str, step_id: str, task_run_id: str, *, wanted: Sequence[int], after: int, limit: int | None
    ) -> int | None:
        """Take a call of a step, among all processes."""
        try:
            return self.store.places.take(
                run_id, step_id, task_run_id, wanted=wanted, after=after, limit=limit, now=self.now()
            )
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("store.unavailable", reason=error.message)
            return after + 1

    def hold(self, run_id: str) -> bool:
        """Hold a run while it is open here, so that one whose process is gone shows; False if another process does."""
        try:
            return self.store.holds.take(run_id, Hold.RUN)
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("store.unavailable", reason=error.message)
            return False

    def let_go(self, run_id: str) -> None:
        """The run is not open here any more."""
        self.store.holds.give_back(run_id, Hold.RUN)

    def clear_places(self, run_id: str) -> None:
        """Forget which calls of a run were taken."""
        try:
            self.store.places.clear(run_id, self.now())
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("store.unavailable", reason=error.message)

    def end_permit(self, tenant: str, run_id: str) -> None:
        """Let no other process begin with parts of this run any more."""
        from govflow.services.keep_permits import KEEPER

        KEEPER.let_go(run_id)
        try:
            self.store.permits.drop_tokens(tenant, run_id)
        except StoreError as error:
            _log.warning("store.unavailable", reason=error.message)  # the permit is over soon by itself

    def steps_started(self, tenant: str, run_id: str) -> frozenset[str]:
        """The steps that the log has an intent of, spools of other processes included."""
        try:
            return self.store.steps_of(tenant, run_id, "step.intent")
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("store.unavailable", reason=error.message)
            return frozenset()

    def run_opened(self) -> None:
        """Have the log sealed now and then while the run goes on."""
        open_runs().opened(self.workspace)

    def run_ended(self, *, whole: bool) -> None:
        """Seal the log at the end of a run."""
        open_runs().ended(self.workspace, whole=whole)

    def flush(self) -> None:
        """Bring spooled records into the database."""
        try:
            self.store.flush()
        except StoreError as error:
            if not self._tolerant:
                raise
            _log.warning("store.unavailable", reason=error.message)
