"""Whether a request for a permit is what the database records of its run: what a signer looks at before it signs.

The request is written by whoever can write the database. So nothing in it is believed: run, plan, hashes, tiers and
verdicts are those that the run was opened with, and in enforce mode the plan is the one that was in force then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from pydantic import ValidationError

from govflow.errors import CanonicalError, PermitInvalid, PermitRefused
from govflow.ir.hashing import plan_hash, step_hashes
from govflow.ir.lock import plan_key
from govflow.permits.models import Permit
from govflow.permits.steps import allowed_steps
from govflow.services.run_records import RunOpening, opening_of
from govflow.services.workspace import Workspace
from govflow.store.permit_requests import PermitRequest
from govflow.store.permits import refuse_revoked
from govflow.store.runs import GovernedRun


def examine(workspace: Workspace, request: PermitRequest) -> Permit:
    """What ``request`` asks for, if the store bears it out.

    Raises:
        PermitRevoked: the run gets none any more.
        PermitRefused: it is for another run or plan than was decided, or the run is not open. ``details["cause"]`` says
            which.
        StoreError: the database cannot be read.
    """
    permit = _read(request)
    store = workspace.store
    revocation = store.permits.revocation(permit.tenant, permit.run_id)
    if revocation is not None:
        raise refuse_revoked(revocation)
    opening = opening_of(store, permit.tenant, permit.run_id)
    if opening is None:
        _refuse("not-open", f"run {permit.run_id} is not open: the log has no decision on it, or says that it ended")
    row = store.runs.get(permit.run_id)
    if row is None or row.tenant != permit.tenant:
        _refuse("no-run", f"there is no run {permit.run_id} of tenant {permit.tenant!r}")
    _as_recorded(permit, row, opening)
    _as_approved(workspace, permit, opening)
    _as_shared(workspace, permit)
    return permit


def _read(request: PermitRequest) -> Permit:
    try:
        permit = Permit.model_validate_json(request.document)
    except ValidationError:
        _refuse("form", "the request is no permit")
    if (permit.tenant, permit.run_id) != (request.tenant, request.run_id):
        _refuse("form", "the request is filed for another run than it is about")
    return permit


def _as_recorded(permit: Permit, row: GovernedRun, opening: RunOpening) -> None:
    """The run's row and the record of its opening say what the request says."""
    hashes = {step_id: step.step_hash for step_id, step in permit.steps.items()}
    asked: Mapping[str, Any] = {
        "flow": permit.flow,
        "ir_hash": permit.ir_hash,
        "policy_digest": permit.policy_digest,
        "requester": permit.requester,
        "steps": hashes,
    }
    saved = {name: getattr(row, name) for name in ("flow", "ir_hash", "policy_digest", "requester")}
    _compare("run-differs", asked, {**saved, "steps": row.permit.get("steps")})
    judged = {step_id: (int(step.tier), str(step.verdict)) for step_id, step in permit.steps.items()}
    asked = {
        **{name: getattr(permit, name) for name in ("ir_hash", "plan_hash", "policy_digest")},
        **{name: getattr(permit, name) for name in ("mode", "environment", "attempt", "requester")},
        "steps": judged,
    }
    said = opening.payload
    decided = {step_id: (step["tier"], step["verdict"]) for step_id, step in said["steps"].items()}
    _compare("decision-differs", asked, {**said, "requester": opening.subject, "steps": decided})


def _as_approved(workspace: Workspace, permit: Permit, opening: RunOpening) -> None:
    """The plan is the one that was in force when the run was opened, and the steps are its steps."""
    approved = workspace.store.plans.current(permit.tenant, permit.plan_key, at=opening.at)
    if approved is None or approved.plan_hash != permit.plan_hash:
        if permit.mode == "observe":
            return  # nothing is stopped, so nothing has to be approved
        _refuse("plan-not-approved", f"no plan {permit.plan_hash} was approved for {permit.plan_key}")
    plan = approved.plan
    if approved.trusted and permit.mode == "enforce" and workspace.tiers.is_production(permit.environment):
        _refuse("plan-not-approved", f"the plan was trusted at first sight, and {permit.environment} is production")
    try:
        hashes = step_hashes(plan)
        genuine = plan_hash(plan, hashes) == approved.plan_hash and plan_key(plan) == permit.plan_key
    except CanonicalError:
        genuine = False
    if not genuine:
        _refuse("plan-tampered", "the approved plan in the database is not what its hash says")
    asked = {step_id: (step.step_hash, step.count, tuple(step.parents)) for step_id, step in permit.steps.items()}
    allowed = {
        step_id: (step.step_hash, step.count, step.parents) for step_id, step in allowed_steps(plan, hashes).items()
    }
    _compare("steps-differ", {"steps": asked}, {"steps": allowed})


def _as_shared(workspace: Workspace, permit: Permit) -> None:
    """The manifest is there, is what its name says, and holds the plan; its code is the flow process's word."""
    if permit.manifest is None:
        return
    try:
        manifest = workspace.store.manifests.get(permit.manifest)
    except PermitInvalid:
        _refuse("manifest", f"the manifest {permit.manifest} in the database is not what its digest says")
    if manifest is None:
        _refuse("manifest", f"there is no manifest {permit.manifest}")
    if plan_hash(manifest.plan) != permit.plan_hash:
        _refuse("manifest", f"the manifest {permit.manifest} holds another plan")


def _compare(cause: str, asked: Mapping[str, Any], recorded: Mapping[str, Any]) -> None:
    for name, value in asked.items():
        if recorded.get(name) != value:
            _refuse(cause, f"its {name.replace('_', ' ')} is not what the database records of the run")


def _refuse(cause: str, why: str) -> NoReturn:
    raise PermitRefused(
        f"The signer does not sign this: {why}.",
        mend="A run that govflow opened asks for what was decided. If nobody wrote to the database by hand, start it"
        " again with one version of govflow on both sides.",
        details={"cause": cause},
    )
