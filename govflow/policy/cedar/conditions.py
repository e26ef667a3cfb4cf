"""Conditions of a rule as a term of Cedar that says the same.

The law of missing attributes is written out: under deny and require_approval ``!(context has run) || …``, under allow
``context has run && …``. Each test fails in Cedar on a value of the wrong type, as it has no answer with us: text is
compared by ``like``, numbers by ``<=``, since Cedar's ``==`` finds a text and a number merely different.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from govflow.policy.attributes import AttributeSchema, AttributeType
from govflow.policy.cedar import terms
from govflow.policy.cedar.library import Form
from govflow.policy.cedar.terms import every, like, no, some, two, value
from govflow.policy.holes import TOKEN
from govflow.policy.moments import moment
from govflow.policy.places import Path

Problem = tuple[Path, str, str]
"""What cannot be said in Cedar: where it stands, what it is, and the mend."""

_LISTED: Final = {"any_of", "not_any_of", "contains"}
_ORDER: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Unsayable(ValueError):
    """Cedar has no term for it. ``args``: what it is, and the mend."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Writes conditions; what cannot be said is added to ``problems``, and its term is worthless."""

    schema: AttributeSchema
    problems: list[Problem]

    def group(self, conditions: Mapping[str, Any], here: Path, restricts: bool) -> list[Form]:
        """The terms of a group, all of which must hold."""
        return list(self._group(conditions, here, restricts))

    def _group(self, conditions: Mapping[str, Any], here: Path, restricts: bool) -> Iterator[Form]:
        for path, held in sorted(conditions.items()):
            place = (*here, path)
            if path == "not":
                yield no(every(self.group(held, place, not restricts)))
            elif path in {"all", "any"}:
                parts = [every(self.group(part, (*place, number), restricts)) for number, part in enumerate(held)]
                yield every(parts) if path == "all" else some(parts)
            elif self.schema.find(path) is None:
                self.problems.append((place, f"{path!r} has no term in Cedar", "Write the condition with operators."))
            else:
                for operator, operand in sorted(held.items()):
                    try:
                        yield self.condition(path, operator, operand, restricts)
                    except Unsayable as problem:
                        self.problems.append(((*place, operator), *problem.args))

    def condition(self, path: str, operator: str, operand: Any, restricts: bool) -> Form:
        """One condition.

        Raises:
            Unsayable: there is no such term.
        """
        there = terms.present(path)
        if operator == "exists":
            if there is None:
                raise Unsayable(f"{path} is always there", "Remove the condition.")
            return there if operand else no(there)
        attribute = self.schema.find(path)
        assert attribute is not None  # the document is sound
        test = _test(attribute.type, path, operator, operand)
        if there is None:
            return test
        return some([no(there), test]) if restricts else every([there, test])


def _test(kind: AttributeType, path: str, operator: str, operand: Any) -> Form:
    if operator.startswith("not_"):
        return no(_test(kind, path, operator.removeprefix("not_"), operand))
    if kind is AttributeType.ANY and operator in _LISTED:
        raise Unsayable(
            f"Cedar does not tell whether {path} is a text or a list, and {operator!r} depends on it",
            f"Declare its type under 'attributes:', such as '{path}: string'.",
        )
    held = terms.read(path)
    if operator == "equals":
        return _equals(held, operand)
    if operator == "any_of":
        if kind is AttributeType.LIST:
            return two("containsAny", held, {"Set": [value(item) for item in operand]})
        return some([_equals(held, item) for item in operand])
    if operator == "contains":
        if kind is AttributeType.LIST:
            return two("contains", held, value(operand))
        return like(held, (None, operand, None))
    if operator in _ORDER:
        return two(_ORDER[operator], held, _whole(operand))
    if operator == "between":
        return every([two(">=", held, _whole(operand[0])), two("<=", held, _whole(operand[1]))])
    if operator in {"before", "after"}:
        return _timed(kind, path, operator, operand)
    if operator == "glob":
        return like(held, pattern_of(operand))
    raise Unsayable(f"Cedar has nothing that says what {operator!r} says", "Say it by other operators.")


def _equals(held: Form, operand: Any) -> Form:
    if isinstance(operand, bool):
        return held if operand else no(held)
    if isinstance(operand, str):
        return like(held, (operand,))
    return every([two(">=", held, _whole(operand)), two("<=", held, _whole(operand))])


def _whole(operand: Any) -> Form:
    if not isinstance(operand, int) or not terms.FIRST <= operand <= terms.LAST:
        raise Unsayable(f"Cedar has no number {operand!r}, only whole ones of 64 bits", "Write a whole number.")
    return value(operand)


def _timed(kind: AttributeType, path: str, operator: str, operand: str) -> Form:
    if kind is not AttributeType.TIME:
        raise Unsayable(f"{path} is not known to be a time", f"Declare '{path}: time' under 'attributes:'.")
    return two(_ORDER["lt" if operator == "before" else "gt"], terms.read(path), time_of(moment(operand)))


def time_of(when: datetime) -> Form:
    """A moment, to the millisecond, which is as exact as Cedar is."""
    return {"datetime": [value(time_text(when))]}


def time_text(when: datetime) -> str:
    """A moment as Cedar reads it."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def pattern_of(glob: str) -> list[str | None]:
    """A glob as a pattern of Cedar, which knows no other wildcard than the star.

    Raises:
        Unsayable: it has another wildcard.
    """
    pattern: list[str | None] = []
    for token in TOKEN.findall(glob):
        if token[0] == "*":
            pattern.append(None)
        elif token == "?" or (len(token) > 1 and (len(token) != 3 or token[1] == "!")):
            raise Unsayable(f"the glob {glob!r} has a wildcard that Cedar lacks", "Write it with '*' alone.")
        else:
            pattern.append(token[1] if len(token) == 3 else token)
    return _run_together(pattern)


def _run_together(pattern: list[str | None]) -> list[str | None]:
    joined: list[str | None] = []
    for piece in pattern:
        if piece is not None and joined and joined[-1] is not None:
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined
