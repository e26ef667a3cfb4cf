"""Conditions: one attribute, one operator, one operand; compiled to a function when the policy is loaded.

Three laws hold for every operator:

* A **missing** attribute never turns a deny or require_approval rule off, and never turns an allow rule on. So under a
  restrictive rule a condition on it counts as met, under an allow rule as not met. ``exists`` is no exception:
  ``exists: true`` cannot narrow a deny and ``exists: false`` cannot open an allow; both are refused when loaded.
* A value of the **wrong type** is an error, not a mismatch: ``"5"`` is neither equal nor unequal to ``5``. NaN is of
  the wrong type everywhere.
* An operator that does not fit the attribute's **declared type** is refused when loaded.

========================================  ====================================================================
operator                                  met when the value
========================================  ====================================================================
``equals``, ``not_equals``                is, or is not, the operand
``any_of``, ``not_any_of``                is one of the operands, or none of them; for a list: any, or no, member is
``contains``                              holds the operand: as a part of text, or as a member of a list
``exists``                                is there (``true``) or is missing (``false``)
``gt``, ``gte``, ``lt``, ``lte``          is a number above, at least, below, at most the operand
``between``                               is a number from the first operand to the second, both included
``glob``                                  matches the glob (:mod:`govflow.policy.globs`), as text, not normalised
========================================  ====================================================================
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from govflow.policy.attributes import Attribute, AttributeType, EvaluationError, reader
from govflow.policy.globs import compile_glob
from govflow.policy.model import Effect, PolicyRequest
from govflow.policy.places import did_you_mean

Predicate = Callable[[PolicyRequest, str], bool]
"""Whether a condition is met by a request whose resource has that normal form; raises ``EvaluationError``."""

Test = Callable[[Any], bool]

TEXT, NUMBER, BOOL, LIST, OTHER = "text", "a number", "true or false", "a list", "something else"


class ConditionProblem(ValueError):
    """The condition cannot be used. ``args``: what is wrong, and the mend."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(problem, mend)
        self.problem = problem
        self.mend = mend


def kind_of(value: Any) -> str:
    """The type of a value in the words of error messages; NaN and other types are ``OTHER``."""
    if isinstance(value, str):
        return TEXT
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int | float):
        return OTHER if math.isnan(value) else NUMBER
    if isinstance(value, list | tuple | set | frozenset):
        return LIST
    return OTHER


@dataclass(frozen=True, slots=True)
class _Operand:
    """Where the operand stands, for its errors: the attribute that it is compared with, and itself."""

    attribute: Attribute
    value: Any

    def scalar(self) -> Any:
        return self._checked(self.value)

    def scalars(self) -> Sequence[Any]:
        if not isinstance(self.value, list | tuple) or not self.value:
            raise ConditionProblem("the operand is not a list with something in it", "Write a list: [a, b].")
        return [self._checked(item) for item in self.value]

    def number(self, value: Any) -> float:
        if kind_of(value) != NUMBER or not math.isfinite(value):
            raise ConditionProblem("the operand is not a number", "Write a number.")
        return value  # type: ignore[no-any-return]  # its kind was just checked

    def _checked(self, item: Any) -> Any:
        kind, attribute = kind_of(item), self.attribute
        if kind in {LIST, OTHER} or (kind == NUMBER and not math.isfinite(item)):
            raise ConditionProblem("the operand is not text, a number, true or false", "Write a single value.")
        wanted = _OPERAND_KIND.get(attribute.type)
        if wanted is not None and kind != wanted:
            raise ConditionProblem(f"{attribute.path} is {wanted}, the operand is {kind}", f"Write {wanted}.")
        if attribute.type is AttributeType.INT and not isinstance(item, int):
            raise ConditionProblem(f"{attribute.path} is a whole number, the operand is not", "Write a whole number.")
        if attribute.values and item not in attribute.values:
            raise ConditionProblem(
                f"{attribute.path} is never {item!r}", did_you_mean(str(item), map(str, attribute.values))
            )
        return item


_OPERAND_KIND: Final = {
    AttributeType.STRING: TEXT,
    AttributeType.INT: NUMBER,
    AttributeType.NUMBER: NUMBER,
    AttributeType.BOOL: BOOL,
    AttributeType.LIST: TEXT,
}


def _wrong(path: str, value: Any, wanted: str) -> EvaluationError:
    return EvaluationError(f"{path} is {kind_of(value)}, not {wanted}")


def _equals(operand: _Operand) -> Test:
    wanted, path = operand.scalar(), operand.attribute.path
    kind = kind_of(wanted)

    def test(value: Any) -> bool:
        if kind_of(value) != kind:
            raise _wrong(path, value, kind)
        return bool(value == wanted)

    return test


def _any_of(operand: _Operand) -> Test:
    items, path = operand.scalars(), operand.attribute.path
    wanted = frozenset((kind_of(item), item) for item in items)  # True == 1, but they are not the same value
    kinds = frozenset(kind for kind, _ in wanted)
    named = " or ".join(sorted(kinds))

    def test(value: Any) -> bool:
        kind = kind_of(value)
        if kind in kinds:
            return (kind, value) in wanted
        if kind == LIST:
            return any((kind_of(item), item) in wanted for item in value if kind_of(item) in kinds)
        raise _wrong(path, value, named)

    return test


