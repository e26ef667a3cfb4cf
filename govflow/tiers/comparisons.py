"""Comparing values that flows hand over. What cannot be compared counts as a match: tier rules only raise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any, Final

from govflow.tiers.document import refuse

MISSING: Final = object()
"""What :func:`lookup` answers where there is nothing."""

COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": lambda value, limit: bool(value > limit),
    "ge": lambda value, limit: bool(value >= limit),
    "lt": lambda value, limit: bool(value < limit),
    "le": lambda value, limit: bool(value <= limit),
}
"""The operators on numbers."""


def lookup(attributes: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, or the missing mark. A key that holds points itself is found first."""
    current: Any = attributes
    rest = path
    while True:
        if not isinstance(current, Mapping):
            return MISSING
        if rest in current:
            return current[rest]
        name, point, rest = rest.partition(".")
        if not point or name not in current:
            return MISSING
        current = current[name]


def value_test(test: Callable[[str], bool]) -> Callable[[Any], bool]:
    """A test of any value: scalars by their JSON text, sequences by their items, the rest counts as a match."""

    def check(value: Any) -> bool:
        if isinstance(value, str):
            return test(str.__str__(value))
        if value is None or isinstance(value, bool):
            return test({None: "null", True: "true", False: "false"}[value])
        if isinstance(value, int | float):
            return test(str(value))
        if isinstance(value, list | tuple | AbstractSet):
            return any(check(item) for item in value)
        return True

    return check


def number_test(op: str, operand: object, place: str) -> Callable[[Any], bool]:
    """A test of any value against a number.

    Raises:
        PolicyError: the operand is not a finite number.
    """
    limit = number_operand(operand, place)
    compare = COMPARE[op]

    def check(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or math.isnan(value):
            return True  # it cannot be compared
        return compare(value, limit)

    return check


def number_operand(operand: object, place: str) -> int | float:
    """The number that a rule compares with.

    Raises:
        PolicyError: it is not a finite number.
    """
    if isinstance(operand, bool) or not isinstance(operand, int | float) or not math.isfinite(operand):
        refuse(place, f"expected a number, found {operand!r}", "Write a number.")
    return operand
