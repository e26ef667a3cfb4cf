"""Conditions as formulas, and the ways in which they can come out as wanted.

A condition is met, not met, or has no answer; ``all`` and ``any`` take the least and the greatest of these in the order
not met, no answer, met, and ``not`` turns them round. So whether a group can come out in one way is asked of its parts,
down to single conditions: :func:`ways` gives every combination of their outcomes that leads there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from itertools import product
from typing import Any, Final

from govflow.policy.attributes import GROUPS, Attribute, AttributeSchema, AttributeType, lookup
from govflow.policy.cel import CEL, compile_cel
from govflow.policy.conditions import compile_condition
from govflow.policy.exemptions import TIME
from govflow.policy.model import PolicyRequest

MOST_WAYS: Final = 64
_PATH: Final = "parameters.value"  # where a test is tried; the path that a rule reads makes no difference to it

Answer = bool | None
"""Met, not met, or without an answer."""


class Want(Enum):
    """What a condition shall come out as. The value: which answers are meant."""

    MET = frozenset({True})
    UNMET = frozenset({False})
    NOT_UNMET = frozenset({True, None})
    NOT_MET = frozenset({False, None})


_INVERSE: Final = {
    Want.MET: Want.UNMET,
    Want.UNMET: Want.MET,
    Want.NOT_UNMET: Want.NOT_MET,
    Want.NOT_MET: Want.NOT_UNMET,
}
_EVERY_PART: Final = {"all": {Want.MET, Want.NOT_UNMET}, "any": {Want.UNMET, Want.NOT_MET}}


class TooMany(Exception):
    """A formula has more ways than are looked at."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One condition. Two are equal if they ask the same."""

    path: str
    operator: str
    written: str  # the operand, as JSON
    restricts: bool  # what is missing counts as met
    attribute: Attribute = field(compare=False)
    schema: AttributeSchema | None = field(compare=False, default=None)  # what an expression in CEL may read

    @property
    def operand(self) -> Any:
        """What it compares with."""
        return _read(self.written)

    def of(self, request: PolicyRequest, resource: str) -> Answer:
        """What it says of a request whose resource has that normal form."""
        try:
            if self.schema is not None:
                return compile_cel(self.operand, self.schema, self.restricts)(request, resource)
            value = lookup(request, self.path, resource)
        except Exception:  # noqa: BLE001 - as in the engine: without an answer
            return None
        return self.answer(value)

    def answer(self, value: Any) -> Answer:
        """What it says of a value; ``None`` is a missing one."""
        test = _test(self.attribute.type, self.operator, self.written, self.restricts)
        try:
            return test(value)
        except Exception:  # noqa: BLE001 - as in the engine: without an answer
            return None


@dataclass(frozen=True, slots=True)
class Group:
    """``all``, ``any`` or ``not`` of parts."""

    kind: str
    parts: tuple[Formula, ...]


Formula = Atom | Group
Literal = tuple[Atom, Want]
Way = tuple[Literal, ...]
"""Outcomes of single conditions that together lead to what is wanted."""


def formula_of(conditions: Mapping[str, Any], schema: AttributeSchema, *, restricts: bool) -> Group:
    """The conditions of a rule of a sound document."""
    return Group("all", tuple(_parts(conditions, schema, restricts)))


def ending(expires: str, schema: AttributeSchema, *, restricts: bool) -> Atom:
    """The condition that ``expires`` is."""
    return _atom(TIME, "before", expires, schema, restricts)


def ways(formula: Formula, want: Want) -> tuple[Way, ...]:
    """Every way in which the formula comes out as wanted.

    Raises:
        TooMany: there are more than :data:`MOST_WAYS`.
    """
    if isinstance(formula, Atom):
        return (((formula, want),),)
    if formula.kind == "not":
        (part,) = formula.parts
        return ways(part, _INVERSE[want])
    if want in _EVERY_PART[formula.kind]:
        return joined([ways(part, want) for part in formula.parts])
    found = tuple(way for part in formula.parts for way in ways(part, want))
    return _bounded(found)


def joined(choices: Sequence[tuple[Way, ...]]) -> tuple[Way, ...]:
    """One way of each, together."""
    count = 1
    for choice in choices:
        count *= len(choice)
        if count > MOST_WAYS:
            raise TooMany
    return tuple(tuple(literal for way in chosen for literal in way) for chosen in product(*choices))


def atoms_of(formula: Formula) -> Iterator[Atom]:
    """Every condition in it."""
    if isinstance(formula, Atom):
        yield formula
        return
    for part in formula.parts:
        yield from atoms_of(part)


def _bounded(found: tuple[Way, ...]) -> tuple[Way, ...]:
    if len(found) > MOST_WAYS:
        raise TooMany
    return found


def _parts(conditions: Mapping[str, Any], schema: AttributeSchema, restricts: bool) -> Iterator[Formula]:
    for path, held in sorted(conditions.items()):
        if path == "not":
            yield Group("not", (Group("all", tuple(_parts(held, schema, not restricts))),))
        elif path in GROUPS:
            yield Group(path, tuple(Group("all", tuple(_parts(part, schema, restricts))) for part in held))
        elif path == CEL:
            # Nothing is known of it but that it says the same wherever it stands in rules of one kind.
            yield Atom(f"{CEL}: {held}", CEL, json.dumps(held), restricts, Attribute(CEL, AttributeType.ANY), schema)
        else:
            for name, operand in sorted(held.items()):
                yield _atom(path, name, operand, schema, restricts)


def _atom(path: str, name: str, operand: Any, schema: AttributeSchema, restricts: bool) -> Atom:
    attribute = schema.find(path)
    assert attribute is not None  # the document is sound
    return Atom(path, name, json.dumps(operand, sort_keys=True), restricts, attribute)


@lru_cache(maxsize=4096)
def _read(written: str) -> Any:
    return json.loads(written)


@lru_cache(maxsize=4096)
def _test(kind: AttributeType, name: str, written: str, restricts: bool) -> Callable[[Any], bool]:
    """The engine's own test, asked of a bare value."""
    met = compile_condition(Attribute(_PATH, kind), name, json.loads(written), restricts)
    space, _, key = _PATH.partition(".")
    return lambda value: met(PolicyRequest(frozenset(), "", "", "", {space: {key: value}}), "")