def _contains(operand: _Operand) -> Test:
    wanted, path = operand.scalar(), operand.attribute.path
    kind = kind_of(wanted)

    def test(value: Any) -> bool:
        held = kind_of(value)
        if held == LIST:
            return any(kind_of(item) == kind and item == wanted for item in value)
        if held == TEXT and kind == TEXT:
            return wanted in value
        raise _wrong(path, value, "a list" if kind != TEXT else "text or a list")

    return test


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[_Operand], Test]:
    def build(operand: _Operand) -> Test:
        bound, path = operand.number(operand.value), operand.attribute.path

        def test(value: Any) -> bool:
            if kind_of(value) != NUMBER:
                raise _wrong(path, value, NUMBER)
            return compare(value, bound)

        return test

    return build


def _between(operand: _Operand) -> Test:
    if not isinstance(operand.value, list | tuple) or len(operand.value) != 2:
        raise ConditionProblem("the operand is not two numbers", "Write [lowest, highest].")
    low, high = (operand.number(item) for item in operand.value)
    if low > high:
        raise ConditionProblem("the first number is above the second: no value is between them", "Swap them.")
    path = operand.attribute.path

    def test(value: Any) -> bool:
        if kind_of(value) != NUMBER:
            raise _wrong(path, value, NUMBER)
        return bool(low <= value <= high)

    return test


def _glob(operand: _Operand) -> Test:
    if not isinstance(operand.value, str) or not operand.value:
        raise ConditionProblem("the operand is not a glob", "Write one glob as text, such as 'prod-*'.")
    matches, path = compile_glob(operand.value), operand.attribute.path

    def test(value: Any) -> bool:
        if not isinstance(value, str):
            raise _wrong(path, value, TEXT)
        return matches(value)

    return test


def _negated(build: Callable[[_Operand], Test]) -> Callable[[_Operand], Test]:
    def built(operand: _Operand) -> Test:
        test = build(operand)
        return lambda value: not test(value)

    return built


_COMPARABLE: Final = frozenset({AttributeType.INT, AttributeType.NUMBER, AttributeType.ANY})
_SCALAR: Final = _COMPARABLE | {AttributeType.STRING, AttributeType.BOOL}
_TEXTUAL: Final = frozenset({AttributeType.STRING, AttributeType.ANY})

OPERATORS: Final[Mapping[str, tuple[frozenset[AttributeType], Callable[[_Operand], Test]]]] = {
    "equals": (_SCALAR, _equals),
    "not_equals": (_SCALAR, _negated(_equals)),
    "any_of": (frozenset(AttributeType) - {AttributeType.BOOL}, _any_of),
    "not_any_of": (frozenset(AttributeType) - {AttributeType.BOOL}, _negated(_any_of)),
    "contains": (_TEXTUAL | {AttributeType.LIST}, _contains),
    "gt": (_COMPARABLE, _compared(operator.gt)),
    "gte": (_COMPARABLE, _compared(operator.ge)),
    "lt": (_COMPARABLE, _compared(operator.lt)),
    "lte": (_COMPARABLE, _compared(operator.le)),
    "between": (_COMPARABLE, _between),
    "glob": (_TEXTUAL, _glob),
}
"""Every operator but ``exists``: the types of attribute that it fits, and how its test is built."""

EXISTS: Final = "exists"

_TYPES: Final[Mapping[AttributeType, Callable[[Any], bool]]] = {
    AttributeType.STRING: lambda value: isinstance(value, str),
    AttributeType.INT: lambda value: isinstance(value, int) and not isinstance(value, bool),
    AttributeType.NUMBER: lambda value: kind_of(value) == NUMBER,
    AttributeType.BOOL: lambda value: isinstance(value, bool),
    AttributeType.LIST: lambda value: kind_of(value) == LIST and all(isinstance(item, str) for item in value),
    AttributeType.ANY: lambda value: True,
}


def compile_condition(attribute: Attribute, name: str, operand: Any, effect: Effect) -> Predicate:
    """The function that answers one condition of a rule with that effect.

    Raises:
        ConditionProblem: the operator is unknown, does not fit the attribute's type, or its operand does not.
    """
    read = reader(attribute.path)
    restricts = effect is not Effect.ALLOW
    if name == EXISTS:
        return _presence(read, operand, restricts)
    if name not in OPERATORS:
        raise ConditionProblem(f"unknown operator {name!r}", did_you_mean(name, [*OPERATORS, EXISTS]))
    types, build = OPERATORS[name]
    if attribute.type not in types:
        fitting = sorted(known for known, (fits, _) in OPERATORS.items() if attribute.type in fits)
        raise ConditionProblem(
            f"{name!r} does not fit {attribute.path}, which is of type {attribute.type}",
            f"Use one of: {', '.join([*fitting, EXISTS])}.",
        )
    test, fits = build(_Operand(attribute, operand)), _TYPES[attribute.type]
    path, declared = attribute.path, attribute.type

    def met(request: PolicyRequest, resource: str) -> bool:
        value = read(request, resource)
        if value is None:
            return restricts
        if not fits(value):
            raise EvaluationError(f"{path} is {kind_of(value)}, not of its declared type {declared}")
        return test(value)

    return met


def _presence(read: Callable[[PolicyRequest, str], Any], wanted: Any, restricts: bool) -> Predicate:
    if not isinstance(wanted, bool):
        raise ConditionProblem("'exists' takes true or false", "Write true or false.")
    if wanted and restricts:
        raise ConditionProblem(
            "'exists: true' cannot narrow this rule: a missing attribute never turns a deny or require_approval off",
            "Remove it, and narrow the rule by actions, resources or subjects.",
        )
    if not wanted and not restricts:
        raise ConditionProblem(
            "'exists: false' cannot open this rule: a missing attribute never turns an allow on",
            "Remove it, or say which value is allowed.",
        )
    return lambda request, resource: (read(request, resource) is not None) is wanted
