"""Tier and policy for steps: of a whole plan before it runs, and of one call with its parameters bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from govflow.governor.fleeting import looked_at
from govflow.governor.providers import NONE, Answers, Facts, Providers, without
from govflow.governor.values import fill, placeholders
from govflow.identity import Principal
from govflow.ir.models import Multiplicity, Plan, Step, StepKind, Tier
from govflow.policy.model import Decision, PolicyEngine, PolicyRequest, Verdict
from govflow.policy.moments import written_moment
from govflow.tiers import TierFacts, TierFinding, TierRules, TierVerdict

TIME: Final = "run.time"


@dataclass(frozen=True, slots=True)
class Ground:
    """What decisions stand on. One immutable set for a run: a reload gives the next run a new one."""

    engine: PolicyEngine
    tiers: TierRules
    tenant: str
    environment: str
    mode: str  # ``observe`` or ``enforce``
    providers: Providers = NONE  # who gives attributes that only others know
    watched: frozenset[str] = field(init=False)  # attributes that rules read and that change while a run goes on

    def __post_init__(self) -> None:
        object.__setattr__(self, "watched", self.engine.footprint & ({TIME} | self.providers.paths))


@dataclass(frozen=True, slots=True)
class StepAssessment:
    """The tier of a step and what the policy says of it."""

    step: Step  # as it was judged: what a call site could not tell is filled in from what the task declares
    tier: Tier
    findings: tuple[TierFinding, ...]  # tier rules that fired, strongest first
    decision: Decision  # the strictest about anything that the step does
    action: str  # what was decided about: the step's own action, or one of its effects
    provider: str
    resource: str  # with the bound parameters filled in, or the template while they are unknown
    records: int | None = None
    attributes: Mapping[str, Any] | None = None  # what the policy was shown, kept for replay
    notes: tuple[str, ...] = ()  # why attributes that the decision looked at are missing, in words
    withheld: tuple[str, ...] = ()  # paths that the policy was shown and that ``attributes`` does not hold
    fleeting: bool = False  # something that it stands on changes while the run goes on: the next call asks anew
    asked: tuple[PolicyRequest, ...] = ()  # about each thing that the step does, likewise

    @property
    def verdict(self) -> Verdict:
        """What becomes of the step."""
        return self.decision.verdict

    @property
    def rule_name(self) -> str | None:
        """The approval rule that the policy names, else the one that the step does; None: the one for its tier.

        Who writes a flow does not choose whom a policy asks.
        """
        return self.decision.approval or self.step.approval


@dataclass(frozen=True, slots=True)
class Assessment:
    """All steps of a plan, judged from source alone."""

    steps: Mapping[str, StepAssessment]

    @property
    def tier(self) -> Tier:
        """The highest tier of any step."""
        return max((step.tier for step in self.steps.values()), default=Tier.MINIMAL)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any step: one reject rejects the run, one escalate will pause it."""
        verdicts = {step.verdict for step in self.steps.values()}
        return next((v for v in (Verdict.REJECT, Verdict.ESCALATE) if v in verdicts), Verdict.PASS)


def assess(plan: Plan, ground: Ground, requester: Principal, now: datetime) -> Assessment:
    """Judge every step of ``plan`` from what its source says, all as of ``now``, which is aware."""
    return Assessment({step.step_id: judge(step, plan, ground, requester, now) for step in plan.steps})


def judge(
    step: Step,
    plan: Plan,
    ground: Ground,
    requester: Principal,
    now: datetime | None,
    *,
    bound: Mapping[str, Any] | None = None,
    fan_out: int | None = None,
    given: Callable[[], Mapping[str, Any]] | None = None,
) -> StepAssessment:
    """Judge one step: what it says of itself and, unless its source declares the action, each effect of its code.

    The tier is the highest and the verdict the strictest of them.

    Args:
        step: as planned.
        plan: the plan that it belongs to.
        ground: policy, tier rules and where the run stands.
        requester: who asked for the run.
        now: the time that all of the decision sees, aware; None where nothing in ``ground.watched`` reads it.
        bound: the parameters of this call as JSON values; None while only the source is known.
        fan_out: how many elements a map has, when it is known.
        given: makes what providers of attributes are told of the parameters; None: those of ``bound`` or of the source.

    Raises:
        CanonicalError: a template reads a parameter that has no text form.
    """
    values: Mapping[str, Any] = step.constants if bound is None else bound
    where = f"step {step.step_id}"
    whole = bound is not None or all(name in values for name in placeholders(step.resource))
    resource = fill(step.resource, values, where) if whole else step.resource
    deeds = [(deed, _records(step, deed, values, fan_out)) for deed in _deeds(step, resource)]
    verdicts = [
        ground.tiers.judge(TierFacts.of(step, deed, ground.environment, records=records, attributes=values))
        for deed, records in deeds
    ]
    tier, findings = max(verdict.tier for verdict in verdicts), _findings(verdicts)
    selectors = requester.selectors() | {f"tenant:{ground.tenant}"}
    judged, requests, fleeting = [], [], False
    told = given or partial(deepcopy, dict(values))
    kept_out: set[str] = set()  # of any of the things that the step does
    for deed, records in deeds:
        # The tier is the step's: a rule that reads it sees the same for each thing that the step does.
        attributes = _attributes(step, plan, ground, requester, tier, records, values)
        if now is not None and TIME in ground.watched:
            attributes["run"]["time"] = written_moment(now)
        asked = PolicyRequest(selectors, deed.action, deed.provider, deed.resource, attributes)
        facts = partial(
            Facts,
            *(ground.tenant, ground.environment, ground.mode, plan.flow, requester, step, tier, *deed[:3], records),
            now=now,
        )
        decision, answers, looked = _decided(ground, asked, attributes, partial(_told, facts, told))
        shown = without(attributes, frozenset(answers.withheld)) if answers.withheld else attributes
        requests.append(replace(asked, attributes=shown) if answers.withheld else asked)
        fleeting = fleeting or bool(looked)
        kept_out |= answers.withheld
        notes = tuple(answers.notes)
        judged.append(StepAssessment(step, tier, findings, decision, *deed[:3], records, shown, notes))
    strictest = max(judged, key=lambda one: _SEVERITY[one.verdict])  # the first of them
    return replace(strictest, withheld=tuple(sorted(kept_out)), fleeting=fleeting, asked=tuple(requests))


