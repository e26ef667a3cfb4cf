"""``serve``, ``deploy`` and ``to_deployment`` of a governed flow verify before they register."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow as bare_flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound

from govflow.errors import PlanDrift, PlanNotApproved
from tests.prefect.conftest import POLICY, Home
from tests.prefect.deployments import approve_file

SOURCE = """
from govflow.prefect import flow, task

@task(action="data:read", provider="postgres", resource="dataset://acme/orders")
def read() -> int:
    return 41

@flow(name="{name}")
def nightly() -> int:
    return read()
"""


def approve(home: Home) -> str:
    """Have bob approve the file as it is now; the hash."""
    return approve_file(home.path / "project_flow.py")


@pytest.fixture
def name() -> str:
    return f"nightly-{uuid4().hex[:8]}"


@pytest.fixture
def module(home: Home, name: str) -> ModuleType:
    home.configure(policy=POLICY)
    return home.load(SOURCE.format(name=name))


def registered(label: str) -> bool:
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(label)
        except ObjectNotFound:
            return False
        return True


def test_in_production_nothing_is_registered_of_a_plan_that_nobody_approved(
    module: ModuleType, home: Home, name: str
) -> None:
    home.configure(environment="production")
    with pytest.raises(PlanNotApproved):
        module.nightly.serve("served")
    with pytest.raises(PlanNotApproved):
        module.nightly.to_deployment("served")
    with pytest.raises(PlanNotApproved):
        asyncio.run(module.nightly.ato_deployment("served"))
    assert not registered(f"{name}/served")


def test_elsewhere_the_first_plan_may_be_served_as_it_may_be_run(module: ModuleType) -> None:
    assert module.nightly.to_deployment("served").version.startswith("plan-")


def test_a_served_flow_carries_its_plan(module: ModuleType, home: Home, name: str) -> None:
    hashed = approve(home)
    made = module.nightly.to_deployment("served", tags=["mine"])
    made.apply()
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(f"{name}/served")
    assert found.version == f"plan-{hashed.partition(':')[2][:16]}"
    assert {"mine", "govflow", f"govflow:{found.version}"} <= set(found.tags)
    assert module.nightly.to_deployment("served", version="7").version == "7"


def test_drift_is_refused_and_in_observe_mode_a_warning(
    module: ModuleType, home: Home, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    approve(home)
    drifted = home.load(SOURCE.format(name=name).replace("return 41", "return 42"))
    with pytest.raises(PlanDrift, match="bob approved"):
        drifted.nightly.to_deployment("served")
    home.configure(mode="observe")
    made = drifted.nightly.to_deployment("served")
    assert not any(tag.startswith("govflow") for tag in made.tags or ())
    assert "would_be_refused" in caplog.text


def test_in_async_code_it_is_awaited(module: ModuleType, home: Home) -> None:
    hashed = approve(home)

    async def make() -> str | None:
        made = await module.nightly.to_deployment("served")
        version: str | None = made.version
        return version

    assert asyncio.run(make()) == f"plan-{hashed.partition(':')[2][:16]}"


def test_a_flow_from_a_source_is_deployed_with_a_guard_behind_its_pull_steps(
    module: ModuleType, home: Home, name: str
) -> None:
    pool = f"pool-{uuid4().hex[:8]}"
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    loaded: Any = bare_flow.from_source(str(home.path), "project_flow.py:nightly")
    with pytest.raises(PlanNotApproved):
        loaded.deploy("pulled", work_pool_name=pool, print_next_steps=False)
    assert not registered(f"{name}/pulled")
    hashed = approve(home)
    loaded.deploy("pulled", work_pool_name=pool, print_next_steps=False)
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(f"{name}/pulled")
    assert found.pull_steps is not None
    assert [next(iter(step)) for step in found.pull_steps] == [
        "prefect.deployments.steps.set_working_directory",
        "govflow.prefect.steps.guard",
    ]
    assert found.pull_steps[-1]["govflow.prefect.steps.guard"]["plan_hash"] == hashed
    assert Path(found.pull_steps[0]["prefect.deployments.steps.set_working_directory"]["directory"]) == home.path
