"""What was issued for a run, and whether it counts here."""

from __future__ import annotations

from dataclasses import dataclass

from govflow.errors import PermitError, RequestError
from govflow.permits.models import Permit
from govflow.services.permits import fetch_permit
from govflow.services.workspace import Workspace
from govflow.store.permits import IssuedPermit, Revocation


@dataclass(frozen=True, slots=True)
class RunPermits:
    """The permits of a run, newest first. ``permit`` is the verified one; else ``problem`` says why there is none."""

    run_id: str
    issued: tuple[IssuedPermit, ...]
    revocation: Revocation | None
    permit: Permit | None
    problem: PermitError | None


def show_permits(workspace: Workspace, run_id: str) -> RunPermits:
    """Look at a run as a worker with the settings of this process would.

    Raises:
        RequestError: there is no such run.
    """
    known_run(workspace, run_id)
    tenant, permits = workspace.settings.tenant, workspace.store.permits
    issued, revocation = tuple(permits.of_run(tenant, run_id)), permits.revocation(tenant, run_id)
    try:
        return RunPermits(run_id, issued, revocation, fetch_permit(workspace, run_id), None)
    except PermitError as problem:
        return RunPermits(run_id, issued, revocation, None, problem)


def known_run(workspace: Workspace, run_id: str) -> None:
    """Raise ``RequestError`` when this tenant has no governed run of that id."""
    run = workspace.store.runs.get(run_id)
    if run is None or run.tenant != workspace.settings.tenant:
        raise RequestError(
            f"There is no governed run {run_id!r} of tenant {workspace.settings.tenant!r}.",
            mend="It is the UUID in the address of the run's page in Prefect; or see: govflow permits list",
            details={"run_id": run_id},
        )
