"""What an approval is: its binding, its states, its votes. The state machine is data; the store applies it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from govflow.ir.models import Digest, NonEmpty, StrictModel, Tier


class RequestState(StrEnum):
    """Where a request stands."""

    PENDING = "pending"  # people vote
    APPROVED = "approved"  # enough people said yes; the run has not claimed it
    EXERCISED = "exercised"  # the run claimed it, once
    DENIED = "denied"  # someone said no
    EXPIRED = "expired"  # nobody decided, or nobody claimed, in time
    REVOKED = "revoked"  # withdrawn: the run was cancelled or an operator took it back
    VOIDED = "voided"  # the IR, the policy or the parameters changed


MOVES: Mapping[RequestState, frozenset[RequestState]] = {
    RequestState.PENDING: frozenset(
        {RequestState.APPROVED, RequestState.DENIED, RequestState.EXPIRED, RequestState.REVOKED, RequestState.VOIDED}
    ),
    RequestState.APPROVED: frozenset(
        {RequestState.EXERCISED, RequestState.EXPIRED, RequestState.REVOKED, RequestState.VOIDED}
    ),
    RequestState.EXERCISED: frozenset(),
    RequestState.DENIED: frozenset(),
    RequestState.EXPIRED: frozenset(),
    RequestState.REVOKED: frozenset(),
    RequestState.VOIDED: frozenset(),
}
"""Every move there is. A move that is not here does not exist."""


class VoteDecision(StrEnum):
    """What a person says."""

    APPROVE = "approve"
    DENY = "deny"


class Binding(StrictModel):
    """What exactly is approved; nothing else is."""

    tenant: NonEmpty
    flow: NonEmpty
    run_id: NonEmpty
    step_id: NonEmpty
    map_index: int | None = None
    ir_hash: Digest
    policy_digest: Digest
    parameters_digest: Digest


class ApprovalRule(StrictModel):
    """Who decides, and how many of them. ``approvers`` are selectors: ``user:NAME``, ``role:ROLE``, ``*``."""

    name: NonEmpty
    required: int = Field(default=1, ge=1)
    approvers: tuple[str, ...] = ("*",)
    ttl_seconds: int = Field(default=3600, gt=0)


class ApprovalRequest(StrictModel):
    """A question to people. ``state`` is what the store last said."""

    request_id: NonEmpty
    binding: Binding
    rule: ApprovalRule
    requester: NonEmpty  # principal name
    tier: Tier
    policy_rule: str  # the policy rule that asked
    reason: str  # why, in words
    summary: Mapping[str, JsonValue] = Field(default_factory=dict)  # what is shown: action, resource, parameters
    created_at: datetime
    expires_at: datetime
    state: RequestState = RequestState.PENDING


class Vote(StrictModel):
    """One person's answer to one request."""

    request_id: NonEmpty
    principal: NonEmpty
    assurance: str
    decision: VoteDecision
    reason: str = ""
    at: datetime
