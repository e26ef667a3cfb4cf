"""Deployments with a schedule get their runs: not so with every set of versions that can be installed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.schedules import IntervalSchedule

from tests.prefect.people import until


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def test_the_server_makes_the_runs_of_a_schedule(client: SyncPrefectClient) -> None:
    hourly = DeploymentScheduleCreate(schedule=IntervalSchedule(interval=timedelta(hours=1)))
    flow_id = client.create_flow_from_name(f"scheduled-{uuid4().hex[:8]}")
    deployment_id = client.create_deployment(flow_id, name="hourly", schedules=[hourly])
    of_it = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]))
    try:
        until(lambda: client.read_flow_runs(flow_run_filter=of_it), "the runs of the schedule")
    finally:
        client.delete_deployment(deployment_id)
