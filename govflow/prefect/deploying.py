"""What ``flow.serve``, ``flow.deploy`` and ``flow.to_deployment`` of a governed flow do before they register anything.

The flow that is loaded here is compared with the approved plan. What is registered carries that plan: in its version
where the user gave none, in its tags, and, where a worker will pull the code, in a guard behind the other pull steps.
"""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect.deployments.runner import RunnerDeployment
from prefect.flows import Flow
from prefect.runner.storage import LocalStorage, RunnerStorage

from govflow.errors import GovflowError, Unbound
from govflow.prefect.flow_bodies import FlowBody
from govflow.prefect.runtime import RUNTIME
from govflow.services.entrypoints import parse_entrypoint
from govflow.services.registered import GUARD
from govflow.services.verify_deployment import (
    Verification,
    record_verification,
    together,
    verify_entrypoint,
    verify_plan,
)
from govflow.services.workspace import Workspace
from govflow.telemetry import get_logger

_log = get_logger(__name__)

Make = Callable[..., Any]


def to_deployment(make: Make, flow: Flow[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Prefect's ``to_deployment``, after the flow was verified. In async code what it gives is awaited by the caller.

    Raises:
        Refused: enforce mode, and the flow is not the approved plan or policy denies it.
    """
    found = _verified(flow)
    made = make(flow, *args, **options)
    if inspect.isawaitable(made):
        return _marked_later(made, found)
    return _marked(made, found)


async def ato_deployment(make: Make, flow: Flow[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The same in async code; the event loop goes on meanwhile."""
    found = await asyncio.to_thread(_verified, flow)
    return _marked(await make(flow, *args, **options), found)


async def _marked_later(made: Any, found: Verification | None) -> RunnerDeployment:
    return _marked(await made, found)


def _verified(flow: Flow[..., Any]) -> Verification | None:
    """What the flow is; None in observe mode, when that could not be told."""
    workspace = RUNTIME.for_run()
    try:
        found = _plan_of(workspace, flow)
        record_verification(workspace, found, workspace.requester().name, flow.name)
        if found.refusals:
            raise together(found.refusals)
    except GovflowError as error:
        if workspace.mode == "enforce":
            raise
        _log.warning("deployment.would_be_refused", flow=flow.name, reason=error.message, mend=error.mend)
        return None
    return found


def _plan_of(workspace: Workspace, flow: Flow[..., Any]) -> Verification:
    if flow._storage is not None and flow._entrypoint:
        return _of_storage(workspace, flow._storage, flow._entrypoint)
    body = flow.fn
    if not isinstance(body, FlowBody):
        raise Unbound(f"Flow {flow.name!r} is not governed.")
    bound = RUNTIME.bound(body.fn, body.origin, workspace.catalogue)
    if bound.plan is None or bound.unbound is not None:
        raise Unbound(
            f"Flow {flow.name!r} is not bound to its source: {bound.unbound or 'the source could not be read'}.",
            mend="Deploy it from the file it is written in, unchanged since the process started.",
        )
    return verify_plan(workspace, bound.plan, first=True)


def _of_storage(workspace: Workspace, storage: RunnerStorage, entrypoint: str) -> Verification:
    """The code that a worker will pull: what ``from_source`` loaded is gone by now, so it is pulled once more."""
    if isinstance(storage, LocalStorage):
        return verify_entrypoint(workspace, parse_entrypoint(entrypoint, storage.destination))
    before = storage.destination.parent
    with tempfile.TemporaryDirectory(prefix="govflow-") as folder:
        storage.set_base_path(Path(folder))
        try:
            asyncio.run(storage.pull_code())
            return verify_entrypoint(workspace, parse_entrypoint(entrypoint, storage.destination))
        finally:
            storage.set_base_path(before)


def _marked(made: RunnerDeployment, found: Verification | None) -> RunnerDeployment:
    """The deployment with what was verified in version, tags and pull steps."""
    if found is None:
        return made
    if made.version is None or made._version_from_flow:
        made.version, made._version_from_flow = found.version, False
    made.tags = [*(made.tags or ()), *(tag for tag in found.tags if tag not in (made.tags or ()))]
    if made.storage is not None:
        made.storage = GuardedStorage(made.storage, found.plan_hash)
    return made


class GuardedStorage:
    """A storage whose pull steps end with the guard; in everything else the one that it stands for."""

    def __init__(self, storage: RunnerStorage, plan_hash: str) -> None:
        self._guarded = storage
        self._plan_hash = plan_hash

    def to_pull_step(self) -> list[dict[str, Any]]:
        """The steps of the storage, then the guard, in the folder that they pulled to."""
        steps = self._guarded.to_pull_step()
        listed = steps if isinstance(steps, list) else [steps] if steps else []
        return [*listed, {GUARD: {"plan_hash": self._plan_hash, "directory": "{{ directory }}"}}]

    def set_base_path(self, path: Path) -> None:
        """See :class:`prefect.runner.storage.RunnerStorage`."""
        self._guarded.set_base_path(path)

    @property
    def pull_interval(self) -> int | None:
        """See :class:`prefect.runner.storage.RunnerStorage`."""
        return self._guarded.pull_interval

    @property
    def destination(self) -> Path:
        """See :class:`prefect.runner.storage.RunnerStorage`."""
        return self._guarded.destination

    async def pull_code(self) -> None:
        """See :class:`prefect.runner.storage.RunnerStorage`."""
        await self._guarded.pull_code()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GuardedStorage) and self._guarded == other._guarded

    __hash__ = None  # type: ignore[assignment] # as the storages of Prefect
