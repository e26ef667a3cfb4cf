"""Where an error ends: blocks that can only raise, and what may swallow one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def always_raises(statements: list[ast.stmt]) -> bool:
    """Whether a block can only end by raising, as far as its shape shows."""
    last = statements[-1] if statements else None
    if isinstance(last, ast.If):
        if not (always_raises(last.body) and always_raises(last.orelse)):
            return False
    elif not isinstance(last, ast.Raise):
        return False
    leaves = (ast.Return, ast.Break, ast.Continue, ast.Try)
    return not any(isinstance(node, leaves) for statement in statements for node in ast.walk(statement))


def try_swallows(node: ast.Try | ast.TryStar) -> bool:
    """Whether an error of the body may end here: in a handler, or because ``finally`` leaves by itself."""
    return any(not always_raises(handler.body) for handler in node.handlers) or _leaves(node.finalbody)


def _leaves(statements: list[ast.stmt], *, in_loop: bool = False) -> bool:
    """Whether a block may return, or break or continue a loop that stands around it."""
    for statement in statements:
        if isinstance(statement, ast.Return) or (isinstance(statement, ast.Break | ast.Continue) and not in_loop):
            return True
        if isinstance(statement, _DEFINITIONS):
            continue
        inner = in_loop or isinstance(statement, _LOOPS)
        if any(_leaves(block, in_loop=inner) for block in _blocks(statement)):
            return True
    return False


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for child in (statement, *ast.iter_child_nodes(statement)):  # handlers and cases hold blocks too
        if child is statement or isinstance(child, ast.ExceptHandler | ast.match_case):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(child, name, None)
                if isinstance(block, list):
                    yield block


def exit_swallows(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether an ``__exit__`` may return something true."""
    return any(
        isinstance(child, ast.Return)
        and child.value is not None
        and not (isinstance(child.value, ast.Constant) and not child.value.value)
        for child in _own(node.body)
    )


def yield_is_caught(statements: list[ast.stmt]) -> bool:
    """Whether a generator that is a context manager may swallow what is raised at its ``yield``."""
    for node in _own(statements):
        if isinstance(node, ast.Try | ast.TryStar) and try_swallows(node) and _yields(node.body):
            return True
        if isinstance(node, ast.With | ast.AsyncWith) and _yields(node.body) and any(map(_may_swallow, node.items)):
            return True
    return False


def _may_swallow(item: ast.withitem) -> bool:
    function = item.context_expr.func if isinstance(item.context_expr, ast.Call) else item.context_expr
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name == "suppress"


def _yields(statements: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own(statements))


def _own(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    """Nodes of a block, without those of the definitions in it."""
    stack: list[ast.AST] = list(statements)
    while stack:
        node = stack.pop()
        if isinstance(node, _DEFINITIONS):
            continue
        yield node
        stack.extend(ast.iter_child_nodes(node))
