"""Which decisions a request may have got of which not everything is known.

    asked = PolicyRequest(..., attributes={"parameters": {"region": UNKNOWN}})
    possible(engine, asked).effects          # {deny} is certain, {allow, deny} is not

The answer errs on one side only: whatever stands in the place of what is unknown, any value of any type or none, the
decision is among those that are named. So an effect that stands alone is certain. A rule that hangs on an unknown
attribute may match, may not, or may be without an answer, which denies; what follows from each of these is followed
through the combining of the set. A property test replaces what is unknown by many values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from govflow.policy.compiled import CompiledRule
from govflow.policy.engine import DEFAULT, ERROR, SEVERITY, Engine
from govflow.policy.layers import LayeredEngine
from govflow.policy.model import Effect, PolicyEngine, PolicyRequest
from govflow.policy.rules import Combining
from govflow.policy.unknown import Undetermined

_PERMISSIVE: Final = {effect: -rank for effect, rank in SEVERITY.items()}


@dataclass(frozen=True, slots=True)
class Possible:
    """What may have been decided."""

    effects: frozenset[Effect]  # at least one; one alone is certain
    rules: frozenset[str]  # that may have decided; ``default`` and ``error`` among them where they may
    hinges: frozenset[str]  # attributes that are unknown and that a rule hangs on

    @property
    def certain(self) -> Effect | None:
        """The effect, whatever the unknown attributes are."""
        (effect, *others) = self.effects
        return None if others else effect


class _Says(Enum):
    """What a rule says of a request."""

    NO = auto()  # it does not match, or does not decide
    YES = auto()  # it matches and decides
    ERROR = auto()  # it cannot be evaluated
    MAYBE = auto()  # any of these
    UNLESS = auto()  # it matches, and an exception may be honoured: no error


@dataclass(slots=True)
class _Walk:
    """What is known after some rules."""

    certain: list[CompiledRule] = field(default_factory=list)
    perhaps: list[CompiledRule] = field(default_factory=list)
    leading: list[CompiledRule] = field(default_factory=list)  # those that may be the first to match
    decided: bool = False  # some rule matched for certain, or ended it
    error: bool = False  # one of them may be without an answer
    failed: bool = False  # one of them is, for certain
    hinges: set[str] = field(default_factory=set)


def possible(engine: PolicyEngine, request: PolicyRequest) -> Possible:
    """The decisions that ``request`` may have got; ``UNKNOWN`` stands where an attribute is not known. Never raises.

    Of another engine than those of this room nothing is known: it may have decided anything.
    """
    if isinstance(engine, Engine):
        return _possible(engine, request)
    if not isinstance(engine, LayeredEngine):
        return Possible(frozenset(Effect), frozenset(), frozenset())
    told = [(layer, possible(one, request)) for layer, one in engine.layers]
    effects = strictest_of([one.effects for _, one in told])
    names = {f"{layer}/{name}" for layer, one in told if one.effects & effects for name in one.rules}
    return Possible(effects, frozenset(names), frozenset[str]().union(*(one.hinges for _, one in told)))


def strictest_of(choices: Sequence[frozenset[Effect]]) -> frozenset[Effect]:
    """What the strictest of several decisions may be: each of them at its mildest, and any at its strictest."""
    mildest = min(max(SEVERITY[effect] for effect in effects) for effects in choices)
    return frozenset(effect for effects in choices for effect in effects if SEVERITY[effect] <= mildest)


def _possible(engine: Engine, request: PolicyRequest) -> Possible:
    try:
        if not isinstance(request.selectors, Set):  # as the engine: text is iterable too, and would name nobody
            raise TypeError("selectors")
        rules, resource, holes = engine.candidates(request)
    except Exception:  # noqa: BLE001 - as the engine: what cannot be evaluated is denied
        return _error(frozenset())
    walk = _walked(engine, rules, request, resource, holes=holes)
    hinges = frozenset(walk.hinges)
    if walk.failed:
        return _error(hinges)
    effects = frozenset(_effects(engine, walk))
    names = {one.name for one in (*walk.certain, *walk.perhaps) if one.rule.effect in effects}
    names |= {ERROR} if walk.error else set()
    names |= set() if walk.decided else {DEFAULT}
    return Possible(effects, frozenset(names), hinges)


def _error(hinges: frozenset[str]) -> Possible:
    return Possible(frozenset({Effect.DENY}), frozenset({ERROR}), hinges)


def _walked(
    engine: Engine, rules: Sequence[CompiledRule], request: PolicyRequest, resource: str, *, holes: bool
) -> _Walk:
    """Ask the rules in the order of the engine, as far as one that is asked may be."""
    first, walk = engine.combining is Combining.FIRST_MATCH, _Walk()
    for one in rules:
        if one.note or (first and walk.decided and not one.secures):
            continue  # in shadow or advisory; or another one has decided
        says = _said(one, request, resource, walk.hinges, holes=holes)
        if says in (_Says.YES, _Says.MAYBE, _Says.UNLESS) and not walk.decided:
            walk.leading.append(one)
        if says is _Says.YES:
            walk.certain.append(one)
            walk.decided = True
        elif says is _Says.ERROR:
            if not first or one.secures or not walk.perhaps:
                walk.failed = True
                return walk
            walk.error = walk.decided = True  # unless one before it has decided
        elif says is not _Says.NO:
            walk.perhaps.append(one)
            walk.error = walk.error or says is _Says.MAYBE
    return walk


def _said(one: CompiledRule, request: PolicyRequest, resource: str, hinges: set[str], *, holes: bool) -> _Says:
    try:
        if not one.matches(request, resource, holes=holes):
            return _Says.NO
        if one.outside is not None and one.outside(request, resource):
            return _Says.NO
    except Undetermined as unknown:
        hinges.add(unknown.path)
        return _Says.MAYBE
    except Exception:  # noqa: BLE001 - as the engine: a rule that cannot be evaluated denies
        return _Says.ERROR
    try:
        if one.exemptions is not None and one.exemptions.rule_on(request, resource, holes=holes).honoured is not None:
            return _Says.NO
    except Undetermined as unknown:
        hinges.add(unknown.path)
        return _Says.UNLESS
    return _Says.YES


def _effects(engine: Engine, walk: _Walk) -> Iterator[Effect]:
    """What may be decided where no error is."""
    if walk.error:
        yield Effect.DENY
    if not walk.decided:
        yield engine.default_effect
    if engine.combining is Combining.FIRST_MATCH:
        usual: set[Effect | None] = {one.rule.effect for one in walk.leading}
    else:
        ranks = _PERMISSIVE if engine.combining is Combining.PERMIT_OVERRIDES else SEVERITY
        usual = _best(walk.certain, walk.perhaps, ranks)
    secured = _best(
        [one for one in walk.certain if one.secures], [one for one in walk.perhaps if one.secures], SEVERITY
    )
    for effect in usual - {None}:
        for security in secured:
            yield min((one for one in (effect, security) if one is not None), key=SEVERITY.__getitem__)


def _best(
    certain: Sequence[CompiledRule], perhaps: Sequence[CompiledRule], ranks: Mapping[Effect, int]
) -> set[Effect | None]:
    """The best effect of the rules that match, whichever of ``perhaps`` do; ``None`` for no rule.

    The best of several is the best of one of them and of those that are certain, so each is tried alone.
    """
    least = min((one.rule.effect for one in certain), key=ranks.__getitem__, default=None)
    found: set[Effect | None] = {least}
    for one in perhaps:
        effects = (one.rule.effect, *(() if least is None else (least,)))
        found.add(min(effects, key=ranks.__getitem__))
    return found
