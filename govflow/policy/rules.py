"""Rules and sets of rules, as YAML files and Python code write them.

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

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, JsonValue, field_validator
from pydantic_core import PydanticCustomError

from govflow.ir.models import NonEmpty, StrictModel
from govflow.policy.model import Effect
from govflow.policy.selectors import EVERYONE

RULE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
RESERVED_NAMES: Final = frozenset({"default", "error"})
"""What a decision calls itself when no rule decided."""


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
    SOFT_MANDATORY = "soft-mandatory"  # decides; a named person may make an exception where exceptions are set up
    HARD_MANDATORY = "hard-mandatory"  # decides


def _listed(value: Any) -> Any:
    """Tuples as lists, so that Python writes operands either way and both have one digest."""
    return [_listed(item) for item in value] if isinstance(value, tuple | list) else value


Operand = Annotated[JsonValue, BeforeValidator(_listed)]
Texts = Annotated[Sequence[NonEmpty], AfterValidator(tuple)]
Choices = Annotated[Sequence[NonEmpty], Field(min_length=1), AfterValidator(tuple)]


class PolicyRule(StrictModel):
    """One rule. It matches when an action glob, a resource glob and a subject match and every condition is met."""

    name: NonEmpty
    description: str = ""
    effect: Effect = Field(strict=False)
    actions: Choices = (EVERYONE,)
    resources: Choices = (EVERYONE,)
    subjects: Choices = (EVERYONE,)
    conditions: Mapping[str, Mapping[str, Operand]] = Field(default_factory=dict)  # path to operator to operand
    priority: int = Field(default=100, ge=0, le=2**31 - 1)  # lower first
    approval: NonEmpty | None = None  # the approval rule of a require_approval
    obligations: Texts = ()
    mode: RuleMode = Field(default=RuleMode.ENFORCE, strict=False)
    level: Level = Field(default=Level.HARD_MANDATORY, strict=False)

    @field_validator("name")
    @classmethod
    def _can_be_named(cls, name: str) -> str:
        if not RULE_NAME.fullmatch(name):
            raise ValueError("a name is letters, digits, '.', '_' and '-'")
        if name in RESERVED_NAMES:
            raise ValueError(f"{name!r} is what a decision without a rule is called")
        return name

    @property
    def decides(self) -> bool:
        """Whether it takes part in decisions: enforced, and more than advice."""
        return self.mode is RuleMode.ENFORCE and self.level is not Level.ADVISORY


class PolicySet(StrictModel):
    """Rules, how they combine, and what holds when none matches. In YAML ``default_effect`` is ``default``."""

    name: NonEmpty
    description: str = ""
    default_effect: Effect = Field(
        default=Effect.DENY, strict=False, validation_alias=AliasChoices("default", "default_effect")
    )
    combining: Combining = Field(default=Combining.FIRST_MATCH, strict=False)
    rules: Annotated[Sequence[PolicyRule], AfterValidator(tuple)] = ()

    @field_validator("rules")
    @classmethod
    def _named_once(cls, rules: Sequence[PolicyRule]) -> Sequence[PolicyRule]:
        seen: set[str] = set()
        for index, rule in enumerate(rules):
            if rule.name in seen:
                context = {"name": rule.name, "index": index}
                raise PydanticCustomError("duplicate_rule", "two rules are named '{name}'", context)
            seen.add(rule.name)
        return rules
