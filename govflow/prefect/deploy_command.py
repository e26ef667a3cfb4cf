"""``prefect deploy`` in this process, with its traceback turned into the error that it ends in.

Prefect prints the traceback of whatever a build step raises and leaves with exit code 1. Here the error itself is
wanted: it is ours, and says cause, difference and mend. What was registered is written into our log, so that an edit of
its pull steps can be told later.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.cli import _utilities as reporting
from prefect.cli._app import app
from prefect.client.orchestration import get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.deployments.steps.core import StepExecutionError

from govflow.errors import DeployFailed, GovflowError
from govflow.prefect.engine import require_supported
from govflow.prefect.registered import registered_of
from govflow.services.registered import record_registered
from govflow.services.workspace import open_workspace
from govflow.settings import Settings


def deploy(words: Sequence[str], settings: Settings) -> int:
    """Run ``prefect deploy`` with these words and return how many deployments it registered.

    Raises:
        GovflowError: a step of ours refused it, or could not answer.
        DeployFailed: anything else went wrong.
    """
    require_supported()
    with _caught() as caught, _noted() as made:
        code = _prefect(["deploy", *words])
    if made:
        _record(made, settings)
    if caught:
        raise _told(caught[-1])
    if code:
        raise DeployFailed("prefect deploy did not deploy; the lines above say why.", details={"exit_code": code})
    return len(made)


def _prefect(words: list[str]) -> int:
    """Prefect's command line in this process; its exit code."""
    before, sys.argv = sys.argv, ["prefect", *words]
    try:
        app()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1 if leaving.code else 0
    finally:
        sys.argv = before
    return 0


class _Tracebacks:
    """Stands where Prefect's command line has the module ``traceback``."""

    def __init__(self, caught: list[BaseException]) -> None:
        self._caught = caught

    def print_exc(self) -> None:
        error = sys.exception() if hasattr(sys, "exception") else sys.exc_info()[1]
        if error is not None:
            self._caught.append(error)


@contextmanager
def _caught() -> Iterator[list[BaseException]]:
    """Keep the errors of which Prefect would print a traceback."""
    caught: list[BaseException] = []
    module: Any = reporting
    before, module.traceback = module.traceback, _Tracebacks(caught)
    try:
        yield caught
    finally:
        module.traceback = before


@contextmanager
def _noted() -> Iterator[list[UUID]]:
    """Note the id of each deployment that is registered."""
    made: list[UUID] = []
    kind: Any = RunnerDeployment
    before = kind.apply

    def apply(self: RunnerDeployment, *args: Any, **options: Any) -> Any:
        answer = before(self, *args, **options)
        if not inspect.isawaitable(answer):
            made.append(answer)
            return answer

        async def awaited() -> UUID:
            found: UUID = await answer
            made.append(found)
            return found

        return awaited()

    kind.apply = apply
    try:
        yield made
    finally:
        kind.apply = before


def _told(error: BaseException) -> GovflowError:
    """The error that a person can use."""
    while isinstance(error, StepExecutionError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, GovflowError):
        return error
    mend = ""
    if isinstance(error, httpx.HTTPError):
        mend = "Is the server of PREFECT_API_URL there? `prefect config view` shows which one it is."
    return DeployFailed(f"prefect deploy ended in {type(error).__name__}: {error}", mend=mend)


def _record(made: Sequence[UUID], settings: Settings) -> None:
    with get_client(sync_client=True) as client, closing(open_workspace(settings)) as workspace:
        for one in made:
            record_registered(workspace, registered_of(client, client.read_deployment(one)), datetime.now(UTC))
