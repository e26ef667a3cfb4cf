"""Runs that another process opened: how a body finds its run in a process pool, on a Dask or Ray worker, anywhere.

The engine sends a task with the id of its flow run. Under that id the process of the flow has left a permit, signed
after the decision, and the manifest of the plan and its code that the permit names. Both are checked here with public
keys and this machine's own policy; then the run is rebuilt, and every check runs as it does anywhere. A permit is
fetched once for a run, looked at again in the background while tasks run, and fetched anew when it is over. In between
nothing asks the database.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext, TaskRunContext

from govflow.errors import GovflowError, PermitExpired, PermitInvalid, PermitMissing, StoreError
from govflow.governor.adopt import adopt_run
from govflow.governor.explain import as_refusal
from govflow.governor.governed_run import GovernedRun, RunFacts
from govflow.governor.plan_approval import adopt_covers
from govflow.governor.port import RunRow, drive
from govflow.permits.models import Permit
from govflow.prefect.background import open_background
from govflow.prefect.binding import Bound
from govflow.prefect.code_here import bound_here
from govflow.prefect.owners import owners_of
from govflow.prefect.port import PrefectPort
from govflow.prefect.refused_away import record_refusal
from govflow.prefect.runtime import CURRENT, RUNTIME, Active
from govflow.services.permits import fetch_permit
from govflow.services.run_records import opening_of
from govflow.services.workspace import Workspace
from govflow.telemetry import get_logger

KNOWN: Final = 64  # runs that a worker remembers
LOOK_AGAIN: Final = 3  # a permit is looked at again after this part of its life

_log = get_logger(__name__)


class PermitLease:
    """One run in this process, with the permit that lets it go on here. Safe to share between threads."""

    def __init__(self, run_id: str, workspace: Workspace) -> None:
        self.run_id = run_id
        self.workspace = workspace
        self.active: Active | None = None
        self.permit: Permit | None = None
        self._look_at = datetime.min.replace(tzinfo=UTC)
        self._refused: GovflowError | None = None
        self._looking = False
        self._lock = threading.Lock()

    def is_due(self) -> bool:
        """Whether the permit has to be looked at before anything more runs."""
        return self._refused is not None or datetime.now(UTC) >= self._look_at

    def is_built(self) -> bool:
        """Whether the run is rebuilt; not any more once its flow was opened anew."""
        return self.active is not None

    def hold(self, permit: Permit) -> None:
        """Go on under ``permit``, from now on."""
        now = datetime.now(UTC)
        self.permit, self._refused = permit, None
        self._look_at = now + (permit.expires_at - now) / LOOK_AGAIN

    def tolerate(self, seconds: float) -> None:
        """Observe mode, and there is no permit: look again then."""
        self._look_at = datetime.now(UTC) + timedelta(seconds=seconds)

    def check(self) -> None:
        """Return if bodies may go on. Looks again in the background while the permit counts, at once when it is over.

        Raises:
            PermitError: it was revoked, it is over, or another took its place that allows something else.
            StoreError: it is over, and the database cannot be asked.
        """
        if not self.is_due():
            return
        permit = self.permit
        if self._refused is None and permit is not None and datetime.now(UTC) < permit.expires_at:
            self._look_in_background()
            return
        self._look()
        if self._refused is not None:
            raise self._refused

    def _look_in_background(self) -> None:
        with self._lock:
            if self._looking:
                return
            self._looking = True
        threading.Thread(target=self._look, daemon=True, name="govflow-permit").start()

    def _look(self) -> None:
        try:
            found = fetch_permit(self.workspace, self.run_id)
            if self.permit is not None and not found.same_grant(self.permit):
                self.active = None
            self.hold(found)
        except StoreError as error:
            _log.warning("permit.not_renewed", run_id=self.run_id, reason=error.message)
            if self.permit is None or datetime.now(UTC) >= self.permit.expires_at:
                self._refused = error
        except GovflowError as error:
            self._refused = error
        finally:
            self._looking = False


class Leases:
    """The runs of other processes that this one knows, the last few."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, PermitLease] = OrderedDict()
        self._opening: dict[str, threading.Lock] = {}

    def get(self, run_id: str) -> PermitLease | None:
        """The lease of a run, if there is one."""
        with self._lock:
            found = self._known.get(run_id)
            if found is not None:
                self._known.move_to_end(run_id)
            return found

    def drop(self, run_id: str) -> None:
        """Forget a run."""
        with self._lock:
            self._known.pop(run_id, None)

    def keep(self, lease: PermitLease) -> None:
        """Remember a run, and forget the one that was not asked for longest."""
        with self._lock:
            self._known[lease.run_id] = lease
            while len(self._known) > KNOWN:
                self._known.popitem(last=False)

    def clear(self) -> None:
        """Forget all runs."""
        with self._lock:
            self._known.clear()

    def turn(self, run_id: str) -> threading.Lock:
        """Held by the one thread that rebuilds a run."""
        with self._lock:
            if len(self._opening) > KNOWN:
                self._opening = {key: lock for key, lock in self._opening.items() if lock.locked()}
            return self._opening.setdefault(run_id, threading.Lock())


