"""Rules that meet: the same request matches both, and they say different things.

Where the first rule that matches decides, such a pair is a **conflict** if both have one priority, and **order**
otherwise: then the priorities say which of them is meant, and a reader should know that they do. A pair is told only
with a request that shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from govflow.policy.analysis.globsets import disjoint
from govflow.policy.analysis.views import PolicyView, RuleView
from govflow.policy.analysis.witness import Prover
from govflow.policy.index import Index
from govflow.policy.model import Effect, PolicyRequest

ALL_PAIRS: Final = 300  # rules; in larger policies pairs are looked up by the words of their globs
_MOST_TOLD: Final = 3  # for one rule
_MOST_PAIRS: Final = 60_000  # that are looked at
_MOST_PROOFS: Final = 300  # requests that are built


@dataclass(frozen=True, slots=True)
class Overlap:
    """A rule and those before it that take requests from it, each with a request that shows it."""

    rule: RuleView  # the one that is considered later
    others: tuple[tuple[RuleView, PolicyRequest], ...]
    same_priority: bool


@dataclass(slots=True)
class Overlaps:
    """Finds them. ``complete`` says afterwards whether every pair was looked at."""

    view: PolicyView
    prover: Prover
    complete: bool = True

    def find(self, leave_out: frozenset[str]) -> Iterator[Overlap]:
        """Every overlap that is known, conflicts first.

        Args:
            leave_out: names of rules of which something worse is told.
        """
        if not self.view.first:
            return  # where rules override each other, order does not decide between effects
        rules = [
            rule
            for rule in self.view.rules
            if not rule.note and not rule.secures and rule.name not in leave_out and rule.rule.rollout is None
        ]
        if len(rules) > ALL_PAIRS:
            self.complete = False
        proofs = [_MOST_PROOFS]
        pairs = list(self._pairs(rules))
        for same_priority in (True, False):
            yield from self._of_kind(pairs, same_priority, proofs)

    def _of_kind(
        self, pairs: list[tuple[RuleView, RuleView]], same_priority: bool, proofs: list[int]
    ) -> Iterator[Overlap]:
        found: dict[str, list[tuple[RuleView, PolicyRequest]]] = {}
        rules: dict[str, RuleView] = {}
        for earlier, later in pairs:
            if (earlier.rule.priority == later.rule.priority) is not same_priority:
                continue
            if len(found.get(later.name, ())) >= _MOST_TOLD or not _may_meet(earlier, later):
                continue
            if not proofs[0]:
                self.complete = False
                break
            proofs[0] -= 1
            request = self.prover.matching([earlier, later])
            if request is not None:
                found.setdefault(later.name, []).append((earlier, request))
                rules[later.name] = later
        for name, others in found.items():
            yield Overlap(rules[name], tuple(others), same_priority)

    def _pairs(self, rules: list[RuleView]) -> Iterator[tuple[RuleView, RuleView]]:
        """Pairs, earlier first, that differ in what they say."""
        left = _MOST_PAIRS
        for earlier, later in self._near(rules):
            if not left:
                self.complete = False
                return
            left -= 1
            if _differ(earlier, later):
                yield earlier, later

    def _near(self, rules: list[RuleView]) -> Iterator[tuple[RuleView, RuleView]]:
        if len(rules) <= ALL_PAIRS:
            for number, later in enumerate(rules):
                for earlier in rules[:number]:
                    yield earlier, later
            return
        index = Index(rules, lambda rule: rule.filed)
        seen: set[tuple[int, int]] = set()
        for rule in rules:
            for resource in rule.resources:
                for other in index.candidates(resource, rule.subjects or frozenset()):
                    if other.place == rule.place:
                        continue
                    earlier, later = (other, rule) if other.place < rule.place else (rule, other)
                    if (earlier.place, later.place) not in seen:
                        seen.add((earlier.place, later.place))
                        yield earlier, later


def _differ(one: RuleView, other: RuleView) -> bool:
    if one.rule.effect is not other.rule.effect:
        return True
    return one.rule.effect is Effect.REQUIRE_APPROVAL and one.rule.approval != other.rule.approval


def _may_meet(one: RuleView, other: RuleView) -> bool:
    if one.registered.isdisjoint(other.registered):
        return False
    return any(not disjoint(left, right) for left in one.resources for right in other.resources)
