"""Signing: the one place that uses the private key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import JsonValue

from govflow.audit.record import Draft
from govflow.permits.models import Permit
from govflow.services.signing_keys import signing_key
from govflow.services.workspace import Workspace


class AnsweredElsewhere(Exception):
    """Another signer was quicker; nothing was written."""


def sign_and_keep(
    workspace: Workspace, permit: Permit, signer: Literal["embedded", "process"], request_id: str | None = None
) -> str:
    """Sign in this process, and keep the permit with its record; its text.

    Raises:
        PermitRevoked: this run gets none any more.
        AnsweredElsewhere: another signer has answered the request.
    """
    from govflow.permits.token import mint

    store = workspace.store
    key = signing_key(workspace, datetime.now(UTC))
    token = mint(permit, key)
    before = store.permits.newest(permit.tenant, permit.run_id)
    event = "permit.issued" if before is None or before.attempt != permit.attempt else "permit.renewed"
    draft = record_of(permit, event, permit.issued_at, {"kid": key.kid, "signer": signer, "request_id": request_id})
    if not store.permits.issue(permit, token, key.kid, draft, request_id):
        raise AnsweredElsewhere(request_id)
    return token


def record_of(permit: Permit, event: str, at: datetime, more: Mapping[str, JsonValue]) -> Draft:
    """A record about a permit: what it is for, never its text."""
    return Draft(
        event,
        permit.tenant,
        at,
        subject=permit.requester,
        run_id=permit.run_id,
        flow=permit.flow,
        attempt=permit.attempt,
        correlation=permit.run_id,
        payload={
            "jti": permit.jti,
            "ir_hash": permit.ir_hash,
            "plan_hash": permit.plan_hash,
            "policy_digest": permit.policy_digest,
            "mode": permit.mode,
            "environment": permit.environment,
            "steps": len(permit.steps),
            "expires_at": permit.expires_at.isoformat(),
            **more,
        },
    )