LEASES: Final = Leases()


def is_away(active: Active | None, context: TaskRunContext | None) -> bool:
    """Whether the run of a task has to be looked for outside this process, or its permit looked at again."""
    if active is None:
        return context is not None
    return active.lease is not None and active.lease.is_due()


def is_detached(active: Active) -> bool:
    """Whether another process opened the run."""
    return active.lease is not None


def far(body: Any, context: TaskRunContext | None) -> Active | None:
    """The run of a task that runs outside the process of its flow. May wait for the database.

    Args:
        body: the guarded function.
        context: its task run; None for a function that is called inside another task's body.

    Returns:
        None where nothing says that the run is governed.

    Raises:
        PermitError: enforce mode, and nothing lets the run go on here.
        StoreError: enforce mode, and the database cannot be asked.
    """
    current = CURRENT.get()
    run_id = current.run.facts.run_id if current is not None else _flow_run_id(context)
    try:
        if run_id is None:
            return None if context is None else open_background(body, context)
        try:
            return of_run(run_id, enforced=body.enforced, governed=body.marked)
        except (PermitExpired, PermitMissing):
            # A task that was handed to a task worker may come to its turn when its flow is long over.
            if body.marked or context is None or RUNTIME.workspace().store.runs.get(run_id) is None:
                raise
            return open_background(body, context)
    except Exception as error:
        if body.enforced or not RUNTIME.observing():
            if run_id is not None and isinstance(error, GovflowError):
                record_refusal(run_id, error, body, context)
            raise
        _log.warning("run.unrecorded", run_id=run_id, reason=f"{type(error).__name__}: {error}")
        return None  # observing stops nothing


def of_run(run_id: str, *, enforced: bool, governed: bool) -> Active | None:
    """The run of that id, rebuilt here if need be; see :func:`far`.

    Args:
        run_id: of the flow run.
        enforced: the call was made in a run that is enforced.
        governed: the call was made in a governed run.
    """
    here = RUNTIME.here(run_id)
    if here is not None:
        return here  # a worker in threads of the flow's own process
    flow_context = FlowRunContext.get()
    if flow_context is not None and not flow_context.detached and not governed:
        return None  # a bare flow of this process
    workspace = RUNTIME.workspace()
    with LEASES.turn(run_id):
        lease = LEASES.get(run_id)
        if lease is None or not lease.workspace.follows(workspace):
            lease = PermitLease(run_id, workspace)
        try:
            if lease.active is not None:
                lease.check()
            if not lease.is_built():
                lease = _rebuilt(lease, flow_context, enforced=enforced)
        except GovflowError as error:
            LEASES.drop(run_id)
            if enforced or workspace.mode == "enforce":
                raise
            if not governed:
                return None
            _watch(lease, flow_context, error)
        LEASES.keep(lease)
        return lease.active


def _flow_run_id(context: TaskRunContext | None) -> str | None:
    found = None if context is None else context.task_run.flow_run_id
    return None if found is None else str(found)


def _rebuilt(lease: PermitLease, flow_context: FlowRunContext | None, *, enforced: bool) -> PermitLease:
    """The lease with its run; with one for the policy as its files are now, where that is the one that decided."""
    try:
        _rebuild(lease, flow_context, enforced=enforced)
    except PermitInvalid as error:
        if error.details.get("cause") != "policy":
            raise
        fresh = RUNTIME.for_run()
        if fresh is lease.workspace:
            raise
        lease = PermitLease(lease.run_id, fresh)
        _rebuild(lease, flow_context, enforced=enforced)
    return lease


