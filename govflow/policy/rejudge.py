"""What a policy says of a decision that was recorded, as far as what was recorded tells."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from govflow.policy.attributes import BUILT_IN, OPEN
from govflow.policy.engine import Engine
from govflow.policy.exemptions import TIME
from govflow.policy.layers import LayeredEngine
from govflow.policy.memo import Memo
from govflow.policy.model import Effect, PolicyRequest
from govflow.policy.possible import possible, strictest_of
from govflow.policy.recorded import Recorded
from govflow.policy.unknown import UNKNOWN

RESOURCE: Final = "resource"
_TIME: Final = ("run", "time")
_MAX_KEPT: Final = 8192

Keys = tuple[str, ...]
"""What leads to an attribute, from its section on."""


class Answer(NamedTuple):
    """What is said now of one recorded decision."""

    effect: Effect | None  # None: what was recorded does not tell
    rule: str = ""
    reason: str = ""
    rules: tuple[str, ...] = ()  # all that match, with notes
    may_be: frozenset[Effect] = frozenset()  # where ``effect`` is None
    hinges: frozenset[str] = frozenset()  # attributes that would tell


class Rejudge:
    """One policy, asked about many recorded decisions. Answers are remembered by what the policy reads."""

    def __init__(self, engine: Engine | LayeredEngine, *, altered: bool = False) -> None:
        """``altered``: it decides otherwise than a policy of its digest did when it was asked."""
        self.engine = engine
        self._altered = altered
        self._memo = Memo(engine)
        # Built-in attributes are recorded whole. Others were asked for, and kept, only where a decision looked at them.
        asked_for = {path for path in engine.footprint if path not in BUILT_IN}
        self._open = _keys(asked_for)
        self._told = _keys({path for path in asked_for if path.partition(".")[0] != OPEN})
        self._timed = TIME in engine.footprint
        self._kept: dict[Hashable, Answer] = {}

    def answer(self, record: Recorded) -> Answer:
        """What the policy says; the strictest of what it says of each of its requests."""
        known = record.complete or record.policy_digest == self.engine.digest
        if len(record.requests) == 1:
            return self._of_one(record.requests[0], record, known)
        return _strictest([self._of_one(request, record, known) for request in record.requests])

    def _of_one(self, request: PolicyRequest, record: Recorded, known: bool) -> Answer:
        """``known``: what the request does not hold is missing; else that is said of some sections only."""
        erased = record.erased
        if RESOURCE in erased:
            return Answer(None, may_be=frozenset(Effect), hinges=frozenset({RESOURCE}))
        may_be = self._open if not known else self._told if self._altered and not record.complete else ()
        unknown = [path for path in may_be if _absent(request.attributes, path)]
        if not known and self._timed and _absent(request.attributes, _TIME):
            # A run tells the time only to a policy that asks for it. Where nobody was waited for, it is the record's.
            if record.at and record.effect is not Effect.REQUIRE_APPROVAL:
                run = request.attributes.get("run", {})
                request = replace(request, attributes={**request.attributes, "run": {**run, "time": record.at}})
            else:
                unknown.append(_TIME)
        unknown += _keys(erased)
        if not unknown:
            decision = self._memo.decide(request)
            return Answer(decision.effect, decision.rule, decision.reason, decision.rules)
        asked = replace(request, attributes=_without(request.attributes, unknown))
        key = self._memo.key(asked)
        if key is None:
            return self._possible(asked)
        answer = self._kept.get(key)
        if answer is None:
            answer = self._possible(asked)
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            self._kept[key] = answer
        return answer

    def _possible(self, asked: PolicyRequest) -> Answer:
        told = possible(self.engine, asked)
        if told.certain is None:
            return Answer(None, may_be=told.effects, hinges=told.hinges)
        if not told.hinges:
            decision = self.engine.decide(asked)
            return Answer(decision.effect, decision.rule, decision.reason, decision.rules)
        rules = ", ".join(sorted(told.rules))
        hinges = ", ".join(sorted(told.hinges))
        reason = f"Whatever {hinges} was, the effect is {told.certain}; the rule is one of: {rules}."
        return Answer(told.certain, next(iter(told.rules)) if len(told.rules) == 1 else "", reason)


def _keys(paths: Iterable[str]) -> tuple[Keys, ...]:
    """The keys that lead to each. Parameters are recorded one by one, with all that they hold."""
    parted = (path.split(".") for path in paths)
    return tuple(sorted({tuple(keys[:2] if keys[0] == OPEN else keys) for keys in parted}))


def _absent(attributes: Mapping[str, Any], keys: Keys) -> bool:
    values: Any = attributes
    for key in keys:
        if values.__class__ is not dict and not isinstance(values, Mapping):
            return False  # what stands there is no section, and was recorded as it was
        if key not in values:
            return True
        values = values[key]
    return False


def _without(attributes: Mapping[str, Any], unknown: Iterable[Keys]) -> dict[str, Any]:
    """The attributes with ``UNKNOWN`` in these places, or in that of a value on the way to one that is no section."""
    found = dict(attributes)
    for keys in unknown:
        inner = found
        for key in keys[:-1]:
            held = inner.get(key, {})
            if not isinstance(held, Mapping):
                break
            inner[key] = inner = dict(held)
        else:
            key = keys[-1]
        inner[key] = UNKNOWN
    return found


def _strictest(answers: list[Answer]) -> Answer:
    """The first of the strictest, where that is certain: each may be at its mildest, and any at its strictest."""
    choices = [answer.may_be if answer.effect is None else frozenset({answer.effect}) for answer in answers]
    may_be = strictest_of(choices)
    if len(may_be) > 1:
        return Answer(None, may_be=may_be, hinges=frozenset[str]().union(*(answer.hinges for answer in answers)))
    (effect,) = may_be
    certain = (answer for answer in answers if answer.effect is effect)
    return next(certain, Answer(effect, reason=f"Whatever is not known, the effect is {effect}."))
