"""The governor's port inside Prefect: the store, with events published and people asked through Prefect's own pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from prefect.client.schemas.objects import FlowRun
from pydantic import JsonValue

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.audit.record import Ack, Draft, Severity
from govflow.errors import TokenInvalid, VoteRefused
from govflow.prefect.answer import Answer
from govflow.prefect.events import publish, publish_about, publish_expired
from govflow.prefect.flow_clock import peoples_time
from govflow.prefect.gate import Gate, gate_of
from govflow.prefect.judging import judge_answer
from govflow.prefect.suspend import letters
from govflow.services.store_port import StorePort
from govflow.services.workspace import Workspace


class PrefectPort(StorePort):
    """One for each open run."""

    def __init__(self, workspace: Workspace, flow_run: FlowRun, *, mode: str | None = None) -> None:
        super().__init__(workspace, mode=mode)
        self.flow_run = flow_run
        self.why_so = ""  # why the run waits as it does
        self.said = ""  # what became of the last answer that was left in Prefect
        self._since = self.now()
        self._letters: list[Answer] | None = None
        self._judged = False
        self.cancelled = False  # somebody cancelled the run while it waited
        self.shared = False  # steps of the run may wait in other processes as well
        self._gate: Gate | None = None  # held while somebody may wait, so that there is one for the run
        self._feeds = not any(sink.prefect for sink in workspace.settings.sinks.values())  # else that sink does

    def wrote(self, record: Draft, ack: Ack, *, durable: bool) -> None:
        """Publish what is one of the ``ir.*`` events."""
        super().wrote(record, ack, durable=durable)
        if self._feeds and record.event.startswith("ir."):
            publish(record, ack)

    def open_request(self, request: ApprovalRequest, draft: Draft) -> ApprovalRequest:
        """Open a request and say so."""
        opened = super().open_request(request, draft)
        if self._feeds and opened.request_id == request.request_id:
            publish(draft, None)
        return opened

    def use_standing(
        self,
        request: ApprovalRequest,
        draft: Draft,
        plan_hash: str,
        parameters: Callable[[], Mapping[str, JsonValue]],
    ) -> ApprovalRequest | None:
        """Open and approve a request under a standing approval, and say so."""
        opened = super().use_standing(request, draft, plan_hash, parameters)
        if self._feeds and opened is not None:
            publish(draft, None)
        return opened

    def claim(self, request: ApprovalRequest, attempts_allowed: int, draft: Draft) -> bool:
        """Claim an approved request and say so."""
        claimed = super().claim(request, attempts_allowed, draft)
        if self._feeds and claimed:
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
        # A good token whose owner's vote does not count is another event.
        if self._feeds and isinstance(refused, TokenInvalid):
            publish_about(request, "ir.approval_invalid", {"cause": refused.code})

    def current(self, request: ApprovalRequest) -> ApprovalRequest:
        """The request as it stands; says so when its time is over."""
        found = super().current(request)
        if self._feeds and found.state is RequestState.EXPIRED and request.state is RequestState.PENDING:
            publish_expired(found)
        return found

    def open_letters(self, requests: Sequence[ApprovalRequest]) -> bool:
        """Judge what people left in Prefect while no process held the run, once; whether anything was left.

        It is taken out of Prefect at the first call, and kept until a request is there that it may answer.
        """
        if self._letters is None:
            self._letters = letters(self.flow_run.id)
        if not requests or self._judged:
            return False
        found, self._letters, self._judged = self._letters, [], True
        for answer in found:
            self.said = judge_answer(requests, answer, self)
        if not found and requests[0].created_at < self._since:
            self.said = "The run was resumed without an answer; that is no approval."
            self.append_invalid(requests[0], "the run was resumed without an answer")
        return bool(found)

    def late_letters(self, requests: Sequence[ApprovalRequest]) -> bool:
        """Judge what people typed into the form of a process that is gone, once; whether anything was there."""
        if self._judged or all(request.created_at >= self._since for request in requests):
            return False
        self._judged = True
        found = letters(self.flow_run.id)
        for answer in found:
            self.said = judge_answer(requests, answer, self)
        return bool(found)

    def abandon(self, request_id: str) -> None:
        """Let whoever waits for this request come back, now."""
        super().abandon(request_id)
        if self._gate is not None:
            self._gate.wake(request_id)

    def flush(self) -> None:
        """Bring spooled records into the database, and what was asked out of Prefect."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.settle()
        super().flush()

    def await_decision(self, request: ApprovalRequest) -> ApprovalRequest:
        """Pause the flow run in Prefect until people have decided."""
        gate = self._gate = gate_of(self.flow_run.id)
        with peoples_time(str(self.flow_run.id)):
            return gate.wait(request, self)
