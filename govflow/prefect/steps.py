"""Steps for ``prefect.yaml``: ``verify`` before a flow is deployed, ``guard`` before a worker loads its code.

    deployments:
    - name: nightly
      entrypoint: flows/etl.py:nightly
      version: "{{ verify.version }}"
      tags: "{{ verify.tags }}"
      build:
      - govflow.prefect.steps.verify: {id: verify, entrypoint: "flows/etl.py:nightly"}
      pull:
      - prefect.deployments.steps.git_clone: {repository: https://git.example.org/acme/etl.git}
      - govflow.prefect.steps.guard: {plan_hash: "{{ verify.plan_hash }}", directory: "{{ directory }}"}

Both read source and import nothing of it. In observe mode they say what they would have stopped, and stop nothing.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from govflow.errors import GovflowError
from govflow.prefect.engine import require_supported
from govflow.services.entrypoints import only_entrypoint, parse_entrypoint
from govflow.services.verify_deployment import (
    Against,
    Verification,
    record_verification,
    together,
    verify_entrypoint,
)
from govflow.services.workspace import open_workspace
from govflow.settings import ApprovalBeforeImport, Settings, load_settings


def verify(
    entrypoint: str | None = None,
    *,
    environment: str | None = None,
    against: Against = "store",
    directory: str = ".",
    prefect_file: str = "prefect.yaml",
) -> dict[str, Any]:
    """A ``build:`` step: the plan of the entrypoint is the approved one, and policy lets it run.

    Args:
        entrypoint: of the deployment. Prefect does not tell a step which deployment it is run for, so it may only be
            left out where ``prefect_file`` has a single one.
        environment: verify as for a run there; by default the setting ``environment``.
        against: ``store``: what a named person approved. ``lock``: the lock file alone, for CI that cannot reach the
            governance database; the guard on the worker still compares with the store.
        directory: the folder that the entrypoint is relative to.
        prefect_file: read when no entrypoint is given.

    Returns:
        ``plan_hash``, ``version``, ``tags``, ``tier``, ``verdict``, ``approved_by``, ``environment``, ``mode`` and
        ``directory``, the folder that was read; to be used as ``{{ verify.plan_hash }}`` in the deployment.

    Raises:
        Refused: enforce mode, and it is not the approved plan or policy denies it. This stops ``prefect deploy``.
        GovflowError: the question could not be answered.
    """
    require_supported()
    settings = load_settings(environment=environment)
    try:
        found = _verify(settings, entrypoint, against, Path(directory), prefect_file)
    except GovflowError as error:
        if settings.effective_mode == "enforce":
            raise
        print(f"govflow (observe) would stop this deployment: {error}")
        return {}
    for refused in found.refusals:
        print(f"govflow (observe) would stop this deployment: {refused}")
    return {**found.outputs(), "directory": str(Path(directory).resolve())}


def _verify(
    settings: Settings, entrypoint: str | None, against: Against, folder: Path, prefect_file: str
) -> Verification:
    with closing(open_workspace(settings)) as workspace:
        entry = parse_entrypoint(entrypoint or only_entrypoint(folder / prefect_file), folder)
        found = verify_entrypoint(workspace, entry, against=against)
        record_verification(workspace, found, workspace.requester().name, entry.text)
    if found.refusals and found.mode == "enforce":
        raise together(found.refusals)
    if not found.refusals:
        whose = f"of {found.approved.principal}" if found.approved else "of nobody"
        print(f"govflow: {entry.text} is {found.version}, the plan {whose}; tier {int(found.assessment.tier)}")
    return found


def guard(
    plan_hash: str | None = None,
    *,
    directory: str | None = None,
    mode: Literal["enforce"] | None = None,
    approval: ApprovalBeforeImport | None = None,
) -> dict[str, str]:
    """A ``pull:`` step, the last one: the code that this worker pulled has the approved plan.

    If not, the run is set Failed under the name of the reason (``PlanDrift``), and this process ends before any code
    of the flow is loaded. Where people have to say yes before that, the run is set Suspended; on resume this step runs
    again and sees what they decided.

    Args:
        plan_hash: that the deployment was verified for: ``{{ verify.plan_hash }}``. The code must have it as well.
        directory: where the code was pulled to; by default the working directory. The run is started there.
        mode: ``enforce`` holds whatever the settings of this worker say; there is no way to weaken it from here.
        approval: when to ask people first; it can only ask for more than the setting ``approval_before_import``.

    Returns:
        ``directory``: the folder that was checked. The engine loads the code from there.

    Raises:
        RunStopped: the run was given its state; the process ends with exit code 0.
        RunSuspended: it waits for people, likewise.
    """
    require_supported()
    from govflow.prefect.guarding import Guard

    folder = Path(directory).resolve() if directory else Path.cwd()
    return Guard(folder, plan_hash, mode, approval or "never").run()