def _rebuild(lease: PermitLease, flow_context: FlowRunContext | None, *, enforced: bool) -> None:
    workspace, run_id = lease.workspace, lease.run_id
    try:
        permit = fetch_permit(workspace, run_id)
    except PermitMissing:
        if workspace.store.runs.get(run_id) is None or opening_of(workspace.store, workspace.settings.tenant, run_id):
            raise
        raise PermitExpired(
            f"Run {run_id} has ended, and its permit with it.",
            mend="Wait in the flow for what it starts, or start it with .delay().",
            details={"cause": "ended"},
        ) from None
    mode = "enforce" if enforced or "enforce" in (permit.mode, workspace.mode) else "observe"
    if permit.manifest is None:
        raise PermitInvalid(
            f"The permit of run {run_id} is for the process of its flow alone.",
            mend="Use a task runner that govflow knows of when the flow starts.",
            details={"cause": "manifest"},
        )
    manifest = workspace.store.manifests.get(permit.manifest)
    if manifest is None:
        raise PermitInvalid(
            f"The manifest of run {run_id} is not in the database.",
            mend="Look at GOVFLOW_DATABASE_URL of the worker.",
            details={"cause": "manifest"},
        )
    bound = bound_here(permit.manifest, manifest)
    row = workspace.store.runs.get(run_id)
    flow_run = _flow_run(run_id, flow_context)
    facts = RunFacts(
        run_id=run_id,
        flow=permit.flow,
        idempotency_key=flow_run.idempotency_key or run_id,
        requester=workspace.as_policy_says(permit.requester),
        ground=replace(workspace.ground, mode=mode),
        vocabulary=workspace.vocabulary,
        plan=bound.plan,
        unbound=bound.unbound,
        parameters={},
        attempt=permit.attempt,
        fresh=False,  # it is not begun here
        owners=owners_of(flow_run, workspace.settings),
        refused=RUNTIME.refused(run_id),
    )
    salted = None if row is None else RunRow(run_id, row.ir_hash, bytes.fromhex(str(row.permit["salt"])), True)
    run = adopt_run(facts, permit, salted, datetime.now(UTC))
    port = PrefectPort(workspace, flow_run, mode=mode)
    port.shared = True
    drive(adopt_covers(run), port)
    lease.hold(permit)
    lease.active = Active(run, bound, port, lease)


def _watch(lease: PermitLease, flow_context: FlowRunContext | None, error: GovflowError) -> None:
    """Observe mode: whatever is wrong, the call is recorded, with what enforce mode would have said."""
    workspace, run_id = lease.workspace, lease.run_id
    _log.warning("run.not_rebuilt", run_id=run_id, reason=error.message, mend=error.mend)
    flow_run = _flow_run(run_id, flow_context)
    flow = flow_context.flow.name if flow_context is not None and flow_context.flow is not None else flow_run.name
    facts = RunFacts(
        run_id=run_id,
        flow=flow,
        idempotency_key=flow_run.idempotency_key or run_id,
        requester=workspace.requester(),
        ground=workspace.ground,
        vocabulary=workspace.vocabulary,
        plan=None,
        unbound=error.message,
        parameters={},
        attempt=flow_run.run_count or 1,
        fresh=False,
    )
    run = GovernedRun(facts, "", "", {}, None, shared=True, stopped=as_refusal(error))
    lease.tolerate(seconds=workspace.settings.permit_ttl_seconds / LOOK_AGAIN)
    lease.active = Active(run, Bound(None, None, error.message), PrefectPort(workspace, flow_run), lease)


def _flow_run(run_id: str, flow_context: FlowRunContext | None) -> FlowRun:
    """The flow run that came with the task, else as the server knows it."""
    if flow_context is not None and flow_context.flow_run is not None and str(flow_context.flow_run.id) == run_id:
        return flow_context.flow_run
    with get_client(sync_client=True) as client:
        return client.read_flow_run(UUID(run_id))
