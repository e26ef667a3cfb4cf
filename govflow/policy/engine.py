"""The engine: decides requests against one document, which it compiles when it is made.

Nothing is looked up, parsed or sorted while deciding. Rules stand in the order in which they are considered: priority,
then deny before require_approval before allow, then their place in the file. For each action that is asked about, the
rules whose action globs match it are picked once.

Every path out of :meth:`Engine.decide` is a decision, and whatever goes wrong on the way to one is a deny.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Final, NamedTuple

from govflow.policy.attributes import EvaluationError
from govflow.policy.checks import compile_rule
from govflow.policy.conditions import Predicate
from govflow.policy.document import PolicyDocument
from govflow.policy.globs import Matcher, NoNormalForm, compile_globs, normal_glob, normal_resource
from govflow.policy.holes import HOLE, every_match, normal_with_holes, some_match
from govflow.policy.model import Decision, Effect, PolicyRequest
from govflow.policy.places import Places
from govflow.policy.rules import Combining, PolicyRule, RuleMode
from govflow.policy.selectors import EVERYONE

DEFAULT: Final = "default"
ERROR: Final = "error"

_SEVERITY: Final = {Effect.DENY: 0, Effect.REQUIRE_APPROVAL: 1, Effect.ALLOW: 2}
_PERMISSIVE: Final = {Effect.ALLOW: 0, Effect.REQUIRE_APPROVAL: 1, Effect.DENY: 2}
_MAX_ACTIONS: Final = 4096  # actions are a closed set; what is asked beyond that is not worth keeping


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A rule, ready to be asked."""

    rule: PolicyRule
    note: str  # "" for a rule that decides; else what its name is prefixed with in ``Decision.rules``
    action: Matcher | None  # None: every action; so for the others
    resource: Matcher | None
    unsure: Matcher | None  # the same for a resource of which only a part is known
    subjects: frozenset[str] | None
    conditions: tuple[Predicate, ...]
    alone: Decision  # the decision when only this rule matched

    def matches(self, request: PolicyRequest, resource: str, *, holes: bool) -> bool:
        """Whether subject, resource and all conditions match; the action has been checked.

        A condition that is not met rules the rule out, whatever the others would say, so the order of conditions
        never matters. Only if none is unmet does one without an answer become an error.
        """
        if self.subjects is not None and self.subjects.isdisjoint(request.selectors):
            return False
        match = self.unsure if holes else self.resource
        if match is not None and not match(resource):
            return False
        problem: Exception | None = None
        for met in self.conditions:
            try:
                if not met(request, resource):
                    return False
            except Exception as raised:  # noqa: BLE001 - kept, and raised below unless another condition is unmet
                problem = problem or raised
        if problem is not None:
            raise problem
        return True


class _Found(NamedTuple):
    """What the rules say about a request."""

    names: tuple[str, ...]  # every rule that matched, in order, notes included
    deciding: tuple[_Compiled, ...]  # those of them that may decide


