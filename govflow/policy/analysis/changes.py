"""Changes of a request, and how a request is steered past the rules that stop it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from govflow.policy.analysis.formulas import Atom, atoms_of
from govflow.policy.analysis.trace import condition_words
from govflow.policy.analysis.values import near
from govflow.policy.analysis.views import RuleView
from govflow.policy.attributes import AttributeType
from govflow.policy.cel import CEL
from govflow.policy.engine import Engine
from govflow.policy.model import Decision, PolicyRequest
from govflow.policy.values import HAS_TYPE, NUMBER, kind_of

_MOST_STEPS: Final = 12
FIXED: Final = frozenset({"action", "provider", "resource", "run.time", "run.mode"})
"""What nobody changes to get something through: what is asked, and the clock."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing about a request that would be different."""

    field: str  # ``resource``, ``subject``, or the path of an attribute
    value: Any
    words: str

    def on(self, request: PolicyRequest) -> PolicyRequest:
        """The request with it."""
        if self.field == "resource":
            return replace(request, resource=self.value)
        if self.field == "subject":
            return replace(request, selectors=request.selectors | {self.value}, attributes=self._named(request))
        return replace(request, attributes=_with(request.attributes, self.field.split("."), self.value))

    def _named(self, request: PolicyRequest) -> Mapping[str, Any]:
        """A role stands among the attributes too."""
        kind, _, name = self.value.partition(":")
        subject = request.attributes.get("subject")
        if kind != "role" or not isinstance(subject, Mapping):
            return request.attributes
        held = subject.get("roles")
        roles = [*(held if isinstance(held, list | tuple) else ()), name]
        return {**request.attributes, "subject": {**subject, "roles": roles}}


def steer(
    engine: Engine,
    rules: Mapping[str, RuleView],
    request: PolicyRequest,
    arrived: Callable[[PolicyRequest, Decision], bool],
    keeps: Callable[[PolicyRequest], bool] = lambda request: True,
) -> list[Change] | None:
    """Changes of attributes that lead past each rule that decides, until ``arrived``; ``None`` if none are known.

    Args:
        engine: decides.
        rules: its rules by name.
        request: where to begin.
        arrived: whether a request and its decision are what is wanted.
        keeps: what has to hold on the way.
    """
    changes: list[Change] = []
    for _ in range(_MOST_STEPS):
        decision = engine.decide(request)
        if arrived(request, decision):
            return changes
        rule = rules.get(decision.rule)
        if rule is None:
            return None
        for change in (change for atom in atoms_of(rule.formula) for change in flips(atom, request)):
            changed = change.on(request)
            if engine.decide(changed).rule != decision.rule and keeps(changed):
                break
        else:
            return None
        changes.append(change)
        request = changed
    return None


def applied(request: PolicyRequest, changes: Sequence[Change]) -> PolicyRequest:
    """The request with all of the changes."""
    for change in changes:
        request = change.on(request)
    return request


def flips(atom: Atom, request: PolicyRequest) -> Iterator[Change]:
    """Values of the attribute for which the condition says the contrary; the nearest numbers first."""
    if atom.operator == CEL or atom.path in FIXED or atom.path.startswith("resource."):
        return
    held = held_value(request.attributes, atom.path.split("."))
    now = atom.answer(held)
    values = [value for value in near(atom) if value is not None and _of_type(atom, value)]
    if kind_of(held) == NUMBER:
        values.sort(key=lambda value: abs(value - held) if kind_of(value) == NUMBER else math.inf)
    flips = [value for value in values if atom.answer(value) not in {None, now}]
    for value in flips[: 1 if kind_of(held) == NUMBER else 2]:
        side = "meets" if atom.answer(value) else "does not meet"
        yield Change(atom.path, value, f"{equals_words(atom.path, value)}, which {side} {condition_words(atom)}")


def equals_words(path: str, value: Any) -> str:
    """What an attribute shall be."""
    return f"{path} = {json.dumps(value, ensure_ascii=False, default=str)}"


def _of_type(atom: Atom, value: Any) -> bool:
    if atom.attribute.values:
        return value in atom.attribute.values
    # A parameter has no declared type: values of the type of the operand are meant.
    wanted = atom.operand[0] if isinstance(atom.operand, list) and atom.operand else atom.operand
    loose = atom.attribute.type is AttributeType.ANY
    return HAS_TYPE[atom.attribute.type](value) and (not loose or kind_of(value) == kind_of(wanted))


def held_value(values: Any, keys: Sequence[str]) -> Any:
    """The value at a path; ``None`` if there is none."""
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def _with(values: Mapping[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    first, *rest = keys
    if not rest:
        return {**values, first: value}
    inside = values.get(first)
    return {**values, first: _with(inside if isinstance(inside, Mapping) else {}, rest, value)}
