"""One governed run as the log has it: how it was opened, each step with its decision, who approved, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from govflow.approval import ApprovalRequest, Vote
from govflow.audit.body import parse_body
from govflow.errors import RequestError
from govflow.services.run_history import LoggedEnd, RunHistory
from govflow.services.workspace import Workspace

_MOST: Final = 50_000  # records of one run; more are said to be there, not shown
_OPENS: Final = frozenset({"ir.validated_pass", "ir.validated_escalate", "ir.validated_reject"})


@dataclass(slots=True)
class StepReceipt:
    """One step: what was decided of it when the run opened, and what became of it.

    Attributes:
        step_id: of the plan, or what was called where no plan has it.
        tier: 0 to 3; None where nothing was decided.
        verdict: pass, escalate or reject; empty where nothing was decided.
        rule: the policy rule that decided.
        calls: bodies that were started.
        succeeded: bodies that ended well.
        failed: bodies that raised.
        cached: results that were handed out without a body.
        refusals: why calls were refused, each once.
        requests: ids of the approval requests that let it run.
        uncertain: a body was started and nobody knows how it ended.
    """

    step_id: str
    tier: int | None = None
    verdict: str = ""
    rule: str = ""
    calls: int = 0
    succeeded: int = 0
    failed: int = 0
    cached: int = 0
    refusals: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    uncertain: bool = False

    def decide(self, said: Mapping[str, Any]) -> None:
        """Take what was decided of it when the run opened."""
        self.tier = said.get("tier")
        self.verdict, self.rule = str(said.get("verdict") or ""), str(said.get("rule") or "")


@dataclass(frozen=True, slots=True)
class Approval:
    """A request of the run, why it is as it is, and the votes that count."""

    request: ApprovalRequest
    why: str
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not conform: a step that is missing, a call that is not in the plan, another end."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class RunReceipt:
    """A run.

    Attributes:
        run_id: the engine's id of the flow run.
        flow: its name.
        end: open, refused, failed or done.
        mode: observe or enforce.
        environment: where it ran.
        requester: who started it.
        assurance: how that is known.
        attempts: how often it was opened.
        opened_at: of the first record, ISO 8601 in UTC.
        closed_at: when its last attempt ended; empty while it is open.
        ir_hash: of what was to run.
        plan_hash: of the plan.
        policy_digest: of the policy that decided.
        failed: type of the exception that the flow's body raised.
        steps: in the order in which they began, then those of the plan that did nothing.
        approvals: requests of the run, first opened first.
        findings: what does not conform.
        records: how many records of it the log has.
        first: place of the first record in the log.
        last: place of the last one, with its hash in ``last_hash``.
        whole: whether all records were read.
    """

    run_id: str
    flow: str
    end: LoggedEnd
    mode: str
    environment: str
    requester: str
    assurance: str
    attempts: int
    opened_at: str
    closed_at: str
    ir_hash: str
    plan_hash: str
    policy_digest: str
    failed: str
    steps: tuple[StepReceipt, ...]
    approvals: tuple[Approval, ...]
    findings: tuple[Finding, ...]
    records: int
    first: int
    last: int
    last_hash: str
    whole: bool


def run_receipt(workspace: Workspace, run_id: str) -> RunReceipt:
    """Put together what the log holds of a run.

    Raises:
        RequestError: the log of this tenant has no record of it.
    """
    tenant, store = workspace.settings.tenant, workspace.store
    entries = store.tail(tenant, _MOST + 1, run_id=run_id)
    if not entries:
        raise RequestError(
            f"There is no governed run {run_id!r}.",
            mend="The list of runs shows those there are; one that was not governed left no record.",
            details={"run_id": run_id},
        )
    whole = len(entries) <= _MOST
    entries = entries[-_MOST:]
    reading = _Reading()
    for entry in entries:
        reading.take(parse_body(entry.body))
    opened, closed, findings = reading.opened, reading.closed, tuple(reading.found())
    return RunReceipt(
        run_id=run_id,
        flow=reading.flow,
        end=reading.history.end,
        mode=reading.history.mode,
        environment=str(opened.get("environment") or ""),
        requester=reading.requester,
        assurance=str(opened.get("assurance") or ""),
        attempts=reading.attempts,
        opened_at=reading.opened_at,
        closed_at=reading.closed_at,
        ir_hash=str(opened.get("ir_hash") or ""),
        plan_hash=str(opened.get("plan_hash") or ""),
        policy_digest=str(opened.get("policy_digest") or ""),
        failed=str(closed.get("failed") or ""),
        steps=tuple(reading.steps.values()),
        approvals=tuple(_approvals(workspace, reading.requests)),
        findings=findings,
        records=len(entries),
        first=entries[0].seq,
        last=entries[-1].seq,
        last_hash=entries[-1].hash,
        whole=whole,
    )


def _approvals(workspace: Workspace, request_ids: Mapping[str, None]) -> list[Approval]:
    approvals = workspace.store.approvals
    return [Approval(approvals.get(one), approvals.why(one), tuple(approvals.votes(one))) for one in request_ids]


class _Reading:
    """What the records of a run said so far."""

    def __init__(self) -> None:
        self.history = RunHistory()
        self.flow = self.requester = self.opened_at = self.closed_at = ""
        self.attempts = 0
        self.opened: Mapping[str, Any] = {}
        self.closed: Mapping[str, Any] = {}
        self.steps: dict[str, StepReceipt] = {}
        self.requests: dict[str, None] = {}
        self._decided: dict[str, Mapping[str, Any]] = {}
        self._begun: dict[tuple[str, str], str] = {}
        self._told: dict[tuple[str, str], Finding] = {}

    def take(self, body: Mapping[str, Any]) -> None:
        event, payload = str(body["event"]), body["payload"]
        self.history.take(dict(body), self._begun)
        self.flow = self.flow or str(body.get("flow") or "")
        self.opened_at = self.opened_at or str(body["at"])
        request_id = payload.get("request_id")
        if isinstance(request_id, str) and not event.startswith("permit."):  # what a signer is asked has ids of its own
            self.requests.setdefault(request_id)
        if event in _OPENS:
            self._open(body)
        elif event == "run.closed":
            self.closed, self.closed_at = payload, str(body["at"])
        elif event == "run.refused":
            self.closed_at = str(body["at"]) if payload.get("stopped") else self.closed_at
            self._tell(str(payload.get("code")), str(payload.get("reason")))
        elif event == "run.reconciled":
            self._tell(str(payload.get("code")), str(payload.get("reason") or payload.get("code")))
        elif body.get("step_id"):
            self._step(event, str(body["step_id"]), payload)

    def found(self) -> list[Finding]:
        for step_id in sorted(self._decided):
            self._of(step_id)
        missing = [
            Finding("step-missing", f"{step_id} is in the plan and never ran.")
            for step_id in self.closed.get("missing") or ()
        ]
        for step_id in self._begun.values():
            self._of(step_id).uncertain = True
        uncertain = [
            Finding("uncertain", f"{step_id} was started, and how it ended is not known.")
            for step_id in dict.fromkeys(self._begun.values())
            if self.history.end is not LoggedEnd.OPEN
        ]
        return [*self._told.values(), *missing, *uncertain]

    def _open(self, body: Mapping[str, Any]) -> None:
        self.opened, self.requester = body["payload"], str(body["subject"])
        self.attempts += 1
        self.closed, self.closed_at = {}, ""
        for step_id, said in (self.opened.get("steps") or {}).items():
            self._decided[step_id] = said
            if step_id in self.steps:
                self._of(step_id).decide(said)

    def _step(self, event: str, step_id: str, payload: Mapping[str, Any]) -> None:
        if event not in _OF_STEPS:
            return
        step = self._of(step_id)
        if event == "step.intent":
            step.calls += 1
            step.tier = payload.get("tier", step.tier)
            step.verdict = str(payload.get("verdict", step.verdict))
            step.rule = str(payload.get("rule", step.rule))
            for name in ("request_id", "plan_request_id"):
                one = payload.get(name)
                if isinstance(one, str) and one not in step.requests:
                    step.requests.append(one)
        elif event == "step.outcome":
            ended = payload.get("state")
            step.succeeded += ended == "succeeded"
            step.failed += ended == "failed"
        elif event == "step.cached":
            step.cached += 1
        else:
            step.refusals.setdefault(str(payload.get("reason")), str(payload.get("code")))
            if payload.get("code") in _AGAINST_THE_PLAN:
                self._tell(str(payload.get("code")), str(payload.get("reason")))

    def _of(self, step_id: str) -> StepReceipt:
        if step_id not in self.steps:
            self.steps[step_id] = StepReceipt(step_id)
            self.steps[step_id].decide(self._decided.get(step_id, {}))
        return self.steps[step_id]

    def _tell(self, code: str, words: str) -> None:
        self._told.setdefault((code, words), Finding(code, words))


_OF_STEPS: Final = frozenset({"step.intent", "step.outcome", "step.cached", "step.refused"})
_AGAINST_THE_PLAN: Final = frozenset({"unplanned", "rewired", "unbound", "plan-drift"})
