"""What a run shows on its Artifacts tab: the plan with its tiers, and each question that was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate

from govflow.approval.models import ApprovalRequest, Vote
from govflow.governor.assess import Assessment
from govflow.governor.governed_run import GovernedRun
from govflow.ir.models import Plan
from govflow.services.describe import plan_markdown, request_markdown, requests_markdown
from govflow.services.describe.escape import code, prose
from govflow.telemetry import get_logger

FORM: Final = "Or press Resume on the run's page and give a token, made by: govflow approvals token ID --as NAME"

_log = get_logger(__name__)


def publish_plan(run: GovernedRun) -> None:
    """Show the plan of a run. A page that cannot be written stops nothing."""
    facts = run.facts
    if facts.plan is None or facts.attempt > 1:
        return
    plan = facts.plan
    _publish(
        key="govflow-plan",
        page=lambda: _plan_page(run, plan),
        description=f"The plan of {facts.flow}: what every step does, and how risky it is.",
        flow_run_id=facts.run_id,
    )


def publish_questions(requests: Sequence[ApprovalRequest], flow_run_id: UUID, votes: Sequence[Vote] = ()) -> None:
    """Show what is asked and how to answer, or what was answered.

    Args:
        requests: that wait side by side, or were decided since they did.
        flow_run_id: where.
        votes: of the first of them if they wait, of the last if they are decided; shown if it is the only one.
    """
    if len(requests) == 1:
        (request,) = requests
        said = f"May {request.binding.step_id} run? {str(request.state).capitalize()}."
        page = partial(request_markdown, request, votes, form=FORM)
    else:
        said = f"{len(requests)} requests wait side by side."
        page = partial(requests_markdown, requests, form=FORM)
    _publish(key="govflow-approval", page=page, description=said, flow_run_id=str(flow_run_id))


def _plan_page(run: GovernedRun, plan: Plan) -> str:
    if run.stopped is not None:
        stopped = f"**Enforce mode would not have let this run start:** {prose(run.stopped.message)}\n\n"
        if len(run.permits) < len(plan.steps):  # it was stopped before its steps were judged
            return stopped + "\n".join(f"- {code(step.step_id)} {code(step.action)}" for step in plan.steps)
    else:
        stopped = ""
    assessment = Assessment({step_id: permit.assessment for step_id, permit in run.permits.items()})
    # Prefect's pages know no Mermaid: a drawing would be its source.
    page = plan_markdown(run.facts.flow, plan, assessment, drawn=False)
    standing = f"Held against the approved plan: {prose(run.compared)}.\n\n" if run.compared else ""
    return f"{stopped}{standing}{page}\n\nIR hash: `{run.ir_hash}`\n"


def _publish(*, key: str, page: Callable[[], str], description: str, flow_run_id: str) -> None:
    try:
        artifact = ArtifactCreate(
            key=key, type="markdown", description=description, data=page(), flow_run_id=UUID(flow_run_id)
        )
        with get_client(sync_client=True) as client:
            client.create_artifact(artifact)
    except Exception as error:  # noqa: BLE001 - the same facts stand in the log and in the run's state
        _log.warning("artifact.lost", key=key, reason=f"{type(error).__name__}: {error}")
