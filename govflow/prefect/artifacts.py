"""What a run shows on its Artifacts tab: the plan with its tiers, and each question that was asked."""

from __future__ import annotations

from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate

from govflow.approval.models import ApprovalRequest
from govflow.governor.assess import Assessment
from govflow.governor.run import GovernedRun
from govflow.services.describe import plan_markdown, request_markdown
from govflow.telemetry import get_logger

_log = get_logger(__name__)


def publish_plan(run: GovernedRun) -> None:
    """Show the plan of a run. A page that cannot be written stops nothing."""
    facts = run.facts
    if facts.plan is None or facts.attempt > 1:
        return
    assessment = Assessment({step_id: permit.assessment for step_id, permit in run.permits.items()})
    _publish(
        key="govflow-plan",
        data=plan_markdown(facts.flow, facts.plan, assessment) + f"\n\nIR hash: `{run.ir_hash}`\n",
        description=f"The plan of {facts.flow}: what every step does, and how risky it is.",
        flow_run_id=UUID(facts.run_id),
    )


def publish_question(request: ApprovalRequest, flow_run_id: UUID) -> None:
    """Show what is asked, and how to answer."""
    _publish(
        key="govflow-approval",
        data=request_markdown(request),
        description=f"Approval request {request.request_id}.",
        flow_run_id=flow_run_id,
    )


def _publish(*, key: str, data: str, description: str, flow_run_id: UUID) -> None:
    artifact = ArtifactCreate(key=key, type="markdown", description=description, data=data, flow_run_id=flow_run_id)
    try:
        with get_client(sync_client=True) as client:
            client.create_artifact(artifact)
    except Exception as error:  # noqa: BLE001 - the same facts stand in the log and in the run's state
        _log.warning("artifact.lost", key=key, reason=f"{type(error).__name__}: {error}")
