"""One call of a planned step, and the leave to run its body."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from govflow.approval.models import ApprovalRequest
from govflow.errors import Refused
from govflow.governor.assess import StepAssessment
from govflow.governor.conformance import SameObject, never
from govflow.governor.governed_run import Permit
from govflow.ir.models import Tier


@dataclass(slots=True)
class Call:
    """What an engine knows when a body is about to run."""

    step_ids: frozenset[str]  # the planned steps that this call may be; empty when it is not planned
    callee: str  # for people
    task_run_id: str
    attempt: int = 1
    fan_out: int | None = None  # elements of the map that this call belongs to
    unbound: str | None = None  # why this body is not the one that was bound; None when it is
    refused: Refused | None = None  # what the call seam says of this call
    named: Sequence[tuple[str, Hashable]] = ()  # parameters, and the runs that the engine says their values are from
    is_same: SameObject = never  # whether it is sure of it
    parameters: Callable[[], Mapping[str, Any]] = dict  # bound parameters, made only when something reads them
    declared: Callable[[], Mapping[str, Any]] = dict  # what the task declares, for a site that could not be read


@dataclass(slots=True)
class Grant:
    """The body may run."""

    permit: Permit | None  # None only in observe mode, for a call that is not planned
    call: Call
    assessment: StepAssessment | None = None
    request: ApprovalRequest | None = None
    plan_request: str | None = None  # id of the request for the whole plan that covers the call
    would_stop: Refused | None = None  # observe mode: what enforce mode would have said
    bound: Mapping[str, Any] | None = None  # the parameters that were read, as JSON values

    @property
    def waits(self) -> bool:
        """Whether the records of this call must be durable before anything goes on."""
        return self.tier >= Tier.MEDIUM or self.request is not None or self.plan_request is not None

    @property
    def step_id(self) -> str:
        """The planned step, or the name of the callee."""
        return self.permit.step.step_id if self.permit else self.call.callee

    @property
    def tier(self) -> Tier:
        """The tier of this call."""
        return self.assessment.tier if self.assessment else Tier.MINIMAL
