"""Values and operands: of which type they are, and what is said when it is the wrong one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from govflow.policy.attributes import Attribute, AttributeType, EvaluationError
from govflow.policy.places import did_you_mean

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


def wrong_type(path: str, value: Any, wanted: str) -> EvaluationError:
    """The error of a value of another type than its test takes. Names the type, never the value."""
    return EvaluationError(f"{path} is {kind_of(value)}, not {wanted}")


@dataclass(frozen=True, slots=True)
class Operand:
    """What stands behind an operator: the attribute that it is compared with, and itself. Methods read it, or raise."""

    attribute: Attribute
    value: Any

    def scalar(self) -> Any:
        """One value, of the attribute's type."""
        return self._checked(self.value)

    def scalars(self) -> Sequence[Any]:
        """At least one value, each of the attribute's type."""
        if not isinstance(self.value, list | tuple) or not self.value:
            raise ConditionProblem("the operand is not a list with something in it", "Write a list: [a, b].")
        return [self._checked(item) for item in self.value]

    def number(self, value: Any) -> float:
        """A finite number."""
        if kind_of(value) != NUMBER or not math.isfinite(value):
            raise ConditionProblem("the operand is not a number", "Write a number.")
        return value  # type: ignore[no-any-return]  # its kind was just checked

    def text(self, problem: str, mend: str) -> str:
        """Text that is not empty; ``problem`` and ``mend`` are said of anything else."""
        if not isinstance(self.value, str) or not self.value:
            raise ConditionProblem(problem, mend)
        return self.value

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

HAS_TYPE: Final[Mapping[AttributeType, Callable[[Any], bool]]] = {
    AttributeType.STRING: lambda value: isinstance(value, str),
    AttributeType.INT: lambda value: isinstance(value, int) and not isinstance(value, bool),
    AttributeType.NUMBER: lambda value: kind_of(value) == NUMBER,
    AttributeType.BOOL: lambda value: isinstance(value, bool),
    AttributeType.LIST: lambda value: kind_of(value) == LIST and all(isinstance(item, str) for item in value),
    AttributeType.TIME: lambda value: isinstance(value, str | datetime),
    AttributeType.ANY: lambda value: True,
}
"""Whether a value is of the type that its attribute declares."""
