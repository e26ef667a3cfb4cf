"""Tier and policy for steps: of a whole plan before it runs, and of one call with its parameters bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from govflow.governor.values import fill, placeholders
from govflow.identity import Principal
from govflow.ir.models import Multiplicity, Plan, Step, StepKind, Tier
from govflow.policy.model import Decision, PolicyEngine, PolicyRequest, Verdict
from govflow.tiers import TierFacts, TierFinding, TierRules, TierVerdict


@dataclass(frozen=True, slots=True)
class Ground:
    """What decisions stand on. One immutable set for a run: a reload gives the next run a new one."""

    engine: PolicyEngine
    tiers: TierRules
    tenant: str
    environment: str
    mode: str  # ``observe`` or ``enforce``


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

    @property
    def verdict(self) -> Verdict:
        """What becomes of the step."""
        return self.decision.verdict


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


def assess(plan: Plan, ground: Ground, requester: Principal) -> Assessment:
    """Judge every step of ``plan`` from what its source says."""
    return Assessment({step.step_id: judge(step, plan, ground, requester) for step in plan.steps})


def judge(
    step: Step,
    plan: Plan,
    ground: Ground,
    requester: Principal,
    *,
    bound: Mapping[str, Any] | None = None,
    fan_out: int | None = None,
) -> StepAssessment:
    """Judge one step: what it says of itself and, unless its source declares the action, each effect of its code.

    The tier is the highest and the verdict the strictest of them.

    Args:
        step: as planned.
        plan: the plan that it belongs to.
        ground: policy, tier rules and where the run stands.
        requester: who asked for the run.
        bound: the parameters of this call as JSON values; None while only the source is known.
        fan_out: how many elements a map has, when it is known.

    Raises:
        CanonicalError: a template reads a parameter that has no text form.
    """
    values: Mapping[str, Any] = step.constants if bound is None else bound
    where = f"step {step.step_id}"
    known = bound is not None or all(name in values for name in placeholders(step.resource))
    resource = fill(step.resource, values, where) if known else step.resource
    deeds = [(deed, _records(step, deed, values, fan_out)) for deed in _deeds(step, resource)]
    verdicts = [_tier(step, deed, records, values, ground) for deed, records in deeds]
    tier, findings = max(verdict.tier for verdict in verdicts), _findings(verdicts)
    selectors = requester.selectors() | {f"tenant:{ground.tenant}"}
    judged = []
    for deed, records in deeds:
        # The tier is the step's: a rule that reads it sees the same for each thing that the step does.
        attributes = _attributes(step, plan, ground, requester, tier, records, values)
        asked = PolicyRequest(selectors, deed.action, deed.provider, deed.resource, attributes)
        decision = ground.engine.decide(asked)
        judged.append(StepAssessment(step, tier, findings, decision, *deed[:3], records, attributes))
    return max(judged, key=lambda one: _SEVERITY[one.verdict])  # the first of the strictest


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


def _tier(step: Step, deed: _Deed, records: int | None, values: Mapping[str, Any], ground: Ground) -> TierVerdict:
    return ground.tiers.judge(
        TierFacts(
            action=deed.action,
            provider=deed.provider,
            resource=deed.resource,
            name=step.callee,
            environment=ground.environment,
            records=records,
            declared=step.tier,
            unbounded=deed.unbounded,
            attributes=values,
        )
    )


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
        facts = TierFacts(*deed[:3], step.callee, ground.environment, declared=step.tier)
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
