"""Proofs that a rule never decides.

A rule is **dead** if its conditions cannot be met together. It is **shadowed** if, wherever it matches, another rule is
in its way: one that is asked before it, or one that overrides it. Every step of these proofs errs towards "it may
decide", so a rule that is called dead or shadowed is one.

Two strengths are told apart. A rule that never *decides* may still end a decision with an error, where a value has the
wrong type; one that makes no *difference* can be removed, and no decision changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

from govflow.policy.analysis.formulas import Want, Way, atoms_of
from govflow.policy.analysis.globsets import contains, held_by
from govflow.policy.analysis.solving import impossible
from govflow.policy.analysis.views import PolicyView, RuleView
from govflow.policy.index import Index

_MOST_CELLS: Final = 64
_MOST_TOGETHER: Final = 4  # rules that stand in the way only together


@dataclass(frozen=True, slots=True)
class Dead:
    """A rule whose conditions contradict each other. ``by_missing``: it matches where attributes are missing, alone."""

    rule: RuleView
    by_missing: bool


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A rule that never decides, since others are in its way."""

    rule: RuleView
    behind: tuple[RuleView, ...]
    removable: bool  # no decision changes if it is removed


def contradiction(rule: RuleView) -> Dead | None:
    """Whether the conditions of a rule contradict each other."""
    if sum(1 for _ in atoms_of(rule.formula)) == len(rule.reads):
        return None  # one condition alone contradicts nothing
    met = rule.ways(Want.MET)
    if met is None:
        return None
    if impossible(met):
        return Dead(rule, by_missing=False)
    asks_presence = any(atom.operator == "exists" for atom in atoms_of(rule.formula))
    if not asks_presence and impossible(met, missing=False):
        return Dead(rule, by_missing=True)
    return None


class Cover:
    """Finds what stands in the way of a rule."""

    def __init__(self, view: PolicyView) -> None:
        self._view = view
        self._index = Index([rule for rule in view.rules if rule.certain], lambda rule: rule.filed)

    def shadow(self, rule: RuleView) -> Shadowed | None:
        """What keeps a rule from ever deciding; ``None`` if nothing is known to."""
        if rule.note:
            return None
        cells = list(_cells(rule))
        if not cells:
            return None
        behind: dict[str, RuleView] = {}
        weakest = True
        for action, resource, subject in cells:
            found = self._in_the_way(rule, action, resource, subject)
            if found is None:
                return None
            rules, removable = found
            weakest = weakest and removable
            behind.update((one.name, one) for one in rules)
        return Shadowed(rule, tuple(sorted(behind.values(), key=lambda one: one.place)), weakest)

    def _in_the_way(
        self, rule: RuleView, action: str, resource: str, subject: str | None
    ) -> tuple[Sequence[RuleView], bool] | None:
        named = frozenset() if subject is None else frozenset({subject})
        candidates = self._index.candidates(resource, named)
        if self._view.first and not rule.secures:
            before = [other for other in candidates if other.place < rule.place]
        else:
            before = [one for one in candidates if one is not rule and _comes_before(self._view, one, rule)]
        around = [
            other
            for other in before
            if (other.subjects is None or subject in other.subjects)
            and _has_action(other.actions, action)
            and _has_resource(rule, other, resource)
        ]
        met = rule.ways(Want.MET)
        if met is None:
            always = next((other for other in around if not _has_conditions(other)), None)
            return None if always is None else ([always], False)
        for other in around:
            if other.flat and not other.reads <= rule.reads:
                continue  # what it asks of an attribute that the rule does not read can be unmet
            if _implied(met, [other]):
                return [other], self._makes_no_difference(rule, [other])
        together = around[:_MOST_TOGETHER]
        if len(together) > 1 and _implied(met, together):
            return together, self._makes_no_difference(rule, together)
        return None

    def _makes_no_difference(self, rule: RuleView, others: Sequence[RuleView]) -> bool:
        """Whether removing the rule changes no decision, where the others stand in its way."""
        may = rule.ways(Want.NOT_UNMET)
        if may is None or not all(other.place < rule.place for other in others) or not _implied(may, others):
            return False
        if self._view.first and not rule.secures:
            return True  # it is not asked at all
        if rule.excepted:
            return False  # a decision names exceptions, those of rules that did not decide too
        # It is asked, so it must have nothing to say: no error, no obligation that others do not have.
        same = all(
            other.rule.effect is rule.rule.effect and set(rule.rule.obligations) <= set(other.rule.obligations)
            for other in others
        )
        return not _has_conditions(rule) and rule.rule.rollout is None and (not rule.rule.obligations or same)


def _comes_before(view: PolicyView, other: RuleView, rule: RuleView) -> bool:
    """Whether, where both match, the rule is not the one that decides; of rules that are all asked."""
    earlier = other.place < rule.place
    if not rule.secures:
        return other.rank < rule.rank or (other.rank == rule.rank and earlier)
    # Of the rules of security bands the strictest decides. A rule outside them is held against those only if it is
    # what the set decides otherwise.
    if other.secures:
        return other.severity < rule.severity or (other.severity == rule.severity and earlier)
    return not view.first and other.rank == 0 and other.severity < rule.severity


def _implied(ways: tuple[Way, ...], others: Sequence[RuleView]) -> bool:
    """Whether, on every one of the ways, the conditions of one of the others are met or without an answer."""
    unmet = [other.ways(Want.UNMET) for other in others]
    known = [way for way in unmet if way is not None]
    return len(known) == len(unmet) and impossible(ways, *known)


def _cells(rule: RuleView) -> Iterator[tuple[str, str, str | None]]:
    """Every action, resource and subject of a rule, one of each; none if there are too many."""
    subjects: Sequence[str | None] = [None] if rule.subjects is None else sorted(rule.subjects)
    if len(rule.actions) * len(rule.resources) * len(subjects) <= _MOST_CELLS:
        yield from product(rule.actions, rule.resources, subjects)


def _has_resource(rule: RuleView, other: RuleView, resource: str) -> bool:
    """Whether the other matches every resource that this glob of the rule matches, also those known in part."""
    if other.everywhere or (resource in other.resources and (other.rule.restricts or not rule.rule.restricts)):
        return True
    if other.rule.restricts:
        return any(contains(pattern, resource) for pattern in other.resources) or _held(resource, other.resources)
    # An allow matches a resource of which a part is unknown only if one of its globs does whatever the part is.
    return not rule.rule.restricts and any(contains(pattern, resource) for pattern in other.resources)


@lru_cache(maxsize=16_384)
def _has_action(globs: tuple[str, ...], action: str) -> bool:
    return any(contains(pattern, action) for pattern in globs) or _held(action, globs)


@lru_cache(maxsize=16_384)
def _held(inner: str, outers: tuple[str, ...]) -> bool:
    return len(outers) > 1 and held_by(inner, outers)


def _has_conditions(rule: RuleView) -> bool:
    return bool(rule.reads)
