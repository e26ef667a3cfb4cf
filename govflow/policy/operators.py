"""Operators: what each says of a value that is there and of its attribute's type.

========================================  ====================================================================
operator                                  met when the value
========================================  ====================================================================
``equals``, ``not_equals``                is, or is not, the operand
``any_of``, ``not_any_of``                is one of the operands, or none of them; for a list: any, or no, member is
``contains``                              holds the operand: as a part of text, or as a member of a list
``gt``, ``gte``, ``lt``, ``lte``          is a number above, at least, below, at most the operand
``between``                               is a number from the first operand to the second, both included
``glob``                                  matches the glob (:mod:`govflow.policy.globs`), as text, not normalised
``matches``                               matches the regular expression (:mod:`govflow.policy.regex`)
``cidr``                                  is an IP address in the network, or in one of them
``before``, ``after``                     is a time before, after the operand (:mod:`govflow.policy.moments`)
========================================  ====================================================================

A value of another type than the operator takes is an error and not a mismatch: ``"5"`` is neither equal nor unequal to
``5``, ``soon`` is neither before nor after a day. NaN is of the wrong type everywhere.
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from govflow.policy.attributes import Attribute, AttributeType, EvaluationError
from govflow.policy.globs import compile_glob
from govflow.policy.moments import moment
from govflow.policy.regex import RegexProblem, compile_regex
from govflow.policy.values import LIST, NUMBER, TEXT, ConditionProblem, Operand, kind_of, wrong_type

Test = Callable[[Any], bool]


def _equals(operand: Operand) -> Test:
    wanted, path = operand.scalar(), operand.attribute.path
    kind = kind_of(wanted)

    def test(value: Any) -> bool:
        if kind_of(value) != kind:
            raise wrong_type(path, value, kind)
        return bool(value == wanted)

    return test


def _any_of(operand: Operand) -> Test:
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
        raise wrong_type(path, value, named)

    return test


def _contains(operand: Operand) -> Test:
    wanted, path = operand.scalar(), operand.attribute.path
    kind = kind_of(wanted)

    def test(value: Any) -> bool:
        held = kind_of(value)
        if held == LIST:
            return any(kind_of(item) == kind and item == wanted for item in value)
        if held == TEXT and kind == TEXT:
            return wanted in value
        raise wrong_type(path, value, "a list" if kind != TEXT else "text or a list")

    return test


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Operand], Test]:
    def build(operand: Operand) -> Test:
        bound, path = operand.number(operand.value), operand.attribute.path

        def test(value: Any) -> bool:
            if kind_of(value) != NUMBER:
                raise wrong_type(path, value, NUMBER)
            return compare(value, bound)

        return test

    return build


def _between(operand: Operand) -> Test:
    if not isinstance(operand.value, list | tuple) or len(operand.value) != 2:
        raise ConditionProblem("the operand is not two numbers", "Write [lowest, highest].")
    low, high = (operand.number(item) for item in operand.value)
    if low > high:
        raise ConditionProblem("the first number is above the second: no value is between them", "Swap them.")
    path = operand.attribute.path

    def test(value: Any) -> bool:
        if kind_of(value) != NUMBER:
            raise wrong_type(path, value, NUMBER)
        return bool(low <= value <= high)

    return test


def _glob(operand: Operand) -> Test:
    pattern = operand.text("the operand is not a glob", "Write one glob as text, such as 'prod-*'.")
    return _of_text(compile_glob(pattern), operand)


def _matches(operand: Operand) -> Test:
    pattern = operand.text("the operand is not a regular expression", "Write one as text, such as '^INC-[0-9]+$'.")
    try:
        return _of_text(compile_regex(pattern), operand)
    except RegexProblem as wrong:
        raise ConditionProblem(str(wrong), "Write the expression as docs/policy.md shows them.") from None


def _of_text(test: Callable[[str], bool], operand: Operand) -> Test:
    path = operand.attribute.path

    def checked(value: Any) -> bool:
        if not isinstance(value, str):
            raise wrong_type(path, value, TEXT)
        return test(value)

    return checked


def _cidr(operand: Operand) -> Test:
    given = operand.value if isinstance(operand.value, list | tuple) else [operand.value]
    networks = [_network(item) for item in given]
    if not networks:
        raise ConditionProblem("the operand is not a list with something in it", "Write a network: 10.0.0.0/8.")
    path = operand.attribute.path

    def test(value: Any) -> bool:
        if not isinstance(value, str):
            raise wrong_type(path, value, TEXT)
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            raise EvaluationError(f"{path} is text that is no IP address") from None
        # ::ffff:10.0.0.1 reaches the same machine as 10.0.0.1, so it is in the same networks.
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return any((mapped or address) in network for network in networks)

    return test


def _network(item: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if not isinstance(item, str):
        raise ConditionProblem("the operand is not a network", "Write one as text, such as '10.0.0.0/8'.")
    try:
        network = ipaddress.ip_network(item)
    except ValueError:
        raise ConditionProblem(
            "the operand is not a network", "Write its first address and the length, such as '10.0.0.0/8'."
        ) from None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def _timed(compare: Callable[[datetime, datetime], bool]) -> Callable[[Operand], Test]:
    def build(operand: Operand) -> Test:
        mend = "Write a day or a time with its offset: 2027-01-31, 2027-01-31T18:00:00+01:00."
        try:
            bound = moment(operand.text("the operand is not a time", mend))
        except ValueError:
            raise ConditionProblem("the operand is not a time", mend) from None
        path = operand.attribute.path
        return lambda value: compare(as_moment(path, value), bound)

    return build


def as_moment(path: str, value: Any) -> datetime:
    """The moment that the value of an attribute says.

    Raises:
        EvaluationError: it says none; never quotes it.
    """
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return value
    if not isinstance(value, str):
        raise wrong_type(path, value, "a time with an offset")
    try:
        return moment(value)
    except ValueError:
        raise EvaluationError(f"{path} is text that is no time with an offset") from None


def _negated(build: Callable[[Operand], Test]) -> Callable[[Operand], Test]:
    def built(operand: Operand) -> Test:
        test = build(operand)
        return lambda value: not test(value)

    return built


_COMPARABLE: Final = frozenset({AttributeType.INT, AttributeType.NUMBER, AttributeType.ANY})
_SCALAR: Final = _COMPARABLE | {AttributeType.STRING, AttributeType.BOOL}
_TEXTUAL: Final = frozenset({AttributeType.STRING, AttributeType.ANY})
_MEMBERS: Final = _SCALAR - {AttributeType.BOOL} | {AttributeType.LIST}
_TIMED: Final = frozenset({AttributeType.TIME, AttributeType.ANY})

OPERATORS: Final[Mapping[str, tuple[frozenset[AttributeType], Callable[[Operand], Test]]]] = {
    "equals": (_SCALAR, _equals),
    "not_equals": (_SCALAR, _negated(_equals)),
    "any_of": (_MEMBERS, _any_of),
    "not_any_of": (_MEMBERS, _negated(_any_of)),
    "contains": (_TEXTUAL | {AttributeType.LIST}, _contains),
    "gt": (_COMPARABLE, _compared(operator.gt)),
    "gte": (_COMPARABLE, _compared(operator.ge)),
    "lt": (_COMPARABLE, _compared(operator.lt)),
    "lte": (_COMPARABLE, _compared(operator.le)),
    "between": (_COMPARABLE, _between),
    "glob": (_TEXTUAL, _glob),
    "matches": (_TEXTUAL, _matches),
    "cidr": (_TEXTUAL, _cidr),
    "before": (_TIMED, _timed(operator.lt)),
    "after": (_TIMED, _timed(operator.gt)),
}
"""Every operator but ``exists``: the types of attribute that it fits, and how its test is built."""

EXISTS: Final = "exists"


def quick_test(attribute: Attribute, name: str, operand: Any) -> tuple[type, Test] | None:
    """The test of a sound operand for values of just one class, for which nothing else has to be checked.

    Nearly every value is of that class, and nearly all of the time of a decision goes into such tests. ``None`` where
    there is none; the slow test says the same.
    """
    if attribute.type in {AttributeType.LIST, AttributeType.TIME}:
        return None
    if name in _QUICK and operand.__class__ in (str, int, bool):
        return operand.__class__, partial(_QUICK[name], operand)
    if name in _QUICK_NUMBERS and operand.__class__ is int:
        return int, partial(_QUICK_NUMBERS[name], operand)
    if name in {"any_of", "not_any_of"} and all(item.__class__ is str for item in operand):
        items = frozenset(operand)
        return str, items.__contains__ if name == "any_of" else lambda value: value not in items
    return None


_QUICK: Final[Mapping[str, Callable[[Any, Any], bool]]] = {"equals": operator.eq, "not_equals": operator.ne}
_QUICK_NUMBERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {  # the operand stands on the left
    "gt": operator.lt,
    "gte": operator.le,
    "lt": operator.gt,
    "lte": operator.ge,
}
