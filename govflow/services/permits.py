"""Permits of runs: issued, fetched, renewed, revoked.

With the setting ``signer=embedded`` this process signs, with the key of its user. With ``signer=process`` it files a
request in the database and waits for a signer, and reads no private key.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from govflow.audit.record import Draft
from govflow.errors import PermitMissing, PermitRefused
from govflow.governor.governed_run import GovernedRun
from govflow.identity import Principal
from govflow.ir.lock import plan_key
from govflow.permits.models import Permit, PermittedStep
from govflow.permits.steps import allowed_steps
from govflow.services.ask_signer import WAIT_SECONDS, ask_signer
from govflow.services.run_records import opening_of
from govflow.services.sign_permits import sign_and_keep
from govflow.services.signing_keys import trusted_keys
from govflow.services.workspace import Workspace
from govflow.store.permits import Revocation, refuse_revoked

_POLL: Final = 0.02  # seconds between looks for a permit that is not there yet
_FRESH: Final = 0.5  # a permit with more than this part of its life left is not renewed


def permit_for(
    run: GovernedRun, *, ttl_seconds: int, now: datetime | None = None, manifest: str | None = None
) -> Permit:
    """What an open run may execute, to be signed.

    Args:
        run: open, with a plan.
        ttl_seconds: life of the permit; the setting ``permit_ttl_seconds``.
        now: aware; without it the time of this machine.
        manifest: digest of what another process rebuilds the run from.
    """
    facts, plan = run.facts, run.facts.plan
    if plan is None or not run.ir_hash:
        raise PermitRefused(f"Flow {facts.flow!r} was not decided on, so there is nothing to permit.")
    at = now or datetime.now(UTC)
    allowed = allowed_steps(plan, {step_id: permit.step_hash for step_id, permit in run.permits.items()})
    steps = {
        step_id: PermittedStep(
            step_hash=permit.step_hash,
            tier=permit.assessment.tier,
            verdict=permit.assessment.verdict,
            count=allowed[step_id].count,
            parents=allowed[step_id].parents,
        )
        for step_id, permit in run.permits.items()
    }
    return Permit(
        jti=str(uuid4()),
        tenant=facts.ground.tenant,
        run_id=facts.run_id,
        flow=facts.flow,
        plan_key=plan_key(plan),
        ir_hash=run.ir_hash,
        plan_hash=run.plan_hash,
        policy_digest=facts.ground.engine.digest,
        mode="enforce" if run.enforce else "observe",
        environment=facts.ground.environment,
        requester=facts.requester.name,
        attempt=facts.attempt,
        issued_at=at,
        expires_at=at + timedelta(seconds=ttl_seconds),
        steps=steps,
        manifest=manifest,
    )


def issue_permit(workspace: Workspace, permit: Permit, *, wait: float = WAIT_SECONDS) -> str:
    """Have a permit signed and kept, with its record; its signed text.

    Args:
        workspace: where, and who signs.
        permit: from :func:`permit_for`.
        wait: seconds that the signer may take.

    Raises:
        PermitRevoked: this run gets none any more.
        PermitRefused: the signer says no: what is asked for is not what the database records of the run.
        SignerAbsent: no signer answered in time.
        KeyFileError: the private key cannot be used (embedded signer).
        StoreError: the database cannot be used.
    """
    if workspace.settings.signer == "process":
        return ask_signer(workspace, permit, wait)
    return sign_and_keep(workspace, permit, "embedded")


def fetch_permit(workspace: Workspace, run_id: str, *, wait: float = 0.0) -> Permit:
    """The verified permit of a run, for whoever is about to execute something of it. Public keys are enough.

    Args:
        workspace: of the process that asks.
        run_id: of the flow run.
        wait: seconds to wait for a permit that is not there yet.

    Raises:
        PermitMissing: none was issued in that time.
        PermitRevoked: somebody took it away.
        PermitInvalid: it is not signed by a key that this machine trusts, or it is for something else.
        PermitExpired: it is over, and was not renewed.
        KeyFileError: the file of public keys cannot be used.
        StoreError: the database cannot be used.
    """
    deadline = time.monotonic() + wait
    while workspace.store.permits.newest(workspace.settings.tenant, run_id) is None and time.monotonic() < deadline:
        time.sleep(_POLL)
    return _verified(workspace, run_id)


def renew_permit(
    workspace: Workspace, run_id: str, *, wait: float = WAIT_SECONDS, now: datetime | None = None
) -> Permit:
    """The verified permit of a run with at least half of its life left: the one that is there, or a new one.

    One that is over is renewed too, as long as its run is open: the signer may have been away. Any process may ask, any
    number of times. Who holds public keys alone and has no signer to ask fetches instead.

    Args:
        workspace: of the process that asks.
        run_id: of the flow run.
        wait: seconds that the signer may take.
        now: aware; when it is asked whether half of its life is over. Without it the time of this machine.

    Raises:
        PermitRefused: the run is not open any more, or the signer says no.
        SignerAbsent: no signer answered in time.
        PermitError: as :func:`fetch_permit`.
    """
    permit = _verified(workspace, run_id, over=True)
    at = now or datetime.now(UTC)
    if permit.expires_at - at > (permit.expires_at - permit.issued_at) * _FRESH:
        return permit
    life = timedelta(seconds=workspace.settings.permit_ttl_seconds)
    if opening_of(workspace.store, permit.tenant, run_id) is None:
        raise PermitRefused(f"Run {run_id} has ended, so its permit is not renewed.")
    issue_permit(workspace, permit.renewed(str(uuid4()), at, life), wait=wait)
    return fetch_permit(workspace, run_id)


def revoke_permits(workspace: Workspace, run_id: str, reason: str, *, by: Principal | None = None) -> bool:
    """Let a run have no permit any more; False when that was so.

    Whoever executes something of the run sees it when the permit is fetched or renewed, so at the latest when the one
    that it holds is over.

    Args:
        workspace: where.
        run_id: of the flow run.
        reason: for the log, and for those who are stopped by it.
        by: who does it; without it the principal of this process.
    """
    person, tenant, now = by or workspace.requester(), workspace.settings.tenant, datetime.now(UTC)
    newest = workspace.store.permits.newest(tenant, run_id)
    revocation = Revocation(tenant, run_id, person.name, str(person.assurance), reason, now)
    draft = Draft(
        "permit.revoked",
        tenant,
        now,
        subject=person.name,
        run_id=run_id,
        flow=newest.flow if newest else None,
        correlation=run_id,
        payload={
            "reason": reason,
            "assurance": str(person.assurance),
            "expires_at": newest.expires_at.isoformat() if newest else None,
        },
    )
    return workspace.store.permits.revoke(revocation, draft)


def _verified(workspace: Workspace, run_id: str, *, over: bool = False) -> Permit:
    """The newest permit of a run, with its signature checked, unless somebody took it away."""
    from govflow.permits.token import verify

    tenant, permits = workspace.settings.tenant, workspace.store.permits
    token = permits.token(tenant, run_id)
    if token is None:
        raise PermitMissing(
            f"No permit was issued for run {run_id} of tenant {tenant!r}.",
            mend="Its flow must run under govflow, with the governance database of this process"
            f" ({workspace.settings.redacted_url}).",
            details={"run_id": run_id},
        )
    revocation = permits.revocation(tenant, run_id)
    if revocation is not None:
        raise refuse_revoked(revocation)
    return verify(token, trusted_keys(workspace), datetime.now(UTC), run_id=run_id, tenant=tenant, over=over)
