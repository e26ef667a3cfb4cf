"""The governor's port inside Prefect: the store, with events published and people asked through Prefect's own pages."""

from __future__ import annotations

from prefect.client.schemas.objects import FlowRun

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.audit.record import Ack, Draft, Severity
from govflow.audit.template import Filled
from govflow.errors import TokenInvalid, VoteRefused
from govflow.prefect.events import publish, publish_about, publish_expired
from govflow.prefect.gate import Gate, gate_of
from govflow.services.store_port import StorePort
from govflow.services.workspace import Workspace


class PrefectPort(StorePort):
    """One for each open run."""

    def __init__(self, workspace: Workspace, flow_run: FlowRun) -> None:
        super().__init__(workspace)
        self.flow_run = flow_run
        self._gate: Gate = gate_of(flow_run.id)

    def append(self, record: Draft | Filled, *, durable: bool) -> Ack:
        """Write a record; publish it when it is one of the ``ir.*`` events."""
        ack = super().append(record, durable=durable)
        if isinstance(record, Draft) and record.event.startswith("ir."):
            publish(record, ack)
        return ack

    def open_request(self, request: ApprovalRequest, draft: Draft) -> ApprovalRequest:
        """Open a request and say so."""
        opened = super().open_request(request, draft)
        if opened.request_id == request.request_id:
            publish(draft, None)
        return opened

    def claim(self, request: ApprovalRequest, attempts_allowed: int, draft: Draft) -> bool:
        """Claim an approved request and say so."""
        claimed = super().claim(request, attempts_allowed, draft)
        if claimed:
            publish(draft, None)
        return claimed

    def append_invalid(self, request: ApprovalRequest, cause: str) -> None:
        """Record, and say, that somebody tried to go on without a valid answer."""
        binding = request.binding
        draft = Draft(
            event="ir.approval_invalid",
            tenant=binding.tenant,
            at=self.now(),
            run_id=binding.run_id,
            flow=binding.flow,
            step_id=binding.step_id,
            severity=Severity.WARNING,
            payload={"request_id": request.request_id, "cause": cause},
        )
        self.append(draft, durable=True)

    def publish_invalid(self, request: ApprovalRequest, refused: VoteRefused) -> None:
        """Say that an answer did not count; the store has recorded it."""
        if isinstance(refused, TokenInvalid):  # a good token whose owner's vote does not count is another event
            publish_about(request, "ir.approval_invalid", {"cause": refused.code})

    def current(self, request: ApprovalRequest) -> ApprovalRequest:
        """The request as it stands; says so when its time is over."""
        found = super().current(request)
        if found.state is RequestState.EXPIRED and request.state is RequestState.PENDING:
            publish_expired(found)
        return found

    def await_decision(self, request: ApprovalRequest) -> ApprovalRequest:
        """Pause the flow run in Prefect until people have decided."""
        return self._gate.wait(request, self)
