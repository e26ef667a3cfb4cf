"""Which requests two policies decide differently: what becomes allowed first, each with a request that shows it.

What is found is so: both engines have been asked. What is not found may still be there, unless it is proven that
nothing is: the digests are equal, or nothing differs but what decisions do not depend on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from govflow.ir.vocabulary import Vocabulary
from govflow.policy.analysis.changes import applied, steer
from govflow.policy.analysis.probes import probes, unique
from govflow.policy.analysis.views import PolicyView, RuleView, view_of
from govflow.policy.document import PolicyDocument
from govflow.policy.engine import SEVERITY, Engine
from govflow.policy.model import Decision, Effect, PolicyRequest
from govflow.policy.rules import RuleMode

MOST_PROBES: Final = 40_000
_MOST_STEERED: Final = 4_000
_MOST_BEHIND: Final = 4  # rules that are sought for one request
_ORDER: Final = tuple(Effect)
_SAID: Final = {  # of rules, of exceptions and of the set: what decisions do not depend on
    "rules": frozenset({"description", "stride", "compliance"}),
    "exceptions": frozenset({"owner", "ticket", "reason"}),
    "policy": frozenset({"name", "description", "rules", "exceptions"}),
}
_SECTIONS: Final = ("approvals", "principals", "actions", "providers", "tiers")


@dataclass(frozen=True, slots=True)
class Difference:
    """A request, and what both policies say of it."""

    request: PolicyRequest
    before: Decision
    after: Decision

    @property
    def effects(self) -> tuple[Effect, Effect]:
        """The effects before and after."""
        return self.before.effect, self.after.effect

    @property
    def kind(self) -> tuple[object, ...]:
        """What differences of one kind have in common."""
        return (*self.effects, self.before.rule, self.after.rule, self.before.approval, self.after.approval)


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that is not the same in both: ``added``, ``removed`` or ``changed``."""

    name: str
    kind: str
    fields: tuple[str, ...] = ()  # that differ


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two policies, compared."""

    differences: tuple[Difference, ...]  # one of each kind; what becomes allowed first
    rules: tuple[RuleChange, ...]
    sections: tuple[str, ...]  # other parts of the file that differ
    asked: int  # requests that both were asked about
    proven: str  # why no decision can differ; empty if that is not known

    @property
    def changes_effect(self) -> bool:
        """Whether a request was found that is allowed, denied or asked about otherwise."""
        return any(one.before.effect is not one.after.effect for one in self.differences)


def compare(before: PolicyDocument, after: PolicyDocument, vocabulary: Vocabulary) -> Comparison:
    """Compare two policies.

    Args:
        before: the one.
        after: the other.
        vocabulary: what is registered without them.
    """
    rules = tuple(_rules(before, after))
    sections = tuple(_sections(before, after))
    proven = _proven(before, after)
    if proven:
        return Comparison((), rules, sections, 0, proven)
    words = vocabulary.actions.keys() | set(before.actions) | set(after.actions)
    views = view_of(before, words), view_of(after, words)
    one, other = Engine(before), Engine(after)
    touched = frozenset(rule.name for rule in rules)
    requests = unique(_steered(probes(*views, touched), views, (one, other)), MOST_PROBES)
    found: dict[tuple[object, ...], Difference] = {}
    for request in requests:
        difference = Difference(request, one.decide(request), other.decide(request))
        if _differ(difference.before, difference.after):
            found.setdefault(difference.kind, difference)
    return Comparison(tuple(sorted(found.values(), key=_weight)), rules, sections, len(requests), "")


def _steered(
    requests: Iterator[PolicyRequest], views: tuple[PolicyView, PolicyView], engines: tuple[Engine, Engine]
) -> Iterator[PolicyRequest]:
    """The requests, and for the rules that one of them matches behind the deciding one, such that they decide."""
    left = _MOST_STEERED
    sides = [(engine, {rule.name: rule for rule in view.rules}) for engine, view in zip(engines, views, strict=True)]
    for request in requests:
        yield request
        for engine, rules in sides:
            behind = set(engine.matching(request)) - set(engine.decide(request).rules) if left > 0 else set()
            for name in sorted(behind & rules.keys())[:_MOST_BEHIND]:
                left -= 1
                steered = _to(name, engine, rules, request)
                if steered is not None:
                    yield steered


def _to(name: str, engine: Engine, rules: Mapping[str, RuleView], request: PolicyRequest) -> PolicyRequest | None:
    """The request, with other attributes, such that the rule decides."""
    changes = steer(
        engine,
        rules,
        request,
        arrived=lambda _, decision: decision.rule == name,
        keeps=lambda changed: name in engine.matching(changed),
    )
    return None if changes is None else applied(request, changes)


def _differ(one: Decision, other: Decision) -> bool:
    return (one.effect, one.rule, one.approval, one.obligations) != (
        other.effect,
        other.rule,
        other.approval,
        other.obligations,
    )


def _weight(difference: Difference) -> tuple[object, ...]:
    """What becomes milder first, allows before questions; then what becomes stricter; then the same effect."""
    before, after = (SEVERITY[effect] for effect in difference.effects)
    group = 0 if after > before else 1 if after < before else 2
    return group, -after, before, difference.before.rule, difference.after.rule


def _rules(before: PolicyDocument, after: PolicyDocument) -> Iterator[RuleChange]:
    for kind in ("rules", "exceptions"):
        old, new = (
            {one.name: one.model_dump(mode="json") for one in getattr(document.policy, kind)}
            for document in (before, after)
        )
        what = "" if kind == "rules" else "exception "
        for name in [*old, *(name for name in new if name not in old)]:
            if name not in new:
                yield RuleChange(what + name, "removed")
            elif name not in old:
                yield RuleChange(what + name, "added")
            elif fields := tuple(field for field in old[name] if old[name][field] != new[name].get(field)):
                yield RuleChange(what + name, "changed", fields)


def _sections(before: PolicyDocument, after: PolicyDocument) -> Iterator[str]:
    for name in ("default_effect", "combining", "bands"):
        if getattr(before.policy, name) != getattr(after.policy, name):
            yield name.removesuffix("_effect")
    if before.schema.declared != after.schema.declared:
        yield "attributes"
    for name in _SECTIONS:
        if getattr(before, name) != getattr(after, name):
            yield name


def _proven(before: PolicyDocument, after: PolicyDocument) -> str:
    if before.digest == after.digest:
        return "the digests are equal: it is the same policy"
    if not list(_sections(before, after)) and _bare(before) == _bare(after):
        return "nothing differs that a decision depends on: names of the policy, descriptions and the like"
    return ""


def _bare(document: PolicyDocument) -> Mapping[str, Any]:
    """The policy without what is said of it, and without rules that are off."""
    policy = document.policy
    plain = policy.model_dump(mode="json", exclude=set(_SAID["policy"]))
    rules = [rule for rule in policy.rules if rule.mode is not RuleMode.OFF]
    plain["rules"] = [rule.model_dump(mode="json", exclude=set(_SAID["rules"])) for rule in rules]
    plain["exceptions"] = [one.model_dump(mode="json", exclude=set(_SAID["exceptions"])) for one in policy.exceptions]
    return plain
