"""What a picture of a plan shows, whatever draws it: boxes with a few words, and lines between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from govflow.governor.assess import EFFECTLESS, Assessment, StepAssessment
from govflow.ir.models import EdgeKind, Multiplicity, Plan, Step, StepKind, Tier
from govflow.services.deeds import tier_unknown
from govflow.services.describe.escape import plain
from govflow.services.describe.plans import TIER_NAMES, UNKNOWN_TIER, beyond_tiers
from govflow.telemetry import redact_text

MOST: Final = 200  # steps of a flow: beyond it a picture helps nobody
_LONGEST: Final = 200  # characters of a name


@dataclass(frozen=True, slots=True)
class Box:
    """A step. All texts are one line without control characters, and escaped for no format."""

    number: int
    title: str
    does: str
    to: str
    tier: int
    known: str  # ``yes``; ``no``: nothing was declared and nothing found; ``unread``: the call could not be read
    tag: str  # what it is besides a task that runs once: optional, many, hook, flow body
    more: tuple[str, ...] = ()  # everything else that is known, a line each

    @property
    def tierless(self) -> bool:
        """Whether it may run anything, and no tier says how bad that is."""
        return self.known == "unread" and not self.tier

    @property
    def mark(self) -> str:
        """The number of its tier, or a question mark."""
        return UNKNOWN_TIER if self.tierless else str(self.tier)


@dataclass(frozen=True, slots=True)
class Line:
    """``target`` comes after ``source``; numbers of boxes."""

    source: int
    target: int
    order: bool  # ordering alone: no data goes along it


@dataclass(frozen=True, slots=True)
class Drawing:
    """A flow."""

    title: str
    name: str  # ``<path>:<function>``
    tier: int
    verdict: str
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    steps: int  # of the plan
    left_out: tuple[tuple[int, int], ...] = ()  # tier, how many steps of it
    left_unread: int = 0  # calls that could not be read, counted as no tier
    unread: int = 0  # those of the whole plan

    @property
    def tierless(self) -> bool:
        """Whether the tier says little: it is the lowest, and some calls could not be read."""
        return bool(self.unread) and not self.tier

    @property
    def tier_words(self) -> str:
        """Its tier, and how many calls no tier covers."""
        return f"tier {self.tier}{beyond_tiers(self.unread)}"

    def omission(self) -> str:
        """What is not drawn, in words; empty if all is."""
        parts = [f"{number} of tier {tier}" for tier, number in self.left_out]
        if self.left_unread:
            parts.append(f"{self.left_unread} that may run anything")
        number = sum(number for _, number in self.left_out) + self.left_unread
        return f"{number} more steps are not drawn: {', '.join(parts)}" if number else ""


def draw(name: str, plan: Plan, judged: Assessment, *, lowest: Tier = Tier.MINIMAL, most: int = MOST) -> Drawing:
    """The boxes and lines of a plan.

    Args:
        name: ``<path>:<function>``.
        plan: the plan.
        judged: its tiers and verdicts.
        lowest: leave out steps below this tier.
        most: how many steps are drawn; the riskiest come first, then those that stand first.
    """
    linked = {end for edge in plan.edges for end in (edge.source, edge.target)}
    steps = [step for step in plan.steps if _worth(step, linked)]
    tierless = {step.step_id for step in steps if tier_unknown(step, judged.steps[step.step_id].tier)}
    ranked = sorted(steps, key=lambda step: (-judged.steps[step.step_id].tier, step.step_id not in tierless))
    chosen = {step.step_id for step in ranked[:most] if judged.steps[step.step_id].tier >= lowest}
    drawn = [step for step in steps if step.step_id in chosen]
    numbers = {step.step_id: number for number, step in enumerate(drawn)}
    kinds: dict[tuple[int, int], bool] = {}
    for edge in plan.edges:
        if edge.source in numbers and edge.target in numbers:
            ends = numbers[edge.source], numbers[edge.target]
            kinds[ends] = kinds.get(ends, True) and edge.kind is EdgeKind.ORDER
    left = [step.step_id for step in steps if step.step_id not in chosen]
    rest = [int(judged.steps[step_id].tier) for step_id in left if step_id not in tierless]
    return Drawing(
        title=plain(plan.flow, _LONGEST),
        name=plain(name, _LONGEST),
        tier=int(judged.tier),
        verdict=str(judged.verdict),
        boxes=tuple(_box(numbers[step.step_id], step, judged.steps[step.step_id]) for step in drawn),
        lines=tuple(Line(source, target, order) for (source, target), order in kinds.items()),
        steps=len(plan.steps),
        left_out=tuple((tier, rest.count(tier)) for tier in sorted(set(rest), reverse=True)),
        left_unread=sum(step_id in tierless for step_id in left),
        unread=len(tierless),
    )


def total(drawings: Sequence[Drawing]) -> str:
    """How much there is, in words."""
    flows, steps = len(drawings), sum(drawing.steps for drawing in drawings)
    return f"{flows} flow{'' if flows == 1 else 's'}, {steps} step{'' if steps == 1 else 's'}"


def _worth(step: Step, linked: set[str]) -> bool:
    """A flow's body of which nothing is known says nothing that the flow's title does not."""
    return step.kind is not StepKind.BODY or step.step_id in linked or bool(_does(step) or step.unseen)


def _does(step: Step) -> bool:
    return bool(step.effects) or step.declared or step.action not in EFFECTLESS


def _box(number: int, step: Step, judged: StepAssessment) -> Box:
    known = "yes"
    if step.kind is StepKind.UNRESOLVED:
        does, to, known = "could not be read", step.reason or "", "unread"
    elif _does(step):
        does, to = f"{step.action} {step.provider}", redact_text(judged.resource)
    elif step.kind in (StepKind.BODY, StepKind.SUBFLOW) and not step.unseen:
        does, to = "runs a flow", ""
    else:
        does, to, known = (
            ("calls what is not known", ", ".join(step.unseen), "no") if step.unseen else ("nothing found", "", "no")
        )
    others = len(step.effects) - (0 if step.declared else 1)
    return Box(
        number=number,
        title=_short(step),
        does=plain(does, _LONGEST) + (f" +{others}" if others > 0 else ""),
        to=plain(to, _LONGEST),
        tier=int(judged.tier),
        known=known,
        tag=_tag(step),
        more=tuple(plain(line, _LONGEST) for line in _more(step, judged)),
    )


def _short(step: Step) -> str:
    """The last part of a step's id: the callee, without its file, and its number from the second one on."""
    last = step.step_id.rpartition("/")[2]
    name = (last.rpartition(":")[2] or last).removesuffix("#1")
    return plain(name.rpartition(".")[2] if step.kind is StepKind.HOOK else name, _LONGEST)


def _tag(step: Step) -> str:
    if step.kind in (StepKind.BODY, StepKind.HOOK):
        return "flow body" if step.kind is StepKind.BODY else "hook"
    return "" if step.multiplicity is Multiplicity.ONE else step.multiplicity.value


def _more(step: Step, judged: StepAssessment) -> Iterator[str]:
    yield step.step_id
    unknown = tier_unknown(step, judged.tier)
    tier = "unresolved: may run anything" if unknown else f"tier {int(judged.tier)} {TIER_NAMES[judged.tier]}"
    yield f"{tier}, {judged.verdict}, runs: {step.multiplicity}"
    if step.sites:
        yield f"called at {step.sites[-1].file}:{step.sites[-1].line}"
    for effect in step.effects:
        rows = " (every row)" if effect.unbounded else ""
        yield f"{effect.action} {effect.provider} {redact_text(effect.resource)}{rows}"
    if step.unseen:
        yield f"not known: {', '.join(step.unseen)}"
    if step.reason:
        yield step.reason
    if step.multiplicity is Multiplicity.MANY:
        yield "may run any number of times"
