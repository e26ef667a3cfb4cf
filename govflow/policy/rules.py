"""Rules and sets of rules, as policy files and Python code write them.

    PolicyRule(
        name="bulk-delete",
        effect=Effect.REQUIRE_APPROVAL,
        actions=["data:delete"],
        conditions={"step.records": {"gt": 100}},
        approval="two-approvers",
    )

These models check shape only; :mod:`govflow.policy.document` checks what needs the whole file, and
:mod:`govflow.policy.engine` decides. ``docs/policy.md`` says what each field means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, AliasChoices, Field, field_validator
from pydantic_core import PydanticCustomError

from govflow.ir.models import NonEmpty, StrictModel
from govflow.policy.exemptions import PolicyException
from govflow.policy.fields import Choices, Moment, Name, Operand, Texts
from govflow.policy.model import Effect, Stride
from govflow.policy.rollout import Rollout
from govflow.policy.selectors import EVERYONE

RESERVED_NAMES: Final = frozenset({"default", "error"})
"""What a decision calls itself when no rule decided."""

_LAST_PRIORITY: Final = 2**31 - 1


class Combining(StrEnum):
    """How the rules that match make one decision."""

    FIRST_MATCH = "first_match"  # the first one decides
    DENY_OVERRIDES = "deny_overrides"  # deny, else require_approval, else allow
    PERMIT_OVERRIDES = "permit_overrides"  # allow, else require_approval, else deny


class RuleMode(StrEnum):
    """Whether a rule takes part."""

    ENFORCE = "enforce"
    SHADOW = "shadow"  # evaluated and reported, never decides
    OFF = "off"  # not evaluated; still checked when loaded


class Level(StrEnum):
    """How binding a rule is."""

    ADVISORY = "advisory"  # reported, never decides
    SOFT_MANDATORY = "soft-mandatory"  # decides, unless an exception is honoured
    HARD_MANDATORY = "hard-mandatory"  # decides


class PolicyRule(StrictModel):
    """One rule. It matches when an action glob, a resource glob and a subject match and every condition is met."""

    name: Name
    description: str = ""
    effect: Effect = Field(strict=False)
    actions: Choices = (EVERYONE,)
    resources: Choices = (EVERYONE,)
    subjects: Choices = (EVERYONE,)
    conditions: Mapping[str, Operand] = Field(default_factory=dict)  # path to operator to operand, or all, any, not
    priority: int = Field(default=100, ge=0, le=_LAST_PRIORITY)  # lower first
    approval: NonEmpty | None = None  # the approval rule of a require_approval
    obligations: Texts = ()
    mode: RuleMode = Field(default=RuleMode.ENFORCE, strict=False)
    level: Level = Field(default=Level.HARD_MANDATORY, strict=False)
    rollout: Rollout | None = None  # the share for which it decides; None: all
    expires: Moment | None = None  # from then on it matches nothing
    stride: Annotated[Sequence[Annotated[Stride, Field(strict=False)]], AfterValidator(tuple)] = ()
    compliance: Texts = ()  # what it is there for: "GDPR Art. 44"

    @field_validator("name")
    @classmethod
    def _can_be_named(cls, name: str) -> str:
        if name in RESERVED_NAMES:
            raise ValueError(f"{name!r} is what a decision without a rule is called")
        return name

    @property
    def decides(self) -> bool:
        """Whether it takes part in decisions: enforced, and more than advice."""
        return self.mode is RuleMode.ENFORCE and self.level is not Level.ADVISORY

    @property
    def restricts(self) -> bool:
        """Whether it denies or requires approval."""
        return self.effect is not Effect.ALLOW


class Band(StrictModel):
    """A range of priorities with a name. Rules of a ``security`` band come before anything else."""

    priorities: Annotated[
        Sequence[Annotated[int, Field(ge=0, le=_LAST_PRIORITY)]],
        Field(min_length=2, max_length=2),
        AfterValidator(tuple),
    ]
    security: bool = False

    def holds(self, rule: PolicyRule) -> bool:
        """Whether the rule belongs to it."""
        return self.priorities[0] <= rule.priority <= self.priorities[1]


class PolicySet(StrictModel):
    """Rules, how they combine, and what holds when none matches. In YAML ``default_effect`` is ``default``."""

    name: NonEmpty
    description: str = ""
    default_effect: Effect = Field(
        default=Effect.DENY, strict=False, validation_alias=AliasChoices("default", "default_effect")
    )
    combining: Combining = Field(default=Combining.FIRST_MATCH, strict=False)
    bands: Mapping[Name, Band] = Field(default_factory=dict)
    rules: Annotated[Sequence[PolicyRule], AfterValidator(tuple)] = ()
    exceptions: Annotated[Sequence[PolicyException], AfterValidator(tuple)] = ()

    @field_validator("rules")
    @classmethod
    def _rules_named_once(cls, rules: Sequence[PolicyRule]) -> Sequence[PolicyRule]:
        _once("rules", [rule.name for rule in rules])
        return rules

    @field_validator("exceptions")
    @classmethod
    def _exceptions_named_once(cls, exceptions: Sequence[PolicyException]) -> Sequence[PolicyException]:
        _once("exceptions", [exception.name for exception in exceptions])
        return exceptions

    def secures(self, rule: PolicyRule) -> bool:
        """Whether the rule stands in a band that comes before anything else."""
        return any(band.security and band.holds(rule) for band in self.bands.values())


def _once(what: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            context = {"what": what, "name": name, "index": index}
            raise PydanticCustomError("named_twice", "two {what} are named '{name}'", context)
        seen.add(name)
