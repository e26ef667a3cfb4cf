"""Methods that say nothing of what runs: those of protocols, abstract ones, and those that a subclass replaces."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from govflow.planning.values import ClassValue, Function, Instance, Value

if TYPE_CHECKING:
    from govflow.planning.machine import Machine


def note_hollow(machine: Machine, function: Function, receiver: Value) -> None:
    """Note a method that some other class fills, where its object is known by an annotation only."""
    if not isinstance(receiver, Instance) or machine.instances.get(id(receiver.cls)) is not receiver:
        return
    name = function.qualname.rpartition(".")[2]
    if _is_hollow(function.node) or _is_replaced(receiver.cls, name):
        machine.frame.deeds.unseen[f"{receiver.cls.qualname}.{name}"] = None


def _is_hollow(node: ast.AST) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return all(_says_nothing(statement) for statement in node.body)


def _says_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Raise(exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError"))):
            return True
    return False


def _is_replaced(cls: ClassValue, name: str) -> bool:
    stack, seen = list(cls.heirs), set[int]()
    while stack:
        heir = stack.pop()
        if id(heir) not in seen:
            seen.add(id(heir))
            if name in heir.members:
                return True
            stack.extend(heir.heirs)
    return False
