"""What would make a request pass: the smallest changes that are known, each of which the engine has been asked about.

Changes are looked for where rules look: a value on the other side of a condition, a role that a rule names, a resource
that a rule allows. One change is tried before two, and two before all that an allow rule asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from govflow.policy.analysis.changes import FIXED, Change, applied, equals_words, flips, held_value, steer
from govflow.policy.analysis.formulas import Want, atoms_of
from govflow.policy.analysis.solving import solutions
from govflow.policy.analysis.trace import Outcome, Trace, Tried
from govflow.policy.analysis.views import RuleView
from govflow.policy.analysis.witness import common_resources
from govflow.policy.engine import SEVERITY, Engine
from govflow.policy.model import Decision, Effect, PolicyRequest

_MOST_TOLD: Final = 5
_MOST_TRIED: Final = 3_000
_MOST_PAIRED: Final = 60


@dataclass(frozen=True, slots=True)
class Remedy:
    """Changes that lead to a milder decision."""

    changes: tuple[Change, ...]
    request: PolicyRequest
    decision: Decision


def remedies(trace: Trace, engine: Engine) -> tuple[Remedy, ...]:
    """The smallest changes that are known to lead to an allow, and those that lead to a question; none for an allow."""
    if trace.decision.effect is Effect.ALLOW or trace.resource is None:
        return ()
    found: list[Remedy] = []
    told: set[Effect] = set()
    left = _MOST_TRIED
    for changes_of_size in _by_size(trace):
        better: dict[Effect, list[Remedy]] = {}
        for changes in changes_of_size:
            left -= 1
            if left < 0:
                break
            remedy = _asked(trace, engine, changes)
            if remedy is not None and remedy.decision.effect not in told:
                better.setdefault(remedy.decision.effect, []).append(remedy)
        for effect, some in better.items():
            found += some[:_MOST_TOLD]
            told.add(effect)
        if Effect.ALLOW in told:
            break
    else:
        found += _worked_out(trace, engine)
    return tuple(sorted(found, key=lambda remedy: (-SEVERITY[remedy.decision.effect], len(remedy.changes))))


def _worked_out(trace: Trace, engine: Engine) -> list[Remedy]:
    """One longer way to an allow: all that one rule asks for, and for each rule that then stops it, the contrary."""
    rules = {tried.rule.name: tried.rule for tried in trace.tried}
    ways: list[list[Change]] = []
    for start in (list(changes) for changes in _whole(trace) if changes):
        steered = steer(engine, rules, applied(trace.request, start), lambda request, decision: _allows(decision))
        if steered is not None:
            ways.append(_needed(trace, engine, [*start, *steered]))
    best = min(ways, key=len, default=None)
    remedy = None if best is None else _asked(trace, engine, best)
    return [] if remedy is None else [remedy]


def _allows(decision: Decision) -> bool:
    return decision.effect is Effect.ALLOW


def _needed(trace: Trace, engine: Engine, changes: list[Change]) -> list[Change]:
    """The changes without those that make no difference."""
    for change in list(changes):
        others = [one for one in changes if one is not change]
        if engine.decide(applied(trace.request, others)).effect is Effect.ALLOW:
            changes = others
    return changes


def _asked(trace: Trace, engine: Engine, changes: Sequence[Change]) -> Remedy | None:
    request = applied(trace.request, changes)
    decision = engine.decide(request)
    milder = SEVERITY[decision.effect] > SEVERITY[trace.decision.effect]
    return Remedy(tuple(changes), request, decision) if milder else None


def _by_size(trace: Trace) -> Iterator[Sequence[Sequence[Change]]]:
    singles = list({(change.field, repr(change.value)): change for change in _singles(trace)}.values())
    yield [[change] for change in singles]
    few = singles[:_MOST_PAIRED]
    yield [pair for pair in combinations(few, 2) if pair[0].field != pair[1].field or pair[0].field == "subject"]
    yield sorted(_whole(trace), key=len)


def _singles(trace: Trace) -> Iterator[Change]:
    """Changes of what the rules that matter ask; what stops the request comes first."""
    near_ones = [tried for tried in trace.tried if _matters(tried)]
    for tried in near_ones:
        for atom in atoms_of(tried.rule.formula):
            yield from flips(atom, trace.request)
    for tried in near_ones:
        yield from _people(tried.rule, trace.request)
    for tried in trace.tried:
        if tried.rule.rule.effect is not Effect.DENY and trace.request.action in _actions(tried):
            for resource in list(common_resources([tried.rule.resources]))[:1]:
                if resource != trace.request.resource:
                    yield Change("resource", resource, f"another resource: {resource}")


def _matters(tried: Tried) -> bool:
    """Whether the rule stops the request, or would let it pass but for its subject or a condition."""
    if tried.outcome in {Outcome.DECIDES, Outcome.MATCHES, Outcome.NOT_ASKED, Outcome.ERROR}:
        return True
    if tried.rule.rule.effect is Effect.DENY or tried.rule.note:
        return False
    return tried.outcome is Outcome.UNMET or tried.field == "subjects"


def _actions(tried: Tried) -> frozenset[str]:
    return tried.rule.registered


def _people(rule: RuleView, request: PolicyRequest) -> Iterator[Change]:
    for subject in sorted(rule.subjects or ()):
        if subject not in request.selectors and not subject.startswith("tenant:"):
            yield Change("subject", subject, f"asked by {subject}")


def _whole(trace: Trace) -> Iterator[tuple[Change, ...]]:
    """All that one rule asks for which does not deny."""
    for tried in trace.tried:
        rule = tried.rule
        if rule.rule.effect is Effect.DENY or rule.note or trace.request.action not in rule.registered:
            continue
        met = rule.ways(Want.MET)
        for values in () if met is None else solutions(met):
            changes = [
                Change(path, value, equals_words(path, value))
                for path, value in values.items()
                if path not in FIXED and not path.startswith("resource.") and value is not None
            ]
            changes = [
                one for one in changes if held_value(trace.request.attributes, one.field.split(".")) != one.value
            ]
            if tried.field == "subjects" or (rule.subjects and rule.subjects.isdisjoint(trace.request.selectors)):
                changes += list(_people(rule, trace.request))[:1]
            if tried.field == "resources":
                changes += [
                    Change("resource", one, f"another resource: {one}") for one in common_resources([rule.resources])
                ][:1]
            if changes:
                yield tuple(changes)
