"""A run that is governed: what the engine knew of it, what was decided of its steps, and what covers them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from govflow.approval.models import ApprovalRequest
from govflow.audit.record import Draft
from govflow.audit.template import Template
from govflow.errors import Refused
from govflow.governor.assess import Ground, StepAssessment
from govflow.governor.conformance import Followed
from govflow.governor.port import ApprovedPlan, RunRow
from govflow.identity import Principal
from govflow.ir.assignment import Fit
from govflow.ir.manifest import Manifest
from govflow.ir.models import Plan, Step, Tier
from govflow.ir.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What an engine knows of a run when its flow is about to start."""

    run_id: str
    flow: str
    idempotency_key: str
    requester: Principal
    ground: Ground
    vocabulary: Vocabulary
    plan: Plan | None  # None when the source could not be planned
    unbound: str | None  # why the code in memory is not the source that was read; None when it is
    parameters: Mapping[str, Any]  # validated by the flow, not yet JSON
    attempt: int = 1
    locked: ApprovedPlan | None = None  # from a lock file: the left side of the diff in observe mode
    parent_run_id: str | None = None
    owners: tuple[str, ...] = ()  # of the schedule or bot that started it: their answers count as little
    fresh: bool = True  # this process has not opened the run before
    suspends: bool = False  # while it waits, no process holds the run
    elsewhere: Manifest | None = None  # given when other processes may run parts of this run: what they rebuild it from
    fit: Fit | None = None  # what the plan allows of edges; None: they are not looked at while the run goes on
    default_retries: int = 0  # of a task that declares none
    origin: Mapping[str, str] = field(default_factory=dict)  # what the engine says of where the run comes from
    refused: dict[tuple[str, int | None], Refused] = field(default_factory=dict)
    """Answers that stand in this process: neither a retry of a task nor one of the flow asks the same people again."""


@dataclass(slots=True)
class Permit:
    """What one planned step may do in this run. Built once; read for every call."""

    step: Step
    step_hash: str
    assessment: StepAssessment
    reads: frozenset[str] | None  # parameters that a decision reads; None: any
    intent: Mapping[str, Any]  # payload of its intent records, made once
    static: bool  # neither a parameter nor the time of a call can change the answer
    by_fan_out: dict[int, StepAssessment] = field(default_factory=dict)  # if static: by the size of the map
    templates: dict[tuple[str, int | None], Template] = field(default_factory=dict)  # by event and size of the map


@dataclass(frozen=True, slots=True)
class Cover:
    """What an approval of the whole plan says of one step."""

    request_id: str
    tier: Tier  # as it was shown
    rule: str  # the approval rule


@dataclass(slots=True)
class GovernedRun:
    """A run that is open. Shared by the threads of its process; ``called`` and ``counts`` are guarded by ``lock``."""

    facts: RunFacts
    ir_hash: str
    plan_hash: str
    permits: Mapping[str, Permit]
    row: RunRow | None
    shared: bool = False  # other processes run parts of it: what is counted is counted in the store
    handed_on: bool = False  # a task worker may run parts of it after its end
    stopped: Refused | None = None  # observe mode: why enforce mode would not have let the run start
    compared: str = ""  # in words, what came of holding the loaded plan against the approved one
    called: set[str] = field(default_factory=set)  # step ids that a call reached
    blocked: set[str] = field(default_factory=set)  # of those, the ones that were refused and have not run since
    counts: dict[frozenset[str], set[str]] = field(default_factory=dict)  # candidates of a site → task run ids
    indices: dict[str, dict[str, int]] = field(default_factory=dict)  # repeated step → task run id → map index
    followed: Followed = field(default_factory=Followed)
    lock: threading.Lock = field(default_factory=threading.Lock)
    covered: dict[str, Cover] = field(default_factory=dict)  # step id → the approval of the plan for it
    plan_requests: list[ApprovalRequest] = field(default_factory=list)  # approvals of the whole plan, claimed
    earlier: Mapping[str, Sequence[Mapping[str, Any]]] | None = None  # see :meth:`Port.earlier`; None: not read

    @property
    def replayed(self) -> bool:
        """Whether another process has begun this run, and this one goes on with it; a worker only helps."""
        return self.facts.fresh and self.row is not None and self.row.opened_before

    @property
    def enforce(self) -> bool:
        """Whether a refusal stops the body: always, unless the mode is to observe."""
        return self.facts.ground.mode != "observe"

    def draft(self, event: str, at: datetime, **fields: Any) -> Draft:
        """A record of this run."""
        facts = self.facts
        return Draft(
            event=event,
            tenant=facts.ground.tenant,
            at=at,
            subject=facts.requester.name,
            run_id=facts.run_id,
            flow=facts.flow,
            correlation=facts.idempotency_key,
            **fields,
        )
