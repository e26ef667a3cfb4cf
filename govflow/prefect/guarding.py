"""The guard of a pulled flow: which run this is, what becomes of it, and how its process ends.

A step that raises ends the run as Crashed, with a reason that nobody can read. So the run is given its state first;
then the process ends with exit code 0, which leaves that state alone. Nothing of the flow has been loaded by then.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import DeploymentResponse, OrchestrationResult, SetStateStatus
from prefect.exceptions import Abort, Pause
from prefect.logging.loggers import flow_run_logger
from prefect.states import Failed

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.audit.record import Draft, Severity
from govflow.errors import EngineError, GovflowError, Refused, VoteRefused
from govflow.governor.explain import question
from govflow.prefect.answer import Answer
from govflow.prefect.artifacts import publish_questions
from govflow.prefect.board import Board
from govflow.prefect.own_settings import refuse_own_settings
from govflow.prefect.owners import owners_of
from govflow.prefect.pinned import load_only
from govflow.prefect.port import PrefectPort
from govflow.services.approve_import import PulledRun, approve_import, must_ask
from govflow.services.cast_answer import cast_answer
from govflow.services.entrypoints import parse_entrypoint
from govflow.services.store_port import StorePort
from govflow.services.verify_deployment import Verification, pinned, together, verify_entrypoint
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import ApprovalBeforeImport, Mode, Settings, load_settings

_ORDER: Final[tuple[ApprovalBeforeImport, ...]] = ("never", "effects", "plan")


class RunStopped(Abort, SystemExit):
    """The run has its last word. The engine ends quietly on Abort, whoever else runs steps on SystemExit: code 0."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = 0


class RunSuspended(Pause, SystemExit):
    """The run waits for people; its process ends, with exit code 0."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = 0


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides whether the code that was pulled for one flow run may be loaded."""

    folder: Path  # that the code was pulled to
    plan_hash: str | None = None  # that the deployment was verified for
    mode: Mode | None = None  # stronger than the settings of this worker
    approval: ApprovalBeforeImport = "never"  # when to ask people, at the least

    def run(self) -> dict[str, str]:
        """Return the folder to load the code from, or end the run."""
        with get_client(sync_client=True) as client:
            flow_run = _this_run(client)
            deployment = _its_deployment(client, flow_run)
            enforce = True  # until settings say otherwise
            try:
                refuse_own_settings(flow_run)
                settings = load_settings(mode=self.mode)
                enforce = settings.effective_mode == "enforce"
                self._decide(client, flow_run, deployment, settings)
                if enforce:
                    load_only(deployment.entrypoint or "", functools.partial(_stop, flow_run))
            except GovflowError as error:
                if enforce:
                    _fail(client, flow_run, error)
                _say(flow_run, f"govflow (observe) would not let this code be loaded: {error}")
        return {"directory": str(self.folder)}

    def _decide(
        self,
        client: SyncPrefectClient,
        flow_run: FlowRun,
        deployment: DeploymentResponse,
        settings: Settings,
    ) -> None:
        with closing(open_workspace(settings)) as workspace:
            port = PrefectPort(workspace, flow_run)
            try:
                found = self._verified(workspace, deployment)
                why = must_ask(found, max(self.approval, settings.approval_before_import, key=_ORDER.index))
                if why and workspace.mode == "enforce":
                    _ask(client, port, workspace, found, why)
                _record(port, workspace, flow_run, found)
                _say(flow_run, f"govflow: the code that was pulled is {found.version}")
            except GovflowError as error:
                _record_refusal(port, workspace, flow_run, error)
                raise
            finally:
                port.flush()

    def _verified(self, workspace: Workspace, deployment: DeploymentResponse) -> Verification:
        """The plan of the code that is there.

        Raises:
            Refused: it is not the approved one, not the one that was deployed, or policy denies it.
        """
        entrypoint = parse_entrypoint(deployment.entrypoint or "", self.folder)
        found = verify_entrypoint(workspace, entrypoint, first=True)
        drift = pinned(found, self.plan_hash)
        refusals = (*found.refusals, *([drift] if drift else []))
        if refusals:
            raise together(refusals)
        return found


def _this_run(client: SyncPrefectClient) -> FlowRun:
    """The flow run that this process was started for."""
    given = os.environ.get("PREFECT__FLOW_RUN_ID", "")
    try:
        return client.read_flow_run(UUID(given))
    except ValueError:
        raise EngineError(
            "guard does not know which flow run it guards: PREFECT__FLOW_RUN_ID is not set.",
            mend="It is a pull step: a worker runs it for a flow run.",
        ) from None


def _its_deployment(client: SyncPrefectClient, flow_run: FlowRun) -> DeploymentResponse:
    if flow_run.deployment_id is None:
        raise EngineError(f"Flow run {flow_run.id} has no deployment, so nothing says what was pulled for it.")
    return client.read_deployment(flow_run.deployment_id)


