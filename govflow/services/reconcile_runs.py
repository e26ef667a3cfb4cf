"""What an engine says of its runs, held against what the log says of them.

Whoever has access to the engine's API can set any state, run a deployment past its guard, or delete a run. The log is
not in their reach. Where the two disagree, that is a finding, and the log keeps it: once for each state of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from govflow.approval import ApprovalRequest, RequestState
from govflow.audit.record import Draft, Severity
from govflow.services.engine_runs import EngineEnd, EngineRun, EngineRuns
from govflow.services.findings import CheckFinding, Level
from govflow.services.run_history import LoggedEnd, RunHistory, history_of
from govflow.services.store_port import StorePort
from govflow.services.workspace import Workspace
from govflow.store import Store
from govflow.store.holds import Hold

_PAGE: Final = 500
_SEVERITY: Final = {Level.ERROR: Severity.CRITICAL, Level.WARNING: Severity.WARNING, Level.NOTE: Severity.INFO}


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was compared, and what was found."""

    since: datetime
    runs: int
    findings: tuple[CheckFinding, ...]
    new: int  # findings that were not on record before
    revoked: tuple[str, ...]  # approval requests that nobody waited for any more

    @property
    def clean(self) -> bool:
        """Whether nothing that was found is an error."""
        return all(finding.level is not Level.ERROR for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "version": 1,
            "clean": self.clean,
            "since": self.since.isoformat(),
            "runs": self.runs,
            "new": self.new,
            "revoked": list(self.revoked),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def logged_since(workspace: Workspace, since: datetime) -> list[str]:
    """Ids of the runs that were opened in this workspace's tenant since then: the engine is asked for each of them."""
    return workspace.store.runs.opened_since(workspace.settings.tenant, since)


def reconcile_runs(workspace: Workspace, engine: EngineRuns, now: datetime) -> Reconciliation:
    """Compare, put each new finding on record, and withdraw the questions of runs that are over.

    Args:
        workspace: whose log it is.
        engine: what the engine has.
        now: the moment of the records.

    Raises:
        StoreError: the store cannot be asked or written.
    """
    store, tenant = workspace.store, workspace.settings.tenant
    waiting = _waiting(workspace)
    findings: list[CheckFinding] = []
    revoked: list[str] = []
    new = 0
    gone = [EngineRun(run_id, _flow_of(workspace, run_id), state_id="gone") for run_id in engine.missing]
    for run in (*engine.runs, *gone):
        history = history_of(store, tenant, run.id)
        asked = waiting.get(run.id, []) if run.over or run.state_id == "gone" else []
        alone = run.alive and _is_alone(store, tenant, run.id)
        for finding in _of_run(run, history, asked, waiting.get(run.id, []) if alone else None):
            findings.append(finding)
            if (finding.code, run.state_id) not in history.told:
                new += 1
                store.append(_record(workspace, run, finding, now), durable=True)
        revoked += [request.request_id for request in asked if _withdrawn(workspace, request, run)]
    store.flush()
    return Reconciliation(engine.since, len(engine.runs) + len(gone), tuple(findings), new, tuple(revoked))


def _of_run(
    run: EngineRun,
    history: RunHistory,
    asked: Iterable[ApprovalRequest],
    alone: Sequence[ApprovalRequest] | None,
) -> Iterator[CheckFinding]:
    if alone is not None:
        waits = "".join(f" Request {one.request_id} is {one.state}." for one in alone)
        yield _finding(run, "GF606", f"Run {run.id} is {run.state_name}, and the process that held it is gone.{waits}")
    if run.state_id == "gone":
        if history.end is LoggedEnd.OPEN:
            yield _finding(run, "GF605", "The log has it open, and the engine does not know it any more.")
    elif history.end is LoggedEnd.UNKNOWN:
        if run.guarded and run.started:
            yield _finding(
                run, "GF601", f"Deployment {run.deployment} is guarded, and the log has no record of this run."
            )
        return
    elif (forced := _forced(run, history)) is not None:
        yield _finding(run, "GF602", forced)
    for request in asked:
        message = f"It ended ({run.state_name}) while request {request.request_id} was {request.state}."
        yield _finding(run, "GF603", message, request.binding.step_id)
    if run.over or run.state_id == "gone":
        for step_id in sorted(history.uncertain):
            message = f"The body of {step_id} was let run and its end is not on record: it may have run in part."
            yield _finding(run, "GF604", message, step_id)


def _is_alone(store: Store, tenant: str, run_id: str) -> bool:
    """Whether a run that the log has open is held by no process.

    Looked at twice: between the two looks at its log and at its holder it may have ended, or begun another attempt.
    """
    return all(
        history_of(store, tenant, run_id).end is LoggedEnd.OPEN
        and not any(store.holds.is_held(run_id, what) for what in Hold)
        for _ in range(2)
    )


def _forced(run: EngineRun, history: RunHistory) -> str | None:
    """Why the engine's state cannot have come from the run itself; None when it can."""
    if history.mode == "observe" or run.state is not EngineEnd.COMPLETED:
        return None  # a run can fail, crash or be cancelled at any moment, also after its body has returned
    said = {
        LoggedEnd.REFUSED: "it was refused and its body did not run",
        LoggedEnd.FAILED: "it failed",
        LoggedEnd.OPEN: "its body has not returned",
    }.get(history.end)
    return None if said is None else f"The engine says {run.state_name}; the log says that {said}."


def _finding(run: EngineRun, code: str, message: str, step_id: str | None = None) -> CheckFinding:
    return CheckFinding(code, run.label, message, f"govflow explain {code}", step_id=step_id, key=run.id)


def _record(workspace: Workspace, run: EngineRun, finding: CheckFinding, now: datetime) -> Draft:
    return Draft(
        "run.reconciled",
        workspace.settings.tenant,
        now,
        subject=workspace.requester().name,
        run_id=run.id,
        flow=run.flow,
        step_id=finding.step_id,
        severity=_SEVERITY[finding.level],
        payload={
            "code": finding.code,
            "name": finding.rule.name,
            "message": finding.message,
            "state": run.state_name,
            "state_id": run.state_id,
            "deployment": run.deployment,
        },
    )


def _waiting(workspace: Workspace) -> dict[str, list[ApprovalRequest]]:
    """Requests that are still to be decided or claimed, by run."""
    found: dict[str, list[ApprovalRequest]] = {}
    for state in (RequestState.PENDING, RequestState.APPROVED):
        offset = 0
        while page := workspace.store.approvals.list(workspace.settings.tenant, state, _PAGE, offset):
            for request in page:
                found.setdefault(request.binding.run_id, []).append(request)
            offset += len(page)
    return found


def _withdrawn(workspace: Workspace, request: ApprovalRequest, run: EngineRun) -> bool:
    return StorePort(workspace).move(
        request.request_id, RequestState.REVOKED, f"the run is over: {run.state_name or 'the engine does not know it'}"
    )


def _flow_of(workspace: Workspace, run_id: str) -> str:
    found = workspace.store.runs.get(run_id)
    return "?" if found is None else found.flow
