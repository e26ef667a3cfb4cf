"""What the steps of a plan do to the world, each thing with its tier and the question that it answers.

A step that declares its action does what it declares, and its effects are shown beside it. Any other step does what was
found in its code. Where nothing was found the list is empty, which says nothing about the code that nobody could see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from govflow.governor.assess import EFFECTLESS, StepAssessment
from govflow.ir.models import CallSite, Effect, Step, StepKind, Tier
from govflow.telemetry import redact_text
from govflow.tiers import TierFacts, TierRules

_MESSAGES: Final = frozenset({"email:send", "message:send", "message:publish"})
_DOMAINS: Final = {
    "data": "data",
    "file": "files",
    "http": "services",
    "odoo": "business",
    "process": "programs",
    "deploy": "programs",
    "deployment": "programs",
    "access": "rights",
    "dns": "rights",
    "model": "models",
    "agent": "models",
    "tool": "models",
}
_OF_THE_STEP: Final = frozenset({"destructive-name", "declared"})
"""Tier rules that read the step's name or what it declares of itself."""

QUESTIONS: Final = {
    "deletes": "deletes, drops or uninstalls",
    "pays": "pays or books",
    "sends": "sends messages",
    "data": "changes rows or tables",
    "files": "writes files or objects",
    "services": "writes to services over HTTP",
    "business": "changes business records",
    "programs": "starts programs, runs or releases",
    "rights": "changes rights or DNS",
    "secrets": "reads or changes secrets",
    "models": "asks models or agents",
    "changes": "changes something else",
}
"""What somebody who answers for the repository asks first, in that order."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that a step does. The resource is without credentials."""

    action: str
    provider: str
    resource: str
    tier: Tier
    answers: tuple[str, ...]  # keys of QUESTIONS
    unbounded: bool = False
    declared: bool = False
    detail: str = ""
    site: CallSite | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "action": self.action,
            "provider": self.provider,
            "resource": self.resource,
            "tier": int(self.tier),
            "declared": self.declared,
            "unbounded": self.unbounded,
            "detail": self.detail,
            "file": self.site.file if self.site else None,
            "line": self.site.line if self.site else None,
        }


def deeds_of(step: Step, judged: StepAssessment, tiers: TierRules, environment: str) -> tuple[Deed, ...]:
    """What a step does, what it declares first, then its effects as the plan has them.

    Args:
        step: as planned.
        judged: by the same rules, for the same environment.
        tiers: the tier rules.
        environment: where it is taken to run.
    """
    deeds = []
    said = not step.effects and step.action not in EFFECTLESS and step.kind is not StepKind.UNRESOLVED
    if step.declared or said:
        own = Effect(action=step.action, provider=step.provider, resource=judged.resource)
        deeds.append(_deed(own, step, tiers, environment, declared=True))
    deeds += [_deed(effect, step, tiers, environment) for effect in step.effects]
    return tuple(deeds)


def knows_nothing(step: Step) -> bool:
    """Whether nothing was declared and nothing found: a task or hook that may do anything."""
    silent = not step.declared and not step.effects and step.action in EFFECTLESS
    return silent and step.kind in (StepKind.TASK, StepKind.HOOK)


def strongest(deeds: Sequence[Deed]) -> Deed | None:
    """The one with the highest tier, the first of those."""
    return max(deeds, key=lambda deed: deed.tier, default=None)


def _deed(effect: Effect, step: Step, tiers: TierRules, environment: str, *, declared: bool = False) -> Deed:
    asked = (effect.action, effect.provider, effect.resource, effect.unbounded)
    verdict = tiers.judge(TierFacts.of(step, asked, environment))
    # Of the step as a whole, not of one thing that it does; asked for as the governor did, whose answer is remembered.
    found = [finding for finding in verdict.findings if declared or finding.rule not in _OF_THE_STEP]
    rules = {finding.rule for finding in found}
    return Deed(
        action=effect.action,
        provider=effect.provider,
        resource=redact_text(effect.resource),
        tier=max((finding.tier for finding in found), default=Tier.MINIMAL),
        answers=tuple(_answers(effect.action, rules)),
        unbounded=effect.unbounded,
        declared=declared,
        detail=redact_text(effect.detail),
        site=effect.site,
    )


def _answers(action: str, rules: set[str]) -> Iterator[str]:
    """The questions that an action answers; which rules fired says whether it writes, deletes or pays."""
    domain = action.partition(":")[0]
    if rules & {"destructive-action", "module-uninstall"}:
        yield "deletes"
    if "accounting-mutation" in rules:
        yield "pays"
    if action in _MESSAGES:
        yield "sends"
    elif domain == "secret":
        yield "secrets"
    elif domain in {"model", "agent", "tool"}:
        yield "models"
    elif "write" in rules and not rules & {"accounting-mutation"}:
        yield _DOMAINS.get(domain, "changes")


def tier_unknown(step: Step, tier: Tier) -> bool:
    """Whether a step may run anything and no rule gave it a tier: the lowest one would say that it is harmless."""
    return step.kind is StepKind.UNRESOLVED and tier is Tier.MINIMAL
