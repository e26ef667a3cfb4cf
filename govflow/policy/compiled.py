"""One rule, compiled: everything that deciding by it needs, looked up, parsed and built beforehand."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from govflow.policy.attributes import reader
from govflow.policy.checks import compile_exception, compile_rule
from govflow.policy.conditions import Predicate, all_of, compile_condition, paths_of
from govflow.policy.document import PolicyDocument
from govflow.policy.exemptions import TIME, Exemption, Exemptions
from govflow.policy.globs import Matcher, compile_globs, normal_glob
from govflow.policy.holes import every_match, some_match
from govflow.policy.index import Targets, literals
from govflow.policy.model import Decision, PolicyRequest
from govflow.policy.places import Path, Places
from govflow.policy.rollout import Rollout, share
from govflow.policy.rules import PolicyRule, RuleMode
from govflow.policy.selectors import EVERYONE

SHADOW: Final = "shadow"
ADVISORY: Final = "advisory"
_HERE: Final[Path] = ("policy", "rules")


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRule:
    """A rule, ready to be asked."""

    rule: PolicyRule
    name: str
    note: str  # "" for a rule that decides; else what its name is prefixed with in ``Decision.rules``
    action: Matcher | None  # None: every action; so for the others
    resource: Matcher | None
    unsure: Matcher | None  # the same for a resource of which only a part is known
    subjects: frozenset[str] | None
    conditions: Predicate | None
    plain: bool  # it decides wherever it matches
    secures: bool  # a deny or require_approval of a security band
    outside: Predicate | None  # whether the request is outside the share of a rollout
    exemptions: Exemptions | None
    reads: frozenset[str]  # attributes
    targets: Targets  # what it is filed by
    alone: Decision  # the decision when only this rule matched

    @classmethod
    def of(cls, rule: PolicyRule, document: PolicyDocument, exemptions: Exemptions | None) -> CompiledRule:
        """The rule of a sound document."""
        conditions = compile_rule(rule, document.schema, Places(document.where), _HERE)
        reads = paths_of(rule.conditions)
        if rule.expires is not None:
            expiry = document.schema.find(TIME)
            assert expiry is not None  # it is built in
            conditions = (*conditions, compile_condition(expiry, "before", rule.expires, rule.restricts))
            reads |= {TIME}
        if rule.rollout is not None:
            reads |= {rule.rollout.by}
        if exemptions is not None:
            reads |= exemptions.reads
        resources = [normal_glob(pattern) for pattern in rule.resources]
        matches = compile_globs(resources)
        subjects = None if EVERYONE in rule.subjects else frozenset(rule.subjects)
        return cls(
            rule=rule,
            name=rule.name,
            note="" if rule.decides else SHADOW if rule.mode is RuleMode.SHADOW else ADVISORY,
            action=compile_globs(rule.actions),
            resource=matches,
            unsure=some_match(resources) if rule.restricts else every_match(resources),
            subjects=subjects,
            conditions=all_of(conditions) if conditions else None,
            plain=rule.decides and rule.rollout is None and exemptions is None,
            secures=rule.restricts and document.policy.secures(rule),
            outside=None if rule.rollout is None else _outside(rule, rule.rollout),
            exemptions=exemptions,
            reads=reads,
            targets=Targets(None if matches is None else tuple(map(literals, resources)), subjects),
            alone=Decision(
                effect=rule.effect,
                rule=rule.name,
                reason=rule.description or f"Rule {rule.name!r} says {rule.effect}.",
                policy_digest=document.digest,
                rules=(rule.name,),
                approval=rule.approval,
                obligations=tuple(dict.fromkeys(rule.obligations)),
                stride=tuple(rule.stride),
                compliance=tuple(rule.compliance),
            ),
        )

    def matches(self, request: PolicyRequest, resource: str, *, holes: bool) -> bool:
        """Whether subject, resource and all conditions match; the action has been checked.

        A condition that is not met rules the rule out, whatever the others would say, so the order of conditions
        never matters. Only if none is unmet does one without an answer become an error.
        """
        return self.is_for(request.selectors, resource, holes=holes) and (
            self.conditions is None or self.conditions(request, resource)
        )

    def is_for(self, selectors: Set[str], resource: str, *, holes: bool) -> bool:
        """Whether subject and resource match."""
        if self.subjects is not None and self.subjects.isdisjoint(selectors):
            return False
        match = self.unsure if holes else self.resource
        return match is None or match(resource)


def exemptions_of(document: PolicyDocument) -> dict[str, Exemptions]:
    """The exceptions of a set, by the rule that they are from."""
    found: dict[str, list[Exemption]] = {}
    for exception in document.policy.exceptions:
        conditions = compile_exception(exception, document.schema, Places(document.where), ("policy", "exceptions"))
        found.setdefault(exception.rule, []).append(Exemption.of(exception, conditions))
    return {rule: Exemptions(tuple(entries)) for rule, entries in found.items()}


def _outside(rule: PolicyRule, rollout: Rollout) -> Predicate:
    read, within = reader(rollout.by), share(rule.name, rollout, rule.restricts)
    return lambda request, resource: not within(read(request, resource))
