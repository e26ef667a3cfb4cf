"""The shape of an approval rule in a policy file. The room of approvals gives these fields their meaning.

Defaults are those of ``ApprovalRule`` there; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from govflow.ir.models import NonEmpty, StrictModel, Tier
from govflow.policy.fields import Choices, Texts
from govflow.policy.places import Path
from govflow.policy.selectors import EVERYONE

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Seconds = Annotated[int, Field(gt=0, le=10 * 366 * 86400)]
"""At most ten years: a moment beyond the calendar cannot be reckoned with when somebody votes."""


class GroupShape(StrictModel):
    """People of whom so many must agree."""

    name: NonEmpty
    required: Count = 1
    approvers: Choices = (EVERYONE,)


class StageShape(StrictModel):
    """Groups that are asked at the same time."""

    name: NonEmpty
    need: Literal["all", "any"] = "all"
    optional: bool = False
    groups: Annotated[Sequence[GroupShape], Field(min_length=1), AfterValidator(tuple)]


class ThresholdShape(StrictModel):
    """More people where it matches."""

    tiers: Annotated[Sequence[Annotated[Tier, Field(strict=False)]], AfterValidator(tuple)] = ()
    actions: Choices = (EVERYONE,)
    resources: Choices = (EVERYONE,)
    required: Count


class EscalationShape(StrictModel):
    """Further people once nobody has answered for so long."""

    after_seconds: Seconds
    approvers: Choices


class DelegationShape(StrictModel):
    """Whether and how long people may let others answer in their stead."""

    depth: int = Field(default=1, ge=0, le=8)
    ttl_seconds: Seconds = 7 * 86400


class StandingShape(StrictModel):
    """How far a standing approval may go."""

    max_runs: Count
    ttl_seconds: Seconds


class BreakGlassShape(StrictModel):
    """Who may let a step run alone in an emergency."""

    approvers: Choices
    review_seconds: Seconds = 86400


class ApprovalShape(StrictModel):
    """An approval rule: ``required`` of ``approvers``, or ``stages`` in place of both."""

    required: Count = 1
    approvers: Choices = (EVERYONE,)
    ttl_seconds: Seconds = 3600
    scope: Literal["step", "plan"] = "step"
    stages: Annotated[Sequence[StageShape], AfterValidator(tuple)] = ()
    deny_threshold: Count = 1
    veto: Texts = ()
    thresholds: Annotated[Sequence[ThresholdShape], AfterValidator(tuple)] = ()
    escalation: Annotated[Sequence[EscalationShape], AfterValidator(tuple)] = ()
    remind_after_seconds: Annotated[Sequence[Seconds], AfterValidator(tuple)] = ()
    delegation: DelegationShape | None = None
    standing: StandingShape | None = None
    break_glass: BreakGlassShape | None = None


BELOW: Final[Mapping[str | int, type[StrictModel]]] = {
    "stages": StageShape,
    "groups": GroupShape,
    "thresholds": ThresholdShape,
    "escalation": EscalationShape,
    "delegation": DelegationShape,
    "standing": StandingShape,
    "break_glass": BreakGlassShape,
}
"""The shape of what stands under each field, or of each entry of it; no field name stands for two shapes."""

_FIRST: Final = frozenset({"required", "approvers", "ttl_seconds", "scope"})


def shape_at(path: Path) -> type[StrictModel]:
    """The shape of the mapping at a path that begins with ``approvals`` and the name of a rule."""
    fields = [part for part in path[2:] if part in BELOW]
    return BELOW[fields[-1]] if fields else ApprovalShape


def in_use(rule: Mapping[str, Any]) -> dict[str, Any]:
    """An approval rule as JSON values without the fields that it does not use.

    The four fields that approval rules always had are kept, so that a rule of these alone has the digest it always had.
    """
    unused = ApprovalShape().model_dump(mode="json")
    return {name: value for name, value in rule.items() if name in _FIRST or value != unused[name]}