def _told(facts: Callable[..., Facts], given: Callable[[], Mapping[str, Any]]) -> Facts:
    """What somebody who is asked is told. Their parameters are a copy: what they do to it changes nothing here."""
    return facts(parameters=MappingProxyType(dict(given())))


def _decided(
    ground: Ground, asked: PolicyRequest, attributes: dict[str, Any], facts: Callable[[], Facts]
) -> tuple[Decision, Answers, frozenset[str]]:
    """What the policy says, once it was told what it looked at; with what that was, as far as it is fleeting.

    Nobody is asked for what no rule looks at: a read whose rules do not mention a budget waits for no budget.
    """
    engine, answers = ground.engine, Answers()
    decision = engine.decide(asked)
    looked = looked_at(engine, asked, decision, ground.watched)
    while looked and ground.providers.answer(looked, facts, attributes, answers):
        decision = engine.decide(asked)
        looked = looked_at(engine, asked, decision, ground.watched)
    if answers.notes:
        decision = replace(decision, reason=" ".join([decision.reason, *answers.notes]))
    return decision, answers, looked


class _Deed(NamedTuple):
    """One thing that a step does, with what, to what."""

    action: str
    provider: str
    resource: str
    unbounded: bool = False


_SEVERITY: Final = {Verdict.PASS: 0, Verdict.ESCALATE: 1, Verdict.REJECT: 2}


def _deeds(step: Step, resource: str) -> list[_Deed]:
    """What is judged: what the step says of itself, and what its code was found to do unless the source declares it."""
    own = _Deed(step.action, step.provider, resource)
    if step.declared:
        return [own]
    found = [_Deed(item.action, item.provider, item.resource, item.unbounded) for item in step.effects]
    told = any(deed[:3] == own[:3] for deed in found)
    return list(dict.fromkeys(found if told else [own, *found]))


def _findings(verdicts: Sequence[TierVerdict]) -> tuple[TierFinding, ...]:
    """Every tier rule that fired for anything that the step does, strongest first."""
    if len(verdicts) == 1:
        return verdicts[0].findings
    found = dict.fromkeys(finding for verdict in verdicts for finding in verdict.findings)
    return tuple(sorted(found, key=lambda finding: -finding.tier))


def reads_parameters(step: Step, ground: Ground) -> frozenset[str] | None:
    """The names of the parameters that judging this step reads; None when a rule may read any of them."""
    names = set(placeholders(step.resource))
    if isinstance(step.records, str):
        names.update(placeholders(step.records))
    for path in ground.engine.footprint:
        head, _, rest = path.partition(".")
        if head == "parameters":
            if not rest:
                return None
            names.add(rest.partition(".")[0])
    for deed in _deeds(step, step.resource):
        facts = TierFacts.of(step, deed, ground.environment)
        names.update(path.partition(".")[0] for path in ground.tiers.reads_of(facts))
    return frozenset(names)


EFFECTLESS: Final = frozenset({"task:execute", "flow:execute"})
"""What steps do whose effect is not known: a map of them is many computations, not many records."""


def _records(step: Step, deed: _Deed, values: Mapping[str, Any], fan_out: int | None) -> int | None:
    declared: Any = step.records
    if isinstance(declared, str):
        names = placeholders(declared)
        declared = values.get(names[0]) if names else None
    if deed.action in EFFECTLESS:
        fan_out = None
    numbers = [n for n in (declared, fan_out) if isinstance(n, int) and not isinstance(n, bool)]
    return max(numbers, default=None)


def _attributes(
    step: Step,
    plan: Plan,
    ground: Ground,
    requester: Principal,
    tier: Tier,
    records: int | None,
    values: Mapping[str, Any],
) -> dict[str, Any]:
    step_attributes: dict[str, Any] = {
        "id": step.step_id,
        "name": step.callee,
        "kind": str(step.kind),
        "tier": int(tier),
        "multiplicity": str(step.multiplicity),
    }
    if records is not None:
        step_attributes["records"] = records
    return {
        "subject": {
            "name": requester.name,
            "roles": list(requester.roles),
            "assurance": str(requester.assurance),
        },
        "step": step_attributes,
        "run": {
            "environment": ground.environment,
            "production": ground.tiers.is_production(ground.environment),
            "tenant": ground.tenant,
            "flow": plan.flow,
            "mode": ground.mode,
        },
        "parameters": dict(values),
    }


def mandatory(step: Step) -> bool:
    """Whether a run that ends well must have run this step."""
    return step.multiplicity is Multiplicity.ONE and step.kind in (StepKind.TASK, StepKind.SUBFLOW)
