"""The rules of a policy in the order in which they are considered, with what the analysis asks of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from govflow.policy.analysis.formulas import (
    Atom,
    Formula,
    Group,
    TooMany,
    Want,
    Way,
    atoms_of,
    ending,
    formula_of,
    ways,
)
from govflow.policy.attributes import AttributeSchema
from govflow.policy.compiled import ADVISORY, SHADOW
from govflow.policy.document import PolicyDocument
from govflow.policy.engine import SEVERITY
from govflow.policy.exemptions import PolicyException
from govflow.policy.globs import compile_globs, normal_glob
from govflow.policy.index import Targets, literals
from govflow.policy.model import Effect
from govflow.policy.rules import Combining, PolicyRule, RuleMode
from govflow.policy.selectors import EVERYONE

_PERMISSIVE: Final = {Effect.ALLOW: 0, Effect.REQUIRE_APPROVAL: 1, Effect.DENY: 2}


@dataclass(frozen=True, eq=False)
class Target:
    """Whom and what a rule, or an exception, is for."""

    actions: tuple[str, ...]  # globs
    resources: tuple[str, ...]  # globs, in normal form
    subjects: frozenset[str] | None  # None: everybody
    formula: Formula
    registered: frozenset[str]  # the registered actions that the globs match

    @cached_property
    def everywhere(self) -> bool:
        """Whether it is for every resource, one of which only a part is known included."""
        return any(pattern.strip("*") == "" for pattern in self.resources)

    @cached_property
    def reads(self) -> frozenset[str]:
        """The attributes that its conditions read."""
        return frozenset(atom.path for atom in atoms_of(self.formula))

    @cached_property
    def flat(self) -> bool:
        """Whether its conditions are in no groups: each of them alone can rule it out."""
        return isinstance(self.formula, Atom) or all(isinstance(part, Atom) for part in self.formula.parts)

    def ways(self, want: Want) -> tuple[Way, ...] | None:
        """How its conditions come out as wanted; ``None``: in too many ways to look at."""
        if want not in self._ways:
            try:
                self._ways[want] = ways(self.formula, want)
            except TooMany:
                self._ways[want] = None
        return self._ways[want]

    @cached_property
    def _ways(self) -> dict[Want, tuple[Way, ...] | None]:
        return {}


@dataclass(frozen=True, eq=False)
class RuleView(Target):
    """One rule."""

    rule: PolicyRule = field(kw_only=True)
    place: int = field(kw_only=True)  # in the order of consideration
    note: str = field(kw_only=True)  # "" for a rule that decides, else "shadow" or "advisory"
    rank: int = field(kw_only=True)  # how the set combines: the lowest of those that match decides
    secures: bool = field(kw_only=True)  # asked in any case, being of a security band
    excepted: bool = field(kw_only=True)  # whether there are exceptions from it

    @cached_property
    def filed(self) -> Targets:
        """What it is filed by, as in the engine."""
        return Targets(None if self.everywhere else tuple(map(literals, self.resources)), self.subjects)

    @property
    def name(self) -> str:
        """Its name."""
        return self.rule.name

    @property
    def severity(self) -> int:
        """0 for deny, 1 for require_approval, 2 for allow."""
        return SEVERITY[self.rule.effect]

    @property
    def certain(self) -> bool:
        """Whether it takes part in the decision wherever it matches."""
        return not self.note and self.rule.rollout is None and not self.excepted


@dataclass(frozen=True)
class PolicyView:
    """A policy, for analysis."""

    document: PolicyDocument
    rules: tuple[RuleView, ...]  # in the order of consideration, those that are off left out
    first: bool  # the first rule that matches decides
    secured: bool  # a security band holds a rule


def view_of(document: PolicyDocument, actions: Collection[str]) -> PolicyView:
    """The view of a document.

    Args:
        document: what is analysed.
        actions: every action that is registered.
    """
    policy = document.policy
    ranks = _PERMISSIVE if policy.combining is Combining.PERMIT_OVERRIDES else SEVERITY
    first = policy.combining is Combining.FIRST_MATCH
    excepted = {exception.rule for exception in policy.exceptions}
    considered = [rule for rule in policy.rules if rule.mode is not RuleMode.OFF]
    considered.sort(key=lambda rule: (rule.priority, SEVERITY[rule.effect]))
    registered = _registered(actions)
    views = tuple(
        RuleView(
            *_target(rule, document.schema, registered),
            rule=rule,
            place=place,
            note="" if rule.decides else SHADOW if rule.mode is RuleMode.SHADOW else ADVISORY,
            rank=0 if first else ranks[rule.effect],
            secures=rule.restricts and policy.secures(rule),
            excepted=rule.name in excepted,
        )
        for place, rule in enumerate(considered)
    )
    return PolicyView(document, views, first, any(view.secures for view in views))


def target_of(exception: PolicyException, schema: AttributeSchema, actions: Collection[str]) -> Target:
    """Whom and what an exception is for."""
    return Target(
        tuple(exception.actions),
        tuple(map(normal_glob, exception.resources)),
        _named(exception.subjects),
        formula_of(exception.conditions, schema, restricts=False),
        _registered(actions)(tuple(exception.actions)),
    )


_Registered = Callable[[tuple[str, ...]], frozenset[str]]


def _target(
    rule: PolicyRule, schema: AttributeSchema, registered: _Registered
) -> tuple[tuple[str, ...], tuple[str, ...], frozenset[str] | None, Formula, frozenset[str]]:
    formula = formula_of(rule.conditions, schema, restricts=rule.restricts)
    if rule.expires is not None:
        end: Atom = ending(rule.expires, schema, restricts=rule.restricts)
        formula = Group("all", (*formula.parts, end))
    actions = tuple(rule.actions)
    return actions, tuple(map(normal_glob, rule.resources)), _named(rule.subjects), formula, registered(actions)


def _named(subjects: Collection[str]) -> frozenset[str] | None:
    return None if EVERYONE in subjects else frozenset(subjects)


def _registered(actions: Collection[str]) -> _Registered:
    known: dict[tuple[str, ...], frozenset[str]] = {}

    def matched(globs: tuple[str, ...]) -> frozenset[str]:
        if globs not in known:
            matches = compile_globs(globs)
            known[globs] = frozenset(action for action in actions if matches is None or matches(action))
        return known[globs]

    return matched


def in_words(values: Mapping[str, object]) -> str:
    """Values of attributes on one line; for messages."""
    return ", ".join(f"{path} {'missing' if value is None else repr(value)}" for path, value in sorted(values.items()))
