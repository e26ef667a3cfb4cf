"""Tests that are decided where a module is imported: a decorator asks whether it was given a function.

``if fn is None: return partial(house, ...)`` is how one decorator serves with and without brackets. Only a name that is
a known function, or None, decides. Inside flows no test is decided: a plan holds both of its branches.
"""

from __future__ import annotations

import ast

from govflow.planning.machine import Machine
from govflow.planning.values import Constant, FlowValue, Function, TaskValue


def decided(machine: Machine, test: ast.expr) -> bool | None:
    """How a test ends; None where that is not known. What was decided is counted: another call may end otherwise."""
    if not machine.importing or not machine.frame.qualname:
        return None
    found = _ends(machine, test)
    machine.decided += found is not None
    return found


def _ends(machine: Machine, test: ast.expr) -> bool | None:
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            found = _ends(machine, inner)
            return None if found is None else not found
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            given = _is_given(machine, name)
            return None if given is None else not given
        case ast.Compare(left=ast.Name(id=name), ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return _is_given(machine, name)
        case ast.Call(func=ast.Name(id="callable"), args=[ast.Name(id=name)], keywords=[]):
            return _is_given(machine, name)
        case ast.Name(id=name):
            return _is_given(machine, name)
    return None


def _is_given(machine: Machine, name: str) -> bool | None:
    match machine.lookup(name):
        case Function() | TaskValue() | FlowValue():
            return True
        case Constant(value=None):
            return False
    return None
