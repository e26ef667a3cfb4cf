"""Reading the plan of one flow for a test, as ``govflow plan`` would read it in pytest's root folder."""

from __future__ import annotations

import os
from contextlib import chdir
from pathlib import Path

from govflow.errors import FlowNotFound
from govflow.governor.assess import assess
from govflow.services.lock_file import lock_folder
from govflow.services.plan_flows import read_flows
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings
from govflow.testing.plan import PlanUnderTest


def read_plan(
    target: str | os.PathLike[str], root: Path, environment: str | None, policy: Path | None
) -> PlanUnderTest:
    """The plan of the flow that ``target`` names.

    Args:
        target: ``PATH:FLOW``, or ``PATH`` of a file with one flow.
        root: the folder that paths and settings are looked for from.
        environment: judge as if it ran there.
        policy: judge by this file.

    Raises:
        InputError: there is no such flow, several of them, or a setting or file that cannot be used.
    """
    with chdir(root):
        workspace = open_project(environment, policy)
        flows = read_flows([os.fspath(target)], lock_folder(workspace), workspace.vocabulary, workspace.catalogue).flows
        if len(flows) != 1:
            names = ", ".join(flow.name for flow in flows)
            raise FlowNotFound(
                f"{os.fspath(target)} holds {len(flows)} flows: {names}.", mend=f"Name one: {flows[0].name}"
            )
        judged = assess(flows[0].plan, workspace.ground, workspace.requester(), workspace.opened_at)
    return PlanUnderTest(flows[0].name, flows[0].plan, judged, workspace)


def open_project(environment: str | None, policy: Path | None) -> Workspace:
    """The workspace of the project that the working directory is in. Its database is never opened here."""
    return open_workspace(load_settings(environment=environment, policy=policy))