def _attempt(client: SyncPrefectClient, flow_run: FlowRun) -> int:
    """How often the run has ended before. States are never deleted: a retry by hand cannot pass for a resume."""
    answer = client.request("GET", "/flow_run_states/", params={"flow_run_id": str(flow_run.id)})
    answer.raise_for_status()
    return sum(State[Any].model_validate(state).is_final() for state in answer.json())


def _say(flow_run: FlowRun, words: str) -> None:
    flow_run_logger(flow_run).info(words)


def _fail(client: SyncPrefectClient, flow_run: FlowRun, error: GovflowError) -> NoReturn:
    """Give the run its reason, then end. If that is not possible the error ends the process: closed either way."""
    name = type(error).__name__ if isinstance(error, Refused) else "NotVerified"
    flow_run_logger(flow_run).error(str(error))
    state: State[Any] = Failed(name=name, message=str(error))
    if not _has_ended(client, flow_run):
        # Forced: whatever state the run is in before it is running, this is how it ends.
        result: OrchestrationResult[Any] = client.set_flow_run_state(flow_run.id, state, force=True)
        if result.status is not SetStateStatus.ACCEPT:
            raise error
    raise RunStopped(str(error))


def _ask(client: SyncPrefectClient, port: PrefectPort, workspace: Workspace, found: Verification, why: str) -> None:
    """Return when people have said yes; else end the run, suspended or refused."""
    flow_run, since = port.flow_run, port.now()
    owners = owners_of(flow_run, workspace.settings)
    run = PulledRun(str(flow_run.id), flow_run.parameters, _attempt(client, flow_run), owners)
    board = Board(flow_run.id)
    request = approve_import(workspace, port, found, run, why)
    if request.state is RequestState.PENDING and request.created_at < since:
        board.said = _take_answers(port, request, board.left_behind(client))
        request = approve_import(workspace, port, found, run, why)
    if request.state is RequestState.PENDING:
        _suspend(client, port, board, request)
    _say(flow_run, f"govflow: request {request.request_id} was approved: the code may be loaded")


def _take_answers(port: PrefectPort, request: ApprovalRequest, answers: Sequence[Answer]) -> str:
    """Hand what people typed into Prefect's form to the store, which knows whose token it is; what became of it."""
    if not answers:
        port.append_invalid(request, "the run was started again without an answer")
        return "The run was started again without an answer; that is no approval."
    said = ""
    for answer in answers:
        try:
            cast_answer(port.workspace, request, answer.token, answer.decision, answer.reason, port.now())
        except VoteRefused as refused:
            said = f"The last answer was refused: {refused.message} {refused.mend}".strip()
            port.publish_invalid(request, refused)
    return said


def _suspend(client: SyncPrefectClient, port: PrefectPort, board: Board, request: ApprovalRequest) -> NoReturn:
    """Put the question up in Prefect and end this process. Somebody who ended the run meanwhile is left alone."""
    words = f"Waiting for approval before any code is loaded. {question(request)}"
    _say(port.flow_run, f"{board.said} {words}".strip())
    if not _has_ended(client, port.flow_run):
        if board.raise_question(client, port.store, [request], suspend=True, started=False) is None:
            raise EngineError("Prefect did not let the run be suspended, so nobody can be asked.")
        publish_questions([request], port.flow_run.id, port.store.approvals.votes(request.request_id))
    raise RunSuspended(words)


def _stop(flow_run: FlowRun, error: GovflowError) -> NoReturn:
    with get_client(sync_client=True) as client:
        _fail(client, flow_run, error)


def _has_ended(client: SyncPrefectClient, flow_run: FlowRun) -> bool:
    state = client.read_flow_run(flow_run.id).state
    return state is not None and (state.is_final() or state.is_cancelling())


def _record(port: StorePort, workspace: Workspace, flow_run: FlowRun, found: Verification) -> None:
    payload = {"plan_hash": found.plan_hash, "deployment": str(flow_run.deployment_id), "mode": found.mode}
    port.append(_draft(workspace, flow_run, "run.guarded", found.plan.flow, payload), durable=False)


def _record_refusal(port: StorePort, workspace: Workspace, flow_run: FlowRun, error: GovflowError) -> None:
    stopped = workspace.mode == "enforce"
    payload = {
        "code": error.code,
        "reason": error.message,
        "mend": error.mend,
        "mode": workspace.mode,
        "stopped": stopped,
        "by": "guard",
    }
    port.append(_draft(workspace, flow_run, "run.refused", None, payload, Severity.ERROR), durable=True)


def _draft(
    workspace: Workspace,
    flow_run: FlowRun,
    event: str,
    flow: str | None,
    payload: dict[str, Any],
    severity: Severity = Severity.INFO,
) -> Draft:
    return Draft(
        event=event,
        tenant=workspace.settings.tenant,
        at=datetime.now(UTC),
        subject=workspace.requester().name,
        run_id=str(flow_run.id),
        flow=flow,
        severity=severity,
        payload=payload,
    )
