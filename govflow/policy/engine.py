"""The engine: decides requests against one document, which it compiles when it is made.

Rules stand in the order in which they are considered: priority, then deny before require_approval before allow, then
their place in the file. For each action that is asked about, the rules whose action globs match it are filed once by
what they need (:mod:`govflow.policy.index`), so a request asks a few of ten thousand. Decisions are built once.

Every path out of :meth:`Engine.decide` is a decision, and whatever goes wrong on the way to one is a deny.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Final

from govflow.ir.models import Tier
from govflow.policy.attributes import EvaluationError
from govflow.policy.compiled import SHADOW, CompiledRule, exemptions_of
from govflow.policy.document import PolicyDocument
from govflow.policy.globs import NoNormalForm, normal_resource
from govflow.policy.holes import HOLE, normal_with_holes
from govflow.policy.index import Index
from govflow.policy.model import Decision, Effect, PolicyRequest
from govflow.policy.rules import Combining, PolicyRule, RuleMode
from govflow.policy.uncollected import uncollected

DEFAULT: Final = "default"
ERROR: Final = "error"

SEVERITY: Final = {Effect.DENY: 0, Effect.REQUIRE_APPROVAL: 1, Effect.ALLOW: 2}
_PERMISSIVE: Final = {Effect.ALLOW: 0, Effect.REQUIRE_APPROVAL: 1, Effect.DENY: 2}
_TIERS: Final = frozenset(map(int, Tier))
_OF_TIERS: Final = (int, Tier)  # not bool, which counts as int elsewhere
_MODES: Final = frozenset({"observe", "enforce"})
_MAX_ACTIONS: Final = 4096  # actions are a closed set; what is asked beyond that is not worth keeping
_MAX_KEPT: Final = 8192  # of each of the two caches below; then they begin anew


@dataclass(slots=True)
class _Found:
    """What the rules say about a request."""

    names: list[str]  # every rule that matched, in order, notes included
    deciding: list[CompiledRule]  # those of them that may decide
    honoured: list[str]  # exceptions
    refused: list[str]  # why exceptions are not honoured, in words
    error: str = ""  # why a rule that decides could not be evaluated, in words


class Engine:
    """Decides requests against one immutable document. Safe to share between threads."""

    @uncollected()
    def __init__(self, document: PolicyDocument) -> None:
        policy = document.policy
        self.combining = policy.combining
        self.default_effect = policy.default_effect
        self._digest = document.digest
        self._first = policy.combining is Combining.FIRST_MATCH
        self._ranks = _PERMISSIVE if policy.combining is Combining.PERMIT_OVERRIDES else SEVERITY
        self._exceptions = policy.exceptions
        exemptions = exemptions_of(document)
        considered = [rule for rule in policy.rules if rule.mode is not RuleMode.OFF]
        considered.sort(key=lambda rule: (rule.priority, SEVERITY[rule.effect]))  # stable: the file's order is last
        self._rules = tuple(CompiledRule.of(rule, document, exemptions.get(rule.name)) for rule in considered)
        self._secured = any(compiled.secures for compiled in self._rules)
        self._plain = self._first and not self._secured
        self._footprint = frozenset[str]().union(*(compiled.reads for compiled in self._rules))
        self._by_action: dict[str, Index[CompiledRule]] = {}
        self._picked: dict[tuple[str, str, frozenset[str]], tuple[CompiledRule, ...]] = {}
        self._built: dict[tuple[object, ...], Decision] = {}
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
        """Attribute paths that any rule reads; action, provider, resource and selectors may be read besides.

        A decision also repeats ``step.tier`` and ``run.mode``.
        """
        return self._footprint

    @property
    def selectors(self) -> frozenset[str]:
        """The selectors that any rule or exception names; others of a request make no difference."""
        named = [compiled.rule.subjects for compiled in self._rules]
        named += [exception.subjects for exception in self._exceptions]
        return frozenset(selector for subjects in named for selector in subjects)

    def decide(self, request: PolicyRequest) -> Decision:
        """Decide; never raises.

        Effect, rule and reason are those of the deciding rule; ``rules`` names every rule that matched on the way, in
        order, with ``shadow:`` and ``advisory:`` before the names of those that do not decide, ``exempt:`` before those
        from which an exception was honoured, and ``error:``, ``shadow-error:`` or ``advisory-error:`` before those that
        could not be evaluated.
        """
        try:
            step, run = request.attributes.get("step"), request.attributes.get("run")
            tier = step.get("tier") if step.__class__ is dict else None
            mode = run.get("mode") if run.__class__ is dict else None
            known = tier if tier is None or (tier.__class__ in _OF_TIERS and tier in _TIERS) else None
            said = mode if mode is None or (isinstance(mode, str) and mode in _MODES) else None
            if self._plain and (decision := self._quick(request, known, said)) is not None:
                return decision
            return self._told(self._asked(request, every=False), known, said)
        except NoNormalForm as problem:
            return self._error(f"{problem}, so no rule can be matched with it.", ())
        except Exception as problem:  # noqa: BLE001 - law: whatever goes wrong in a decision is a deny
            return self._error(f"The request could not be evaluated: {type(problem).__name__}.", ())

    def matching(self, request: PolicyRequest) -> tuple[str, ...]:
        """Every rule that matches, in order and with the notes of ``Decision.rules``, also behind the deciding one.

        Empty for a request that cannot be evaluated at all.
        """
        try:
            return tuple(self._asked(request, every=True).names)
        except Exception:  # noqa: BLE001 - `decide` says what is wrong with it
            return ()

    def candidates(self, request: PolicyRequest) -> tuple[tuple[CompiledRule, ...], str, bool]:
        """The rules that may match, in order; the resource in normal form; whether only a part of it is known.

        Raises:
            NoNormalForm: the resource has none.
        """
        if HOLE in request.resource:
            return self._index(request.action).rules, normal_with_holes(request.resource), True
        resource = normal_resource(request.resource)
        return self._candidates(request.action, resource, request.selectors), resource, False

    def _asked(self, request: PolicyRequest, *, every: bool) -> _Found:
        selectors = request.selectors
        if selectors.__class__ is not frozenset and not isinstance(
            selectors, Set
        ):  # text is iterable too, and would name nobody
            raise TypeError("selectors")
        if HOLE in request.resource:
            resource = normal_with_holes(request.resource)
            return self._find(self._index(request.action).rules, request, resource, holes=True, every=every)
        resource = normal_resource(request.resource)
        return self._find(
            self._candidates(request.action, resource, selectors), request, resource, holes=False, every=every
        )

    def _find(
        self, rules: Sequence[CompiledRule], request: PolicyRequest, resource: str, *, holes: bool, every: bool
    ) -> _Found:
        found, decided = _Found([], [], [], []), False
        for compiled in rules:
            if decided and not compiled.secures:
                continue
            try:
                if holes:
                    if not compiled.matches(request, resource, holes=True):
                        continue
                elif compiled.conditions is not None and not compiled.conditions(request, resource):
                    continue  # the rest was asked when the candidates were picked
                note = compiled.note
                if compiled.outside is not None and not note and compiled.outside(request, resource):
                    note = SHADOW
            except Exception as problem:  # noqa: BLE001 - law: a rule that cannot be evaluated denies
                if compiled.note:
                    found.names.append(f"{compiled.note}-error:{compiled.name}")
                    continue
                found.names.append(f"error:{compiled.name}")
                found.error = f"Rule {compiled.name!r} could not be evaluated: {_why(problem)}."
                if every:
                    continue
                break
            if note:
                found.names.append(f"{note}:{compiled.name}")
                continue
            if compiled.exemptions is not None:
                ruling = compiled.exemptions.rule_on(request, resource, holes=holes)
                if ruling.honoured is not None:
                    found.names.append(f"exempt:{compiled.name}")
                    found.honoured.append(ruling.honoured)
                    continue
                found.refused.extend(ruling.refused)
            found.names.append(compiled.name)
            found.deciding.append(compiled)
            if self._first and not every:
                if not self._secured:
                    break
                decided = True
        return found

    def _quick(self, request: PolicyRequest, known: Any, said: Any) -> Decision | None:
        """The decision of a set in which the first rule decides, if all that it takes was made before; else ``None``.

        Says what :meth:`_asked` and :meth:`_told` say at length. Most requests end here.
        """
        selectors = request.selectors
        if selectors.__class__ is not frozenset or HOLE in request.resource:
            return None
        index = self._by_action.get(request.action)
        if index is None:
            return None
        resource = normal_resource(request.resource)
        picked = self._picked.get((request.action, resource, index.named & selectors))
        if picked is None:
            return None
        names: tuple[str, ...] = ()
        for compiled in picked:
            conditions = compiled.conditions
            try:
                if conditions is not None and not conditions(request, resource):
                    continue
            except Exception:  # noqa: BLE001 - asked again at length, which says what is wrong
                return None
            if not compiled.plain:
                return None
            names = compiled.alone.rules
            break
        return self._built.get((names, known, said, None))

    def _told(self, found: _Found, known: Any, said: Any) -> Decision:
        """The decision, built the first time that it is the answer."""
        if found.error:
            return self._error(found.error, tuple(found.names))
        names = tuple(found.names)
        more = (*found.honoured, *found.refused) if found.honoured or found.refused else None
        key = (names, known, said, more)
        decision = self._built.get(key)
        if decision is None:
            plain = None if known is None else int(known)
            decision = replace(self._combined(found, names), tier=plain, mode=None if said is None else str(said))
            if len(self._built) >= _MAX_KEPT:
                self._built.clear()
            self._built[key] = decision
        return decision

    def _combined(self, found: _Found, names: tuple[str, ...]) -> Decision:
        obligations: dict[str, None] = {}
        chosen = self._default
        if found.deciding:
            ranks = self._ranks
            first = found.deciding[0]
            winner = first if self._first else min(found.deciding, key=lambda one: ranks[one.rule.effect])
            if self._secured:
                winner = min((one for one in found.deciding if one.secures or one is winner), key=_security_first)
            same = [other.rule for other in found.deciding if other.rule.effect is winner.rule.effect]
            obligations = dict.fromkeys(name for rule in same for name in rule.obligations)
            chosen = winner.alone
        return replace(
            chosen,
            reason=" ".join([chosen.reason, *found.refused]),
            rules=names,
            obligations=tuple(obligations),
            exceptions=tuple(found.honoured),
        )

    def _candidates(self, action: str, resource: str, selectors: Set[str]) -> tuple[CompiledRule, ...]:
        """The rules that are for this action, resource and subject: what is left to ask are their conditions."""
        index = self._by_action.get(action)
        if index is None:
            index = self._index(action)
        asked = index.named.intersection(selectors)
        key = (action, resource, asked)
        picked = self._picked.get(key)
        if picked is None:
            found = index.candidates(resource, asked)
            picked = tuple(compiled for compiled in found if compiled.is_for(asked, resource, holes=False))
            if len(self._picked) >= _MAX_KEPT:
                self._picked.clear()
            self._picked[key] = picked
        return picked

    def _index(self, action: str) -> Index[CompiledRule]:
        known = self._by_action.get(action)
        if known is None:
            rules = [rule for rule in self._rules if rule.action is None or rule.action(action)]
            known = Index(rules, lambda rule: rule.targets)
            if len(self._by_action) < _MAX_ACTIONS:
                self._by_action[action] = known
        return known

    def _error(self, reason: str, rules: tuple[str, ...]) -> Decision:
        return Decision(effect=Effect.DENY, rule=ERROR, reason=reason, policy_digest=self._digest, rules=rules)

    def __iter__(self) -> Iterator[PolicyRule]:
        """The rules in the order in which they are considered, those that are off left out."""
        return (compiled.rule for compiled in self._rules)


def _security_first(compiled: CompiledRule) -> tuple[int, bool]:
    return SEVERITY[compiled.rule.effect], not compiled.secures


def _why(problem: Exception) -> str:
    # Texts of other exceptions may quote values, and a value may be a secret.
    return str(problem) if isinstance(problem, EvaluationError) else type(problem).__name__
