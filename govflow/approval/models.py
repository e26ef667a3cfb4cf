"""What an approval is: its binding, its states, its votes. The state machine is data; the store applies it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue, model_validator

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


class Group(StrictModel):
    """People of whom ``required`` must agree: selectors ``user:NAME``, ``role:NAME``, ``group:NAME``, ``*`` for all."""

    name: NonEmpty
    approvers: tuple[str, ...] = ("*",)
    required: int = Field(default=1, ge=1)


class Stage(StrictModel):
    """Groups that are asked at the same time; a later stage is asked when the ones before it are content."""

    name: NonEmpty
    groups: tuple[Group, ...] = Field(min_length=1)
    need: Literal["all", "any"] = "all"  # AND, or OR, across its groups
    optional: bool = False  # its people may vote; nobody waits for them


class Threshold(StrictModel):
    """Needs more people where it matches. Of several that match the one that asks most counts."""

    tiers: tuple[Tier, ...] = ()  # empty: any
    actions: tuple[str, ...] = ("*",)  # globs, as in policy rules
    resources: tuple[str, ...] = ("*",)
    required: int = Field(ge=1)  # of each group that needs fewer


class Escalation(StrictModel):
    """Further people who may answer once nobody has, for so long; how many are needed stays."""

    after_seconds: int = Field(gt=0)
    approvers: tuple[str, ...] = Field(min_length=1)


class DelegationTerms(StrictModel):
    """Whether people may let others answer in their stead."""

    depth: int = Field(default=1, ge=0, le=8)  # hands it may pass through; 0 forbids it
    ttl_seconds: int = Field(default=7 * 86400, gt=0)  # the longest life of a delegation


class StandingTerms(StrictModel):
    """How far a standing approval may go: so many runs, until so long from its approval."""

    max_runs: int = Field(ge=1)
    ttl_seconds: int = Field(gt=0)


class BreakGlass(StrictModel):
    """Who may let a step run alone, in an emergency, and when somebody else has to have looked at it."""

    approvers: tuple[str, ...] = Field(min_length=1)
    review_seconds: int = Field(default=86400, gt=0)


class ApprovalRule(StrictModel):
    """Who decides, and how many of them.

    ``required`` of ``approvers`` is the short form of one stage with one group; ``stages`` is the long one. Whichever
    is written, :func:`govflow.approval.stages.stages_of` gives the stages.
    """

    name: NonEmpty
    required: int = Field(default=1, ge=1)
    approvers: tuple[str, ...] = ("*",)
    ttl_seconds: int = Field(default=3600, gt=0)
    scope: Literal["step", "plan"] = "step"  # asked at each step, or once for all of them before the first line
    stages: tuple[Stage, ...] = ()
    deny_threshold: int = Field(default=1, ge=1)  # so many people who say no end it
    veto: tuple[str, ...] = ()  # a no of one of these ends it, whatever the threshold
    thresholds: tuple[Threshold, ...] = ()
    escalation: tuple[Escalation, ...] = ()
    remind_after_seconds: tuple[int, ...] = ()
    delegation: DelegationTerms | None = None  # None: nobody may delegate
    standing: StandingTerms | None = None  # None: no standing approvals
    break_glass: BreakGlass | None = None

    @model_validator(mode="after")
    def _one_form(self) -> ApprovalRule:
        """Refuse what would be read in two ways: both forms at once, one name for two, nobody who is waited for."""
        if not self.stages:
            return self
        if self.required != 1 or self.approvers != ("*",):
            raise ValueError("'stages' stand in place of 'required' and 'approvers'")
        if all(stage.optional for stage in self.stages):
            raise ValueError("nobody is waited for: all stages are optional")
        named = [[stage.name for stage in self.stages], *([group.name for group in one.groups] for one in self.stages)]
        for words in named:
            if len(set(words)) < len(words):
                raise ValueError("two stages, or two groups of a stage, have one name")
        return self


class ApprovalRequest(StrictModel):
    """A question to people. ``state`` is what the store last said."""

    request_id: NonEmpty
    binding: Binding
    rule: ApprovalRule
    requester: NonEmpty  # principal name
    owners: tuple[str, ...] = ()  # of the schedule or bot that started the run: they count as little as the requester
    tier: Tier
    policy_rule: str  # the policy rule that asked
    reason: str  # why, in words
    summary: Mapping[str, JsonValue] = Field(default_factory=dict)  # what is shown: action, resource, parameters
    created_at: datetime
    expires_at: datetime
    state: RequestState = RequestState.PENDING


class VoteKind(StrEnum):
    """By what right a vote was cast."""

    VOTE = "vote"  # the approval rule names the person, or one who delegated to the person
    BREAK_GLASS = "break_glass"  # in an emergency, alone, by a person whom the rule names for that
    WITHDRAWN = "withdrawn"  # a yes, taken out: the voter was deactivated, or one by whose right it was cast


class Vote(StrictModel):
    """One person's answer to one request."""

    request_id: NonEmpty
    principal: NonEmpty
    assurance: str
    decision: VoteDecision
    reason: str = ""
    at: datetime
    kind: VoteKind = VoteKind.VOTE
    selectors: tuple[str, ...] = ()  # what the person was when voting: roles and groups
    through: tuple[str, ...] = ()  # who handed it on, from the one whose right it is to the one before the voter
    through_selectors: tuple[str, ...] = ()  # what the first of them was


class Delegation(StrictModel):
    """One person lets another answer in their stead: one request, those of one approval rule, or all of a tenant."""

    delegation_id: NonEmpty
    tenant: NonEmpty
    giver: NonEmpty
    taker: NonEmpty
    request_id: str | None = None
    rule: str | None = None
    depth: int = Field(default=0, ge=0)  # how often the taker may hand it on
    reason: str = ""
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


class Standing(StrictModel):
    """What a standing approval lets through: this exact plan and policy, these parameters, so many runs, until then.

    It is asked for by an :class:`ApprovalRequest` of its own (``request_id``), and people vote on that.
    """

    request_id: NonEmpty
    tenant: NonEmpty
    flow: NonEmpty
    step_id: NonEmpty
    plan_hash: Digest
    policy_digest: Digest
    constraint: Mapping[str, JsonValue] = Field(default_factory=dict)  # parameter name to the value or list of values
    max_runs: int = Field(ge=1)
    used: int = Field(default=0, ge=0)
    expires_at: datetime
    approved_by: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()  # who approved it with a vote that was taken out since
