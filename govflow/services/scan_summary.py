"""A scan in a few numbers: what somebody who answers for the repository asks first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from govflow.errors import PolicyError
from govflow.governor.explain import who_may_approve
from govflow.ir.models import Step, StepKind, Tier
from govflow.policy.model import Verdict
from govflow.services.deeds import QUESTIONS, Deed, knows_nothing, tier_unknown
from govflow.services.scan_repository import Scan, ScannedFlow

_WORDS: Final = re.compile(r"[a-z0-9]+")
_PRODUCTION: Final = frozenset({"prod", "prd", "production", "live"})
_NOT_YET: Final = frozenset({"non", "not", "pre"})


@dataclass(frozen=True, slots=True)
class Count:
    """How many steps, of how many flows, and what they touch, most touched first."""

    key: str
    title: str
    steps: int
    flows: int
    touched: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "key": self.key,
            "title": self.title,
            "steps": self.steps,
            "flows": self.flows,
            "touched": list(self.touched),
        }


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """The numbers."""

    flows: int
    steps: int
    tiers: tuple[Count, ...]  # the highest first, all four
    answers: tuple[Count, ...]  # questions of :data:`govflow.services.deeds.QUESTIONS` with an answer
    production: Count  # what names production by itself
    unbounded: int  # steps that change or delete every row of a table
    unresolved: int
    tierless: Count  # unresolved steps whose tier no rule raises: they may run anything, and count as no tier
    unseen: tuple[tuple[str, int], ...]  # outside code of which nothing is known, and how many steps call it
    blind: int  # tasks of which nothing was found, and that call such code
    silent: int  # tasks of which nothing was found, though all that they call is known
    verdicts: tuple[Count, ...]  # what an enforced policy would do, the strictest first

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "flows": self.flows,
            "steps": self.steps,
            "tiers": [
                {"tier": int(count.key), "name": count.title, "steps": count.steps, "flows": count.flows}
                for count in self.tiers
            ],
            "does": [count.to_dict() for count in self.answers],
            "names_production": self.production.to_dict(),
            "unbounded": self.unbounded,
            "unresolved": self.unresolved,
            "unseen": [{"call": name, "steps": number} for name, number in self.unseen],
            "nothing_found": {"calls_unseen_code": self.blind, "all_calls_known": self.silent},
            "policy": [count.to_dict() for count in self.verdicts],
        }


def summarise(scan: Scan) -> ScanSummary:
    """Count what a scan found."""
    steps = [(flow, step) for flow in scan.flows for step in flow.plan.steps]
    deeds = [(flow, step, deed) for flow, step in steps for deed in flow.deeds[step.step_id]]
    silent = [step for _, step in steps if knows_nothing(step)]
    unseen = Counter(name for _, step in steps for name in step.unseen)
    return ScanSummary(
        flows=len(scan.flows),
        steps=len(steps),
        tiers=tuple(_tier(tier, steps) for tier in sorted(Tier, reverse=True)),
        answers=tuple(_answer(key, deeds) for key in QUESTIONS if any(key in deed.answers for _, _, deed in deeds)),
        production=_count(
            "production",
            "names production in what it touches",
            [found for found in deeds if names_production(found[2].resource)],
        ),
        unbounded=len({(flow.name, step.step_id) for flow, step, deed in deeds if deed.unbounded}),
        unresolved=sum(step.kind is StepKind.UNRESOLVED for _, step in steps),
        tierless=_counted("?", "unresolved: may run anything", [one for one in steps if _tierless(*one)]),
        unseen=tuple(sorted(unseen.items(), key=lambda item: (-item[1], item[0]))),
        blind=sum(bool(step.unseen) for step in silent),
        silent=sum(not step.unseen for step in silent),
        verdicts=tuple(_verdicts(scan, steps)),
    )


def riskiest(scan: Scan, most: int, lowest: Tier = Tier.MEDIUM) -> list[tuple[ScannedFlow, Step]]:
    """The steps of at least a tier, the highest first; among equals those that delete, then those that pay."""
    order = list(QUESTIONS)

    def rank(found: tuple[ScannedFlow, Step]) -> tuple[int, bool, int, str]:
        flow, step = found
        keys = [order.index(key) for deed in flow.deeds[step.step_id] for key in deed.answers]
        known = not any(deed.unbounded for deed in flow.deeds[step.step_id])
        return -flow.judged.steps[step.step_id].tier, known, min(keys, default=len(order)), flow.name

    found = [
        (flow, step)
        for flow in scan.flows
        for step in flow.plan.steps
        if flow.judged.steps[step.step_id].tier >= lowest
    ]
    return sorted(found, key=rank)[:most]


def names_production(resource: str) -> bool:
    """Whether a resource calls itself production: ``s3://acme-prod/x``, not ``s3://acme-nonprod/x`` or ``pre-prod``."""
    words = _WORDS.findall(resource.lower())
    return any(
        word in _PRODUCTION and (not place or words[place - 1] not in _NOT_YET) for place, word in enumerate(words)
    )


def _tier(tier: Tier, steps: list[tuple[ScannedFlow, Step]]) -> Count:
    found = [
        (flow, step)
        for flow, step in steps
        if flow.judged.steps[step.step_id].tier is tier and not _tierless(flow, step)
    ]
    return _counted(str(int(tier)), tier.name.lower(), found)


def _tierless(flow: ScannedFlow, step: Step) -> bool:
    return tier_unknown(step, flow.judged.steps[step.step_id].tier)


def _counted(key: str, title: str, found: list[tuple[ScannedFlow, Step]]) -> Count:
    return Count(key, title, len(found), len({flow.name for flow, _ in found}))


def _answer(key: str, deeds: list[tuple[ScannedFlow, Step, Deed]]) -> Count:
    return _count(key, QUESTIONS[key], [found for found in deeds if key in found[2].answers])


def _count(key: str, title: str, found: list[tuple[ScannedFlow, Step, Deed]]) -> Count:
    steps = {(flow.name, step.step_id) for flow, step, _ in found}
    touched = Counter(deed.resource for _, _, deed in found)
    names = sorted(touched, key=lambda name: (-touched[name], name))
    return Count(key, title, len(steps), len({name for name, _ in steps}), tuple(names))


def _verdicts(scan: Scan, steps: list[tuple[ScannedFlow, Step]]) -> Iterator[Count]:
    """What enforcing the policy would do: refuse, ask, let run; by the rule that decides."""
    found: dict[tuple[int, str], list[ScannedFlow]] = {}
    for flow, step in steps:
        judged = flow.judged.steps[step.step_id]
        if judged.verdict is Verdict.REJECT:
            key = 0, f"refused by rule {judged.decision.rule}"
        elif judged.verdict is Verdict.ESCALATE:
            key = 1, _asked(scan, judged.decision.rule, step.approval or judged.decision.approval, judged.tier)
        else:
            key = 2, "run without a question"
        found.setdefault(key, []).append(flow)
    names = ("reject", "escalate", "pass")
    for place, title in sorted(found):
        flows = found[place, title]
        yield Count(names[place], title, len(flows), len({flow.name for flow in flows}))


def _asked(scan: Scan, rule: str, approval: str | None, tier: Tier) -> str:
    try:
        needed = scan.workspace.approval_rule(approval, tier)
    except PolicyError:
        return f"wait for ever: rule {rule} names the approval rule {approval}, which is not in the policy"
    return f"wait for {who_may_approve(needed, 'whoever asks for the run').partition(', who asked')[0]} (rule {rule})"