class Engine:
    """Decides requests against one immutable document. Safe to share between threads."""

    def __init__(self, document: PolicyDocument) -> None:
        policy = document.policy
        self._digest = document.digest
        self._first = policy.combining is Combining.FIRST_MATCH
        ranks = _PERMISSIVE if policy.combining is Combining.PERMIT_OVERRIDES else _SEVERITY
        self._rank: Callable[[_Compiled], int] = lambda compiled: ranks[compiled.rule.effect]
        considered = [rule for rule in policy.rules if rule.mode is not RuleMode.OFF]
        considered.sort(key=lambda rule: (rule.priority, _SEVERITY[rule.effect]))  # stable: the file's order is last
        self._rules = tuple(self._compile(rule, document) for rule in considered)
        self._footprint = frozenset(path for rule in considered for path in rule.conditions)
        self._by_action: dict[str, tuple[_Compiled, ...]] = {}
        self._default = Decision(
            effect=policy.default_effect,
            rule=DEFAULT,
            reason=f"No rule matches; the default of policy {policy.name!r} is {policy.default_effect}.",
            policy_digest=self._digest,
        )

    @property
    def digest(self) -> str:
        """``sha256:`` digest of the document."""
        return self._digest

    @property
    def footprint(self) -> frozenset[str]:
        """Attribute paths that any rule reads; action, provider, resource and selectors may be read besides."""
        return self._footprint

    def decide(self, request: PolicyRequest) -> Decision:
        """Decide; never raises.

        Effect, rule and reason are those of the deciding rule; ``rules`` names every rule that matched on the way, in
        order, with ``shadow:`` and ``advisory:`` before the names of those that never decide, and ``error:``,
        ``shadow-error:`` or ``advisory-error:`` before those that could not be evaluated.
        """
        try:
            if not isinstance(request.selectors, Set):  # text is iterable too, and would name nobody
                raise TypeError("selectors")
            holes = HOLE in request.resource
            resource = normal_with_holes(request.resource) if holes else normal_resource(request.resource)
            found = self._find(request, resource, holes=holes)
            return self._combine(found) if isinstance(found, _Found) else found
        except NoNormalForm as problem:
            return self._error(f"{problem}, so no rule can be matched with it.", ())
        except Exception as problem:  # noqa: BLE001 - law: whatever goes wrong in a decision is a deny
            return self._error(f"The request could not be evaluated: {type(problem).__name__}.", ())

    def _find(self, request: PolicyRequest, resource: str, *, holes: bool) -> _Found | Decision:
        names: tuple[str, ...] = ()
        deciding: tuple[_Compiled, ...] = ()
        for compiled in self._candidates(request.action):
            try:
                if not compiled.matches(request, resource, holes=holes):
                    continue
            except Exception as problem:  # noqa: BLE001 - law: a rule that cannot be evaluated denies
                if not compiled.note:
                    reason = f"Rule {compiled.rule.name!r} could not be evaluated: {_why(problem)}."
                    return self._error(reason, (*names, f"error:{compiled.rule.name}"))
                names = (*names, f"{compiled.note}-error:{compiled.rule.name}")
                continue
            if compiled.note:
                names = (*names, f"{compiled.note}:{compiled.rule.name}")
                continue
            names, deciding = (*names, compiled.rule.name), (*deciding, compiled)
            if self._first:
                break
        return _Found(names, deciding)

    def _combine(self, found: _Found) -> Decision:
        if not found.deciding:
            return _with_names(self._default, found.names)
        winner = min(found.deciding, key=self._rank)  # the first of those with the same rank
        if len(found.names) == 1:
            return winner.alone
        same = [other.rule for other in found.deciding if other.rule.effect is winner.rule.effect]
        obligations = dict.fromkeys(name for rule in same for name in rule.obligations)
        return _with_names(winner.alone, found.names, tuple(obligations))

    def _candidates(self, action: str) -> tuple[_Compiled, ...]:
        known = self._by_action.get(action)
        if known is None:
            known = tuple(rule for rule in self._rules if rule.action is None or rule.action(action))
            if len(self._by_action) < _MAX_ACTIONS:
                self._by_action[action] = known
        return known

    def _error(self, reason: str, rules: tuple[str, ...]) -> Decision:
        return Decision(effect=Effect.DENY, rule=ERROR, reason=reason, policy_digest=self._digest, rules=rules)

    def _compile(self, rule: PolicyRule, document: PolicyDocument) -> _Compiled:
        note = "" if rule.decides else "shadow" if rule.mode is RuleMode.SHADOW else "advisory"
        resources = [normal_glob(pattern) for pattern in rule.resources]
        unsure = every_match if rule.effect is Effect.ALLOW else some_match
        return _Compiled(
            rule=rule,
            note=note,
            action=compile_globs(rule.actions),
            resource=compile_globs(resources),
            unsure=unsure(resources),
            subjects=None if EVERYONE in rule.subjects else frozenset(rule.subjects),
            conditions=compile_rule(rule, document.schema, Places(document.where), ("policy", "rules")),
            alone=Decision(
                effect=rule.effect,
                rule=rule.name,
                reason=rule.description or f"Rule {rule.name!r} says {rule.effect}.",
                policy_digest=document.digest,
                rules=(rule.name,),
                approval=rule.approval,
                obligations=tuple(rule.obligations),
            ),
        )

    def __iter__(self) -> Iterator[PolicyRule]:
        """The rules in the order in which they are considered, those that are off left out."""
        return (compiled.rule for compiled in self._rules)


def _with_names(decision: Decision, names: tuple[str, ...], obligations: tuple[str, ...] | None = None) -> Decision:
    return Decision(
        effect=decision.effect,
        rule=decision.rule,
        reason=decision.reason,
        policy_digest=decision.policy_digest,
        rules=names,
        approval=decision.approval,
        obligations=decision.obligations if obligations is None else obligations,
    )


def _why(problem: Exception) -> str:
    # Texts of other exceptions may quote values, and a value may be a secret.
    return str(problem) if isinstance(problem, EvaluationError) else type(problem).__name__
