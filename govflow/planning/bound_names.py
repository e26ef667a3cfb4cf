"""The names that a piece of Python binds and the words that stand in it.

Standard library only: a test runs this file and :mod:`govflow.planning.normal_form` under each Python minor that it
finds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

FunctionNode: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda"
COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SCOPES = frozenset({*COMPREHENSIONS, *DEFINITIONS, ast.Lambda, ast.NamedExpr})
"""Nodes that hold names of their own, and what reaches out of them."""
_BINDING = frozenset(
    {*DEFINITIONS, ast.Import, ast.ImportFrom} | {ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping}
)
_WITHOUT_NODES = frozenset(
    {"ctx", "op", "ops", "id", "attr", "arg", "kind", "type_comment", "simple", "level", "module", "asname"}
    | {"is_async", "conversion", "rest", "kwd_attrs", "lineno", "tag"}
)
"""Fields that hold texts, numbers, contexts and operators."""
_NODE_FIELDS: dict[type[Any], tuple[str, ...]] = {}


def survey(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[frozenset[str], frozenset[str]]:
    """:func:`words_of` and :func:`local_names` of a function, with one look at each of its own nodes."""
    found: set[str] = set()
    bound = {argument.arg for argument in parameters(node.args)}
    outer: set[str] = set()
    own: list[Any] = list(node.body)
    inner: list[Any] = [node.args, *node.decorator_list, node.returns, *getattr(node, "type_params", ())]
    for child in own:  # it grows while it is read
        kind = type(child)
        if kind is ast.Name:
            found.add(child.id)
            if type(child.ctx) is not ast.Load:
                bound.add(child.id)
            continue
        if kind in _SCOPES:
            _add_own(child, kind, own)
            if kind is not ast.NamedExpr:  # all that it holds is this scope's own
                inner.append(child)
        elif kind is ast.Constant:
            if child.value == "__doc__":
                found.add("__doc__")
        else:
            if kind is ast.Attribute:
                found.add(f".{child.attr}")
            _add_children(child, kind, own)
        if kind in _BINDING:
            bound.update(_bound_by(child))
        elif kind is ast.Global or kind is ast.Nonlocal:
            outer.update(child.names)
    return frozenset(found).union(*map(words_of, inner)), frozenset(bound - outer)


def local_names(node: FunctionNode) -> frozenset[str]:
    """Names that are local to a function: parameters and everything it binds, less ``global`` and ``nonlocal``."""
    bound, outer = names_bound([node.body] if isinstance(node, ast.Lambda) else node.body)
    bound.update(argument.arg for argument in parameters(node.args))
    return frozenset(bound - outer)


def names_bound(body: Iterable[ast.AST]) -> tuple[set[str], set[str]]:
    """The names that a scope binds, and those that it says are of another scope."""
    bound: set[str] = set()
    outer: set[str] = set()
    for child in _own_nodes(body):
        kind = type(child)
        if kind is ast.Name:
            if type(child.ctx) is not ast.Load:
                bound.add(child.id)
        elif kind in _BINDING:
            bound.update(_bound_by(child))
        elif kind is ast.Global or kind is ast.Nonlocal:
            outer.update(child.names)
    return bound, outer


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """Every parameter in the order of the signature: positional, ``*``, keyword-only, ``**``."""
    found = [*arguments.posonlyargs, *arguments.args]
    if arguments.vararg is not None:
        found.append(arguments.vararg)
    found.extend(arguments.kwonlyargs)
    if arguments.kwarg is not None:
        found.append(arguments.kwarg)
    return found


def is_generator(node: FunctionNode) -> bool:
    """Whether calling the function gives a generator."""
    if isinstance(node, ast.Lambda):
        return False
    return any(type(child) in (ast.Yield, ast.YieldFrom) for child in _own_nodes(node.body))


def words_of(root: ast.AST) -> frozenset[str]:
    """Every name below a node, every attribute with a dot before it, and ``__doc__`` where it stands as text."""
    found: set[str] = set()
    stack: list[Any] = [root]
    for node in stack:  # it grows while it is read
        kind = type(node)
        if kind is ast.Name:
            found.add(node.id)
        elif kind is ast.Constant:
            if node.value == "__doc__":
                found.add("__doc__")
        else:
            if kind is ast.Attribute:
                found.add(f".{node.attr}")
            _add_children(node, kind, stack)
    return frozenset(found)


def _own_nodes(roots: Iterable[ast.AST]) -> list[Any]:
    """Nodes of a scope: does not go into nested functions, classes and lambdas, whose names are their own."""
    stack: list[Any] = list(roots)
    for node in stack:  # it grows while it is read
        kind = type(node)
        if kind is ast.Constant or kind is ast.Name:
            continue
        if kind in _SCOPES:
            _add_own(node, kind, stack)
        else:
            _add_children(node, kind, stack)
    return stack


def _add_own(node: Any, kind: type[Any], to: list[Any]) -> None:
    """Add what a node with names of its own says in the scope where it stands."""
    if kind in DEFINITIONS:
        to.extend(node.decorator_list)
    elif kind in COMPREHENSIONS:
        # Only the walrus reaches out of a comprehension.
        to.extend(child for child in ast.walk(node) if isinstance(child, ast.NamedExpr))
    elif kind is ast.NamedExpr:
        to.extend((node.target, node.value))


def _add_children(node: Any, kind: type[Any], to: list[Any]) -> None:
    """Add what stands below a node; several times faster than ``ast.iter_child_nodes``.

    Contexts and operators are left out; they say nothing by themselves. A list may hold texts and None beside nodes:
    there is nothing below those.
    """
    known = _NODE_FIELDS.get(kind)
    for name in _fields_of(kind) if known is None else known:
        value = getattr(node, name, None)
        if value.__class__ is list:
            to += value
        elif value is not None:
            to.append(value)


def _fields_of(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a kind of node that hold nodes; a text, a number and None have none."""
    fields = () if kind in (ast.Constant, ast.Name) else getattr(kind, "_fields", ())
    known = tuple(name for name in fields if name not in _WITHOUT_NODES)
    _NODE_FIELDS[kind] = known
    return known


def _bound_by(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return [alias.asname or alias.name.partition(".")[0] for alias in aliases]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
    return []
