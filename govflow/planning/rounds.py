"""How often a loop or a map goes round, where the source says it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

from govflow.planning.machine import Machine
from govflow.planning.values import Constant, Container, External, Value

_SAME: Final = frozenset({"enumerate", "iter", "list", "reversed", "sorted", "tuple"})
_OF_DICTS: Final = frozenset({"items", "keys", "values"})


def rounds(machine: Machine, node: ast.AST, value: Value | None = None) -> int | None:
    """The greatest number of elements that an iterable has; None where the source does not tell.

    Args:
        machine: the reading.
        node: the iterable as it is written.
        value: what it is, where it was evaluated already. Nothing is evaluated here: it would be recorded twice.
    """
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return None if any(isinstance(item, ast.Starred) for item in items) else _at_least_one(len(items))
        case ast.Dict(keys=keys):
            return None if None in keys else _at_least_one(len(keys))
        case ast.Call(func=ast.Name(id=name), args=args) if args and _is_builtin(machine, name):
            return _of_builtin(machine, name, args, node.keywords)
        case ast.Call(func=ast.Attribute(value=owner, attr=name), args=[]) if name in _OF_DICTS:
            return rounds(machine, owner)
        case ast.Name(id=name) if value is None:
            value = machine.lookup(name)
    if isinstance(value, Container) and value.exact and not value.lent and value.items:
        return len(value.items)
    return None


def of_map(machine: Machine, node: ast.AST, how: str) -> int | None:
    """How many calls ``task.map(...)`` makes. What is mapped over has one length."""
    if how != "map" or not isinstance(node, ast.Call):
        return None
    given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg not in _NOT_MAPPED)]
    return _least(rounds(machine, item) for item in given)


_NOT_MAPPED: Final = frozenset({None, "wait_for", "return_state", "deferred"})


def _of_builtin(machine: Machine, name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> int | None:
    if any(isinstance(item, ast.Starred) for item in args):
        return None
    if name == "range" and not keywords and len(args) <= 3:
        bounds = [_number(machine, item) for item in args]
        numbers = [bound for bound in bounds if bound is not None]
        known = len(numbers) == len(args) and (len(numbers) < 3 or numbers[2] != 0)
        return _at_least_one(len(range(*numbers))) if known else None
    if name == "zip":
        return _least(rounds(machine, item) for item in args)
    return rounds(machine, args[0]) if name in _SAME else None


def _is_builtin(machine: Machine, name: str) -> bool:
    found = machine.lookup(name)
    return isinstance(found, External) and found.dotted == f"builtins.{name}"


def _number(machine: Machine, node: ast.expr) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _number(machine, node.operand)
        return None if number is None else -number
    value = machine.lookup(node.id) if isinstance(node, ast.Name) else None
    found = node.value if isinstance(node, ast.Constant) else value.value if isinstance(value, Constant) else None
    return found if type(found) is int and abs(found) < 2**53 else None


def _least(counts: Iterable[int | None]) -> int | None:
    return min((count for count in counts if count is not None), default=None)


def _at_least_one(count: int) -> int:
    """A loop over nothing is planned as if it went round once: a plan holds no step that may never run."""
    return max(count, 1)
