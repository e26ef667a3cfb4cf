"""Deploy the automation: each question to approvers starts a run of tell-approvers/on-question."""

from __future__ import annotations

import time
from datetime import timedelta

from prefect.automations import Automation
from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.exceptions import ObjectNotFound

NAME = "questions-to-approvers"


def from_event(path: str) -> dict[str, str]:
    """A parameter that is taken from the event when the automation fires."""
    return {"__prefect_kind": "jinja", "template": f"{{{{ event.{path} }}}}"}


def deployment() -> DeploymentResponse:
    """The deployment that ``tell.py`` serves, once it is there."""
    with get_client(sync_client=True) as client:
        for _ in range(60):
            try:
                return client.read_deployment_by_name("tell-approvers/on-question")
            except ObjectNotFound:
                time.sleep(1)
    raise SystemExit("Nothing serves tell-approvers/on-question: start `python tell.py` first.")


def automation() -> Automation:
    """The automation, not yet on the server."""
    return Automation(
        name=NAME,
        description="Each question to approvers starts a run that gets the request's id.",
        trigger=EventTrigger(
            expect={"ir.approval_created"},
            match={"prefect.resource.id": "govflow.run.*"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[
            RunDeployment(
                source="selected",
                deployment_id=deployment().id,
                parameters={
                    "request_id": from_event("payload.payload.request_id"),
                    "flow_name": from_event("resource.name"),
                    "rule": from_event("payload.payload.rule"),
                },
            )
        ],
    )


if __name__ == "__main__":
    automation().create()
    print(f"Automation {NAME} is on the server.")
