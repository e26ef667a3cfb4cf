"""The deployments that Prefect's server knows, as the audit of deployments wants them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import DeploymentSort

from govflow.errors import EngineError
from govflow.services.registered import Registered

PAGE: Final = 200


def read_deployments() -> list[Registered]:
    """Every deployment of the server that ``PREFECT_API_URL`` names, by flow and name.

    Raises:
        EngineError: the server cannot be asked.
    """
    try:
        with get_client(sync_client=True) as client:
            found = [registered_of(client, one) for one in _pages(client)]
    except httpx.HTTPError as error:
        raise EngineError(
            f"Prefect's server cannot be asked for its deployments: {type(error).__name__}: {error}",
            mend="`prefect config view` shows which server it is (PREFECT_API_URL).",
        ) from None
    return sorted(found, key=lambda one: one.label)


def _pages(client: SyncPrefectClient) -> Iterator[DeploymentResponse]:
    offset = 0
    while True:
        page = client.read_deployments(sort=DeploymentSort.NAME_ASC, limit=PAGE, offset=offset)
        yield from page
        if len(page) < PAGE:
            return
        offset += PAGE


def registered_of(client: SyncPrefectClient, deployment: DeploymentResponse) -> Registered:
    """One deployment, with the name of its flow."""
    return Registered(
        id=str(deployment.id),
        name=deployment.name,
        flow=client.read_flow(deployment.flow_id).name,
        entrypoint=deployment.entrypoint or "",
        version=deployment.version or "",
        tags=tuple(deployment.tags),
        labels=dict(deployment.labels or {}),
        work_pool=deployment.work_pool_name or "",
        pull_steps=tuple(deployment.pull_steps or ()),
    )
