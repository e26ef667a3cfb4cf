"""Background tasks: a task run that no flow called, by ``.delay()`` and a task worker or by a plain call.

It is a governed run of its own. Its plan has the task's body where that of a flow has the flow's, and the tasks that it
calls below it; its id is that of the task run. There is no flow run that could be paused: approvals wait in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from prefect.context import TaskRunContext
from prefect.logging.loggers import task_run_logger

from govflow.approval.models import ApprovalRequest
from govflow.governor.call import Call
from govflow.governor.explain import question
from govflow.governor.governed_run import GovernedRun, RunFacts
from govflow.governor.plan_approval import approve_plan
from govflow.governor.port import drive
from govflow.governor.run import open_run
from govflow.ir.lock import plan_key
from govflow.ir.models import StepKind
from govflow.prefect.origins import origin_of
from govflow.prefect.owners import owners_of
from govflow.prefect.runtime import RUNTIME, Active
from govflow.services.locked_plan import locked_plan
from govflow.services.store_port import StorePort
from govflow.services.workspace import Workspace


class BackgroundPort(StorePort):
    """The store, and the log of the task run for what people have to know."""

    def __init__(self, workspace: Workspace, context: TaskRunContext) -> None:
        super().__init__(workspace)
        self._context = context

    def await_decision(self, request: ApprovalRequest) -> ApprovalRequest:
        """Say in the task run's log what is asked, and wait for the store."""
        logger = task_run_logger(self._context.task_run, self._context.task)
        logger.info(
            "Waiting for approval. %s Answer with: govflow approvals approve %s --as NAME",
            *(question(request), request.request_id),
        )
        return super().await_decision(request)


def open_background(body: Any, context: TaskRunContext) -> Active:
    """Open the run of one task run. May wait for the database, and for people where its whole plan needs them.

    Args:
        body: the guarded function.
        context: its task run.

    Raises:
        Refused: enforce mode, and the answer is no.
        GovflowError: enforce mode, and the question could not be answered.
    """
    workspace = RUNTIME.for_run()
    bound = RUNTIME.bound(body.fn, origin_of(body.fn), workspace.catalogue, lone=True)
    run_id = str(context.task_run.id)
    facts = RunFacts(
        run_id=run_id,
        flow=bound.plan.flow if bound.plan is not None else context.task.name,
        idempotency_key=run_id,
        requester=workspace.requester(),
        ground=workspace.ground,
        vocabulary=workspace.vocabulary,
        plan=bound.plan,
        unbound=bound.unbound,
        parameters=_shown(body, context.parameters or {}),
        attempt=context.task_run.run_count or 1,
        locked=locked_plan(workspace.settings, plan_key(bound.plan)) if bound.plan else None,
        refused=RUNTIME.refused(run_id),
        owners=owners_of(None, workspace.settings),
    )
    port = BackgroundPort(workspace, context)
    run = drive(open_run(facts), port)
    drive(approve_plan(run, lambda: str(uuid4())), port)
    return Active(run, bound, port, background=True)


def body_call(run: GovernedRun) -> Call:
    """The body of a background task, as a step of its plan."""
    facts = run.facts
    step_ids = frozenset(step_id for step_id, permit in run.permits.items() if permit.step.kind is StepKind.BODY)
    return Call(step_ids, facts.flow, facts.run_id, facts.attempt, parameters=lambda: facts.parameters)


def _shown(body: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    instance = getattr(body, "__prefect_self__", None)
    return {name: value for name, value in parameters.items() if instance is None or value is not instance}
