"""Whether parts of a run may run in other processes, and what those need to know of it."""

from __future__ import annotations

import sys
from typing import Any, Final

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from govflow.errors import GovflowError
from govflow.governor.governed_run import GovernedRun
from govflow.governor.port import Port, drive
from govflow.governor.run import share
from govflow.ir.manifest import Manifest
from govflow.prefect.binding import Bound
from govflow.prefect.runtime import CURRENT
from govflow.telemetry import get_logger

PYTHON: Final = f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}"
"""Digests of code belong to one Python minor."""

_log = get_logger(__name__)


def runs_elsewhere(runner: TaskRunner[Any] | None) -> bool:
    """Whether a task runner may run tasks outside this process: any that is not known to use threads."""
    return runner is not None and not isinstance(runner, ThreadPoolTaskRunner)


def manifest_of(bound: Bound) -> Manifest | None:
    """What other processes rebuild a run from; None when its source could not be planned."""
    if bound.plan is None or bound.path is None:
        return None
    return Manifest(python=PYTHON, folder=str(bound.path.parent), plan=bound.plan, code=bound.digests())


def share_run(run: GovernedRun, manifest: Manifest | None, port: Port) -> None:
    """Let other processes find a run that is open and whose plan is approved. Once for each attempt of its flow.

    Raises:
        GovflowError: enforce mode, and its permit could not be signed.
    """
    if manifest is None or run.shared:
        return
    try:
        drive(share(run, manifest), port)
    except GovflowError as error:
        if run.enforce:
            raise
        _log.warning("permit.not_issued", run_id=run.facts.run_id, reason=error.message, mend=error.mend)


def hand_on() -> None:
    """A task of the current run is handed to a task worker, which may run it after the end of the run.

    Raises:
        GovflowError: enforce mode, and the permit of the run could not be signed.
    """
    active = CURRENT.get()
    if active is not None and active.lease is None and not active.background:
        active.run.handed_on = True
        share_run(active.run, manifest_of(active.bound), active.port)
